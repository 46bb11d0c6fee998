// SPDX-License-Identifier: Apache-2.0
#include "proxy/server_link.hpp"

#include <catch2/catch.hpp>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>

using namespace balance::layer7;

namespace {

/// In the life of a kept link, each after the one before. At what time did its server say something, or was it asked for?
enum moment { before_it_is_kept, in_the_same_batch, in_the_next_batch, in_a_later_batch, after_that_batch, never };

enum class news { stray_bytes, close };

/// A loop's batches, one after the other; its pool has one link, to a server at the other end of a socket pair.
class life_of_a_link final : watcher {
public:
    life_of_a_link(news what, moment said, moment taken, std::uint64_t only_of)
        : what_(what), said_(said), taken_(taken), wish_{.only_of = only_of} {
        std::array<int, 2> pair{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) == 0);
        server_ = descriptor(pair[1]);
        link_ = std::make_unique<server_link>(pool_, backend_);
        link_->socket = descriptor(pair[0]);
        link_->end = {.fd = pair[0]};
        link_->last_user = 1;
        REQUIRE(loop_.watch(bell_.get(), *this, EPOLLIN | EPOLLET));
        REQUIRE(loop_.watch(pair[0], *link_, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET));
        ring();
        loop_.run([this] { return after_batch(); }, std::chrono::microseconds(0));
    }

    /// The link was handed out.
    [[nodiscard]] bool was_taken() const noexcept { return got_ != nullptr; }

private:
    /// First of all, so that in the next batch this one's turn comes before the link's.
    void ring() { REQUIRE(::eventfd_write(bell_.get(), 1) == 0); }

    void ready(std::uint32_t) override {
        if (now_ == never)
            return; // the loop's last batch
        ring();
        if (now_ == before_it_is_kept) {
            happen();
            pool_.keep(std::move(link_));
            now_ = in_the_same_batch;
        }
        happen();
        now_ = static_cast<moment>(now_ + 1);
    }

    std::chrono::milliseconds after_batch() {
        pool_.after_batch();
        if (now_ == after_that_batch) {
            happen();
            now_ = never;
            loop_.stop();
        }
        return std::chrono::milliseconds(-1);
    }

    void happen() {
        if (now_ == said_ && what_ == news::stray_bytes)
            REQUIRE(::send(server_.get(), "HTTP/1.1 200 OK\r\n", 17, MSG_NOSIGNAL) == 17);
        if (now_ == said_ && what_ == news::close)
            server_.reset();
        if (now_ == taken_)
            got_ = pool_.take(*backend_, wish_);
    }

    news const what_;
    moment const said_;
    moment const taken_;
    link_pool::wish const wish_;
    moment now_ = before_it_is_kept;
    event_loop loop_;
    link_pool pool_{loop_};
    std::shared_ptr<backend> const backend_ = std::make_shared<backend>("a", balance::endpoint{}, 1);
    descriptor bell_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    descriptor server_;
    std::unique_ptr<server_link> link_;
    std::unique_ptr<server_link> got_;
};

} // namespace

TEST_CASE("a kept link whose server said something, or closed it, is never handed out", "[proxy]") {
    auto const what = GENERATE(news::stray_bytes, news::close);
    auto const said = GENERATE(before_it_is_kept, in_the_same_batch, in_the_next_batch, in_a_later_batch, after_that_batch);
    auto const taken = GENERATE(in_the_same_batch, in_the_next_batch, in_a_later_batch, after_that_batch);
    auto const only_of = GENERATE(0U, 1U);
    if (taken < said)
        return;
    CAPTURE(what, said, taken, only_of);
    CHECK_FALSE(life_of_a_link(what, said, taken, only_of).was_taken());
}

TEST_CASE("a kept link whose server was silent serves whoever wants it", "[proxy]") {
    auto const taken = GENERATE(in_the_same_batch, in_the_next_batch, in_a_later_batch, after_that_batch);
    CAPTURE(taken);
    CHECK(life_of_a_link(news::stray_bytes, never, taken, 0).was_taken());
    CHECK(life_of_a_link(news::stray_bytes, never, taken, 1).was_taken());
    CHECK_FALSE(life_of_a_link(news::stray_bytes, never, taken, 2).was_taken()); // another session's
}

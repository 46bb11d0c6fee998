// SPDX-License-Identifier: Apache-2.0
#include "ipc/channel.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>

using namespace dyad::ipc;
using namespace std::string_literals;
namespace json = boost::json;

namespace {

std::size_t open_descriptors() {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

/// One end of a pair with what it received; the other end is a channel or a bare socket.
struct receiver {
    explicit receiver(boost::asio::io_context& io, descriptor socket) : end(io.get_executor(), std::move(socket)) {
        end.on_message([this](json::object message, std::vector<descriptor> descriptors) {
            messages.push_back(std::move(message));
            for (auto& d : descriptors) {
                received.push_back(std::move(d));
            }
        });
        end.on_closed([this](std::string const& reason) { closed = reason; });
        end.start();
    }

    channel end;
    std::vector<json::object> messages;
    std::vector<descriptor> received;
    std::optional<std::string> closed;
};

struct pair {
    pair() : pair(*socket_pair()) {}
    explicit pair(std::pair<descriptor, descriptor> sockets)
        : a(io, std::move(sockets.first)), b(io, std::move(sockets.second)) {}

    /// Runs until `done` or nothing is left to do.
    template <class Condition>
    void run_until(Condition done) {
        while (!done() && io.run_one_for(std::chrono::seconds(5)) != 0) {
        }
        REQUIRE(done());
    }

    boost::asio::io_context io;
    receiver a;
    receiver b;
};

/// A receiver whose peer is a bare socket that says whatever a test likes.
struct against_socket {
    against_socket() : against_socket(*socket_pair()) {}
    explicit against_socket(std::pair<descriptor, descriptor> sockets)
        : peer(std::move(sockets.first)), r(io, std::move(sockets.second)) {}

    void say(std::string const& bytes) {
        REQUIRE(::send(peer.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    }
    std::string closing_reason() {
        while (!r.closed && io.run_one_for(std::chrono::seconds(5)) != 0) {
        }
        return r.closed.value_or("still open");
    }

    boost::asio::io_context io;
    descriptor peer;
    receiver r;
};

bool same_file(int a, int b) {
    struct stat first {};
    struct stat second {};
    return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

} // namespace

TEST_CASE("messages go both ways in order") {
    pair p;
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(p.a.end.send({{"n", i}}));
        REQUIRE(p.b.end.send({{"n", -i}}));
    }
    p.run_until([&] { return p.a.messages.size() == 1000 && p.b.messages.size() == 1000; });
    for (int i = 0; i < 1000; ++i) {
        CHECK(p.b.messages[static_cast<std::size_t>(i)].at("n") == i);
        CHECK(p.a.messages[static_cast<std::size_t>(i)].at("n") == -i);
    }
}

TEST_CASE("a large message crosses whole, and others around it") {
    pair p;
    std::string const large(15'000'000, 'x');
    REQUIRE(p.a.end.send({{"n", 1}}));
    REQUIRE(p.a.end.send({{"text", large}}));
    REQUIRE(p.a.end.send({{"n", 2}}));
    p.run_until([&] { return p.b.messages.size() == 3; });
    CHECK(p.b.messages[1].at("text").as_string() == large);
    CHECK(p.b.messages[2].at("n") == 2);
}

TEST_CASE("descriptors come with their message, closed on exec") {
    pair p;
    auto pipes = *socket_pair();
    int const both[] = {pipes.first.get(), pipes.second.get()};
    REQUIRE(p.a.end.send({{"n", 1}}));
    REQUIRE(p.a.end.send({{"n", 2}}, both));
    REQUIRE(p.a.end.send({{"n", 3}}, std::span(both).subspan(1)));
    std::vector<std::size_t> counts;
    p.b.end.on_message([&](json::object, std::vector<descriptor> descriptors) {
        counts.push_back(descriptors.size());
        for (auto& d : descriptors) {
            p.b.received.push_back(std::move(d));
        }
    });
    p.run_until([&] { return counts.size() == 3; });
    CHECK(counts == std::vector<std::size_t>{0, 2, 1});
    CHECK(same_file(p.b.received[0].get(), both[0]));
    CHECK(same_file(p.b.received[1].get(), both[1]));
    CHECK(same_file(p.b.received[2].get(), both[1]));
    CHECK((::fcntl(p.b.received[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("descriptors keep their places behind a full queue") {
    pair p;
    std::string const large(3'000'000, 'x');
    std::vector<descriptor> files;
    for (int i = 0; i < 3; ++i) {
        auto sockets = *socket_pair();
        REQUIRE(p.a.end.send({{"text", large}}));
        int const fd = sockets.first.get();
        REQUIRE(p.a.end.send({{"n", i}}, std::span(&fd, 1)));
        files.push_back(std::move(sockets.first)); // kept only to compare
    }
    p.run_until([&] { return p.b.messages.size() == 6; });
    REQUIRE(p.b.received.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(same_file(p.b.received[i].get(), files[i].get()));
    }
}

TEST_CASE("a message carries as many descriptors as promised and no more") {
    pair p;
    descriptor const file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    std::vector<int> many(max_descriptors, file.get());
    REQUIRE(p.a.end.send({}, many));
    p.run_until([&] { return p.b.messages.size() == 1; });
    CHECK(p.b.received.size() == max_descriptors);
    many.push_back(file.get());
    CHECK_FALSE(p.a.end.send({}, many));
    CHECK_FALSE(p.a.end.send({{"text", std::string(max_body, 'x')}}));
    REQUIRE(p.a.end.send({{"after", true}}));
    p.run_until([&] { return p.b.messages.size() == 2; });
}

TEST_CASE("no descriptor is left behind") {
    auto const before = open_descriptors();
    {
        pair p;
        descriptor const file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        int const fd = file.get();
        for (int i = 0; i < 20; ++i) {
            REQUIRE(p.a.end.send({{"text", std::string(500'000, 'x')}}, std::span(&fd, 1)));
        }
        p.run_until([&] { return p.b.messages.size() == 3; }); // the others are still queued
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("what was sent before closing arrives before the close") {
    pair p;
    REQUIRE(p.a.end.send({{"n", 1}}));
    p.a.end.close();
    CHECK_FALSE(p.a.end.is_open());
    CHECK_FALSE(p.a.end.send({{"n", 2}}));
    p.run_until([&] { return p.b.closed.has_value(); });
    CHECK(p.b.messages.size() == 1);
    CHECK(p.b.closed == "closed by the peer");
    CHECK_FALSE(p.b.end.is_open());
    CHECK_FALSE(p.a.closed);
}

TEST_CASE("a peer that went is still heard to the end") {
    against_socket t;
    auto const last = *encode_frame({{"type", "leaving"}}, 0);
    t.say(last);
    t.peer.reset();
    t.r.end.send({{"n", 1}}); // fails with EPIPE
    CHECK(t.closing_reason() == "closed by the peer");
    REQUIRE(t.r.messages.size() == 1);
    CHECK(t.r.messages[0].at("type") == "leaving");
}

TEST_CASE("a truncated message closes the channel") {
    against_socket t;
    t.say(encode_frame({{"n", 1}}, 0)->substr(0, 6));
    t.peer.reset();
    CHECK(t.closing_reason() == "closed by the peer in the middle of a message");
    CHECK(t.r.messages.empty());
}

TEST_CASE("garbage closes the channel, and nothing after it is believed") {
    against_socket t;
    t.say("\0\0\0\x05hello"s + *encode_frame({{"n", 1}}, 0));
    CHECK(t.closing_reason().starts_with("a message is no JSON"));
    CHECK(t.r.messages.empty());
}

TEST_CASE("descriptors must be as many as the message says") {
    descriptor const file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    SECTION("too few") {
        against_socket t;
        t.say(*encode_frame({{"n", 1}}, 1));
        CHECK(t.closing_reason() == "a message came without its descriptors");
    }
    SECTION("too many") {
        auto sockets = *socket_pair();
        boost::asio::io_context io;
        receiver r(io, std::move(sockets.second));
        auto const bytes = *encode_frame({{"n", 1}}, 0);
        iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr message{};
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        auto* part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int));
        *reinterpret_cast<int*>(CMSG_DATA(part)) = file.get();
        REQUIRE(::sendmsg(sockets.first.get(), &message, 0) > 0);
        while (!r.closed && io.run_one_for(std::chrono::seconds(5)) != 0) {
        }
        CHECK(r.closed == "descriptors came without a message");
    }
}

TEST_CASE("a peer that does not read costs a bounded amount") {
    auto sockets = *socket_pair(); // the second end is never read
    boost::asio::io_context io;
    receiver r(io, std::move(sockets.first));
    json::object const message{{"text", std::string(10'000'000, 'x')}};
    int sent = 0;
    while (r.end.send(message)) {
        REQUIRE(++sent < 10);
    }
    CHECK(sent >= 6);
    while (!r.closed && io.run_one_for(std::chrono::seconds(5)) != 0) {
    }
    CHECK(r.closed.value_or("open").starts_with("the peer does not read"));
}

TEST_CASE("a handler may destroy the channel") {
    boost::asio::io_context io;
    auto sockets = *socket_pair();
    channel sender(io.get_executor(), std::move(sockets.first));
    auto receiving = std::make_unique<channel>(io.get_executor(), std::move(sockets.second));
    int calls = 0;
    receiving->on_message([&](json::object, std::vector<descriptor>) {
        ++calls;
        receiving.reset();
    });
    receiving->start();
    sender.send({{"n", 1}});
    sender.send({{"n", 2}});
    io.run_for(std::chrono::seconds(5));
    CHECK(calls == 1);
    CHECK_FALSE(receiving);
}

TEST_CASE("what has arrived can be taken before its turn") {
    pair p;
    REQUIRE(p.a.end.send({{"n", 1}}));
    p.b.end.receive_now();
    CHECK(p.b.messages.size() == 1);
}

// SPDX-License-Identifier: Apache-2.0
#include "cluster/examiner.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <stdexcept>
#include <thread>

using balance::finding;
using findings = std::vector<finding>;

namespace {

finding const well{finding::grade::fine, {}, {}, "well", {}};

/// Tells on which thread it was destroyed.
struct mark {
    explicit mark(std::thread::id& where) : where_(&where) {}
    mark(mark const&) = delete;
    mark& operator=(mark const&) = delete;
    ~mark() { *where_ = std::this_thread::get_id(); }

private:
    std::thread::id* where_;
};

/// Runs until it is stopped; `began` tells that it runs.
dyad::examiner::examination endless(std::atomic<bool>& began) {
    return [&began](auto const&, auto, balance::examination const& how) {
        began = true;
        began.notify_all();
        while (!how.stop.stop_requested()) {
            std::this_thread::yield();
        }
        return findings{well};
    };
}

} // namespace

TEST_CASE("an examination runs on a thread of its own and answers on the home thread") {
    boost::asio::io_context io;
    std::thread::id ran;
    std::string asked;
    dyad::examiner e(io.get_executor(), [&](auto const& c, auto states, balance::examination const& how) {
        ran = std::this_thread::get_id();
        asked = how.service + ", port " + std::to_string(c.page_port) + ", states: " + std::to_string(states.size());
        return findings{well};
    });
    findings got;
    std::thread::id destroyed;
    balance::configuration c;
    c.page_port = 7;
    CHECK_FALSE(e.busy());
    e.examine(c, {balance::server_state{}}, {.service = "Web"}, [&, m = std::make_shared<mark>(destroyed)](findings f) {
        CHECK_FALSE(e.busy()); // so that it may ask again
        got = std::move(f);
    });
    CHECK(e.busy());
    auto work = boost::asio::make_work_guard(io);
    while (got.empty()) {
        io.run_one();
    }
    CHECK(got == findings{well});
    CHECK(asked == "Web, port 7, states: 1");
    CHECK(ran != std::this_thread::get_id());
    CHECK(destroyed == std::this_thread::get_id());
    CHECK_FALSE(e.busy());
}

TEST_CASE("an examination can follow another, and one that throws is a finding") {
    boost::asio::io_context io;
    auto const work = boost::asio::make_work_guard(io);
    dyad::examiner e(io.get_executor(),
                     [](auto const&, auto, auto const&) -> findings { throw std::runtime_error("out of files"); });
    for (int i = 0; i < 2; ++i) {
        findings got;
        e.examine({}, {}, {}, [&](findings f) { got = std::move(f); });
        while (e.busy()) {
            io.run_one();
        }
        CHECK(got == findings{{finding::grade::untested, {}, {}, "the examination failed: out of files", {}}});
    }
}

TEST_CASE("an examiner that is destroyed stops its examination and answers nobody") {
    boost::asio::io_context io;
    std::atomic<bool> began = false;
    bool answered = false;
    std::thread::id destroyed;
    {
        dyad::examiner e(io.get_executor(), endless(began));
        e.examine({}, {}, {}, [&, m = std::make_shared<mark>(destroyed)](findings) { answered = true; });
        began.wait(false);
    }
    CHECK(destroyed == std::this_thread::get_id());
    io.run(); // what the thread had posted finds nobody
    CHECK_FALSE(answered);
}

TEST_CASE("an examiner that is destroyed with an answer on its way answers nobody") {
    boost::asio::io_context io;
    bool answered = false;
    {
        dyad::examiner e(io.get_executor(), [](auto const&, auto, auto const&) { return findings{well}; });
        e.examine({}, {}, {}, [&](findings) { answered = true; });
    }
    io.run();
    CHECK_FALSE(answered);
}

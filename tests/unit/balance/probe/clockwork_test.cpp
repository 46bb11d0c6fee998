// SPDX-License-Identifier: Apache-2.0
#include "probe/clockwork.hpp"

#include "support/bell.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <stdexcept>

using balance::probe::clockwork;
using test::bell;
using namespace std::chrono_literals;

namespace {

struct driven {
    boost::asio::io_context io;
    std::shared_ptr<clockwork> subject = std::make_shared<clockwork>(io.get_executor());
    clockwork::clock::time_point const now = clockwork::clock::now();
};

} // namespace

TEST_CASE("clockwork wakes for the soonest, whoever was set first", "[clockwork]") {
    driven d;
    bell late;
    bell soon;
    d.subject->set(late, d.now + 1h);
    d.subject->set(soon, d.now + 5ms);
    d.io.run_one_for(2s); // the wait that was given up for the sooner one
    d.io.run_one_for(2s);
    CHECK(soon.rung == 1);
    CHECK(clockwork::clock::now() < d.now + 4s);
}

TEST_CASE("clockwork at rest keeps no event loop waiting, and works again", "[clockwork]") {
    driven d;
    bell one;
    d.subject->set(one, d.now + 1h);
    clockwork::take_back(one);
    d.subject->rest();
    CHECK(d.io.run_for(5s) > 0);
    CHECK(d.io.stopped()); // nothing is left to wait for
    d.io.restart();
    d.subject->set(one, d.now);
    d.io.run_for(5s);
    CHECK(one.rung == 1);
}

TEST_CASE("whoever is called may drop the clockwork", "[clockwork]") {
    driven d;
    bell other;
    bell one([&] {
        clockwork::take_back(other);
        d.subject.reset();
    });
    d.subject->set(one, d.now);
    d.subject->set(other, d.now);
    d.io.run_for(5s);
    CHECK(one.rung == 1);
    CHECK(other.rung == 0);
}

TEST_CASE("an exception of one stops no other", "[clockwork]") {
    driven d;
    bell bad([] { throw std::runtime_error("on purpose"); });
    bell good;
    d.subject->set(bad, d.now);
    d.subject->set(good, d.now);
    CHECK_THROWS(d.io.run_for(5s));
    d.io.run_for(5s);
    CHECK(good.rung == 1);
}

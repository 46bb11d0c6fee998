// SPDX-License-Identifier: Apache-2.0
#include "cluster/checker_questions.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

struct desk {
    boost::asio::io_context io;
    std::vector<json::object> sent;
    bool there = true;
    std::vector<balance::result<json::object>> answers;
    dyad::checker_questions subject{io.get_executor(), [this](json::object const& m) {
                                        sent.push_back(m);
                                        return there;
                                    }};

    void ask(std::chrono::milliseconds patience = 5s) {
        subject.ask({{"type", "test"}}, patience, [this](auto a) { answers.push_back(std::move(a)); });
    }
};

} // namespace

TEST_CASE("each question gets its own answer, once") {
    desk d;
    d.ask();
    d.ask();
    REQUIRE(d.sent.size() == 2);
    CHECK(d.sent[0].at("id") != d.sent[1].at("id"));
    d.subject.answered({{"type", "tested"}, {"id", d.sent[1].at("id")}, {"success", true}});
    d.subject.answered({{"type", "tested"}, {"id", d.sent[1].at("id")}, {"success", false}});
    d.subject.answered({{"type", "tested"}, {"id", 4711}});
    REQUIRE(d.answers.size() == 1);
    CHECK(d.answers[0].value() == json::object{{"success", true}});
    d.subject.answered({{"type", "tested"}, {"id", d.sent[0].at("id")}, {"error", "no such server"}});
    REQUIRE(d.answers.size() == 2);
    CHECK(d.answers[1].error().code == balance::errc::not_found);
    CHECK(d.answers[1].error().detail == "no such server");
}

TEST_CASE("a checker that is not there, dies or is silent is an answer too") {
    desk d;
    d.there = false;
    d.ask();
    REQUIRE(d.answers.size() == 1);
    CHECK(d.answers[0].error().code == balance::errc::io_error);
    d.there = true;
    d.ask();
    d.ask();
    d.subject.lost();
    REQUIRE(d.answers.size() == 3);
    CHECK(d.answers[2].error().detail.find("died") != std::string::npos);
    d.ask(1ms);
    d.io.run();
    REQUIRE(d.answers.size() == 4);
    CHECK(d.answers[3].error().code == balance::errc::timed_out);
}

TEST_CASE("there are only so many questions at once") {
    desk d;
    for (std::size_t i = 0; i < dyad::checker_questions::most_at_once; ++i) {
        d.ask();
    }
    CHECK(d.answers.empty());
    d.ask();
    REQUIRE(d.answers.size() == 1);
    CHECK(d.answers[0].error().code == balance::errc::refused);
    d.subject.answered({{"type", "tested"}, {"id", d.sent[0].at("id")}});
    d.ask();
    CHECK(d.answers.size() == 2);
}

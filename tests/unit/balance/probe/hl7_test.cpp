// SPDX-License-Identifier: Apache-2.0
#include "probe/hl7_dialogue.hpp"
#include "support/golden_hex.hpp"
#include "watched_checker.hpp"

#include <boost/asio/read_until.hpp>
#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::probe;
using namespace test;
using namespace std::chrono_literals;

namespace {

constexpr auto asked = "MSH|^~\\&|DYAD|LB1|ARCHIVE|RADIOLOGY|20260101120000||ZZZ^Z99|DYAD1|P|2.5\nZZZ|1|a check\n";

std::string from_recording(std::string const& name) {
    static auto const all = read_golden("hl7/mllp.hex");
    auto const& bytes = all.at(name);
    return {bytes.begin(), bytes.end()};
}

finding_out after_answer(std::string_view bytes) {
    hl7_dialogue d(asked);
    CHECK(d.to_send() == from_recording("AA.message"));
    CHECK(d.to_send().empty());
    CHECK(d.waiting_for() == "acknowledgement");
    d.received(bytes);
    d.closed();
    return d.outcome().value();
}

/// Reads one message (kept in `*heard`), answers, and waits for the client to leave.
scripted_server::behaviour acknowledge(std::string answer, std::string* heard = nullptr) {
    return [answer = std::move(answer), heard](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string read;
        auto into = boost::asio::dynamic_buffer(read);
        co_await boost::asio::async_read_until(s, into, "\x1c\r", no_throw);
        if (heard != nullptr)
            *heard = read;
        co_await boost::asio::async_write(s, boost::asio::buffer(answer), no_throw);
        co_await boost::asio::async_read_until(s, into, "never", no_throw);
        s.close();
    };
}

} // namespace

TEST_CASE("who acknowledges our message is up", "[hl7]") {
    CHECK(after_answer(from_recording("AA.answer")) == finding_out{true, "acknowledged with AA"});
    CHECK(after_answer(from_recording("CA.answer")) == finding_out{true, "acknowledged with CA"});
    CHECK(after_answer("\vMSH|^~\\&\rMSA|AA|DYAD1|fine\r\x1c\r") == finding_out{true, "acknowledged with AA: \"fine\""});
}

TEST_CASE("who does not is down, and says why", "[hl7]") {
    CHECK(after_answer(from_recording("AE.answer")) == finding_out{false, "answered with \"AE\" instead of AA or CA"});
    CHECK(after_answer("\vMSH|^~\\&\rMSA|AR|DYAD1|no such type\r\x1c\r") ==
          finding_out{false, "answered with \"AR\" instead of AA or CA: \"no such type\""});
    CHECK(after_answer("\vMSH|^~\\&\rMSA|AA|DYAD2\r\x1c\r") ==
          finding_out{false, "the acknowledgement belongs to message \"DYAD2\", not \"DYAD1\""});
    CHECK(after_answer("\vMSH|^~\\&\rMSA|AA\r\x1c\r").success == false);
    CHECK(after_answer("220 smtp.example\r\n") == finding_out{false, "the answer is not MLLP"});
    CHECK(after_answer("") == finding_out{false, "the connection was closed before the acknowledgement"});
    CHECK(after_answer("\vMSH|") == finding_out{false, "the connection was closed before the complete acknowledgement"});
}

TEST_CASE("an hl7 check speaks with a server", "[hl7][checker]") {
    watched_checker c;
    std::string heard;
    auto check = check_of(health_check::kind::hl7);
    check.interval = 1h;
    check.message = asked;
    SECTION("up") {
        scripted_server server(c.io, acknowledge(from_recording("AA.answer"), &heard));
        c.apply({checked_service(check, server.port())});
        CHECK(c.result().reason == "acknowledged with AA");
        CHECK(heard == from_recording("AA.message"));
        CHECK(c.events[0].last.received.starts_with("\\x0bMSH|^~\\\\&|ARCHIVE"));
    }
    SECTION("down") {
        scripted_server server(c.io, acknowledge(from_recording("AE.answer")));
        c.apply({checked_service(check, server.port())});
        CHECK(c.result().reason == "answered with \"AE\" instead of AA or CA");
    }
    SECTION("one that says nothing, and one that never ends") {
        check.timeout = 50ms;
        scripted_server silent(c.io, stay_silent);
        c.apply({checked_service(check, silent.port())});
        CHECK(c.result().reason == "no acknowledgement within 50 ms");
        watched_checker other;
        scripted_server slow(other.io, acknowledge("\vMSH|^~\\&|"));
        other.apply({checked_service(check, slow.port())});
        CHECK(other.result().reason == "no complete acknowledgement within 50 ms");
    }
}

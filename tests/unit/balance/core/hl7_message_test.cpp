// SPDX-License-Identifier: Apache-2.0
#include "core/hl7_message.hpp"
#include "support/golden_hex.hpp"

#include <catch2/catch.hpp>

using namespace balance::core::hl7;

namespace {

std::string recorded(std::string const& name) {
    static auto const all = test::read_golden("hl7/mllp.hex");
    auto const& bytes = all.at(name);
    return {bytes.begin(), bytes.end()};
}

constexpr std::string_view message = "MSH|^~\\&|DYAD|LB1|ARCHIVE|RADIOLOGY|20260101120000||ZZZ^Z99|DYAD1|P|2.5\r"
                                     "ZZZ|1|a check\r";

std::string fault_after(std::string_view bytes) {
    ack_reader r;
    r.feed(bytes);
    CHECK(r.state() == ack_reader::progress::failed);
    return r.fault();
}

} // namespace

TEST_CASE("hl7: a message is sent as python3-hl7 sends it") {
    CHECK(framed(message) == recorded("AA.message"));
    CHECK(framed(as_message("MSH|^~\\&|DYAD|LB1|ARCHIVE|RADIOLOGY|20260101120000||ZZZ^Z99|DYAD1|P|2.5\n"
                            "ZZZ|1|a check")) == recorded("AA.message"));
}

TEST_CASE("hl7: lines are segments") {
    CHECK(as_message("MSH|a\nB\r\nC\r\r\n\nD\n") == "MSH|a\rB\rC\rD\r");
    CHECK(as_message("").empty());
    CHECK(as_message("\n\r\n").empty());
}

TEST_CASE("hl7: the control id, whatever separates fields") {
    CHECK(control_id(message) == "DYAD1");
    CHECK(control_id("MSH#^~\\&#1#2#3#4#5#6#7#id#P\rZZZ#9\r") == "id");
    CHECK(control_id("MSH|^~\\&|1|2\rPID|3|4|5|6|7|8|9|10\r").empty());
    CHECK(control_id("PID|1|2|3|4|5|6|7|8|9|10").empty());
    CHECK(control_id("MSH").empty());
    CHECK(control_id("").empty());
}

TEST_CASE("hl7: what is wrong with a message to be sent") {
    CHECK(fault_of(message).empty());
    CHECK(fault_of("").find("must begin with a segment MSH") != std::string::npos);
    CHECK(fault_of("PID|1\r").find("must begin with a segment MSH") != std::string::npos);
    CHECK(fault_of("MSH|^~\\&|a|b|c|d|e|f||id|P\r").find("MSH-9") != std::string::npos);
    CHECK(fault_of("MSH|^~\\&|a|b|c|d|e|f|ZZZ||P\r").find("MSH-10") != std::string::npos);
    CHECK(fault_of("MSH|^~\\&|a|b|c|d|e|f|ZZZ|id\x1c|P\r").find("control characters") != std::string::npos);
    CHECK(fault_of("MSH|^~\\&|a|b|c|d|e|f|ZZZ|id|P\r" + std::string(70000, 'x')).find("65536 are the most") != std::string::npos);
}

TEST_CASE("hl7: acknowledgements of python3-hl7 are read, in whatever pieces they come") {
    for (std::string const code : {"AA", "CA", "AE", "AR"}) {
        auto const bytes = recorded(code + ".answer");
        for (std::size_t const piece : {1u, 3u, 1000u}) {
            ack_reader r;
            CHECK(r.silent());
            for (std::size_t at = 0; at < bytes.size(); at += piece)
                r.feed(std::string_view(bytes).substr(at, piece));
            REQUIRE(r.state() == ack_reader::progress::complete);
            CHECK(r.ack() == acknowledgement{code, "DYAD1", ""});
        }
    }
}

TEST_CASE("hl7: acknowledgements of others") {
    ack_reader r;
    r.feed("\vMSH#^~\\&#x\rERR#1\rMSA#AE#7#no such type#\r\x1c"); // another separator, and no carriage return at the end
    REQUIRE(r.state() == ack_reader::progress::complete);
    CHECK(r.ack() == acknowledgement{"AE", "7", "no such type"});
    ack_reader bare;
    bare.feed("\vMSH|^~\\&\rMSA|AA\r\x1c\r");
    CHECK(bare.ack() == acknowledgement{"AA", "", ""});
    bare.feed("\vMSH|^~\\&\rMSA|AE|9\r\x1c\r"); // the first one counts
    CHECK(bare.ack().code == "AA");
}

TEST_CASE("hl7: what is no acknowledgement") {
    CHECK(fault_after("HTTP/1.1 400\r\n") == "the answer is not MLLP");
    CHECK(fault_after("\vhello\x1c\r") == "the answer is no HL7 message: it does not begin with MSH");
    CHECK(fault_after("\v\x1c\r") == "the answer is no HL7 message: it does not begin with MSH");
    CHECK(fault_after("\vMSH|^~\\&|a\rPID|1\r\x1c\r") == "the answer is no acknowledgement: it has no segment MSA");
    CHECK(fault_after("\vMSH|^~\\&|a\rMSAX|AA|1\r\x1c\r") == "the answer is no acknowledgement: it has no segment MSA");
    CHECK(fault_after("\v" + std::string(65537, 'M')) == "the answer is longer than 65536 bytes");
    ack_reader r;
    for (int i = 0; i < 65536; ++i)
        r.feed(i == 0 ? "\v" : "M");
    CHECK(r.state() == ack_reader::progress::reading);
}

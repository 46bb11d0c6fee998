// SPDX-License-Identifier: Apache-2.0
#include "probe/dicom_codec.hpp"
#include "probe/dicom_dialogue.hpp"
#include "support/golden_hex.hpp"
#include "support/tls_server.hpp"
#include "watched_checker.hpp"

#include <boost/asio/read.hpp>
#include <catch2/catch.hpp>

#include <algorithm>

using namespace balance;
using namespace balance::probe;
using namespace test;
using namespace std::chrono_literals;

namespace {

/// A PDU that dcmtk sent, by its name in the recording.
std::string recorded(std::string const& name) {
    static auto const all = read_golden("dicom/pdus.hex");
    auto const& bytes = all.at(name);
    return {bytes.begin(), bytes.end()};
}

std::string changed(std::string bytes, std::size_t at, char to) {
    bytes.at(at) = to;
    return bytes;
}

/// What a server says to an association request, to C-ECHO and to a release request.
struct server_lines {
    std::string to_association = recorded("echo.2.<");
    std::string to_echo = recorded("echo.4.<");
    std::string to_release = recorded("echo.6.<");
};

/// The outcome of a dialogue with a server that says this, in pieces of that size.
finding_out outcome_of(server_lines const& lines, std::size_t piece = 1000) {
    dicom_dialogue d("DYAD", "ARCHIVE");
    for (auto const& line : {lines.to_association, lines.to_echo, lines.to_release}) {
        CHECK_FALSE(d.to_send().empty());
        CHECK(d.to_send().empty());
        for (std::size_t at = 0; at < line.size(); at += piece)
            d.received(line.substr(at, piece));
        if (d.outcome())
            return *d.outcome();
    }
    d.closed();
    return d.outcome().value();
}

std::string reason(server_lines const& lines) {
    auto const out = outcome_of(lines);
    CHECK_FALSE(out.success);
    return out.reason;
}

std::string rejected_by(char result, char source, char why) {
    return std::string("\3\0\0\0\0\4\0", 7) + std::string{result, source, why};
}

/// Reads one PDU.
boost::asio::awaitable<std::string> next_pdu(tcp::socket& s) {
    std::string head(6, '\0');
    auto const [ec, n] = co_await boost::asio::async_read(s, boost::asio::buffer(head), no_throw);
    if (ec)
        co_return std::string();
    std::string body(static_cast<unsigned char>(head[5]) + 256u * static_cast<unsigned char>(head[4]), '\0');
    co_await boost::asio::async_read(s, boost::asio::buffer(body), no_throw);
    co_return head + body;
}

/// Plays these lines, an answer to each PDU, and keeps what it was sent.
scripted_server::behaviour play(std::vector<std::string> lines, std::vector<std::string>* heard = nullptr) {
    return [lines = std::move(lines), heard](tcp::socket& s) -> boost::asio::awaitable<void> {
        for (auto const& line : lines) {
            auto pdu = co_await next_pdu(s);
            if (heard != nullptr)
                heard->push_back(std::move(pdu));
            co_await boost::asio::async_write(s, boost::asio::buffer(line), no_throw);
        }
        auto last = co_await next_pdu(s); // until the client is gone
        if (heard != nullptr && !last.empty())
            heard->push_back(std::move(last));
        s.close();
    };
}

} // namespace

TEST_CASE("what we send is what dcmtk's echoscu sends", "[dicom]") {
    dicom::implementation const dcmtk{"1.2.276.0.7230010.3.0.3.6.7", "OFFIS_DCMTK_367"};
    // PS3.8 table 9-13 has a reserved null where echoscu puts 255.
    auto const theirs = recorded("echo.1.>");
    auto const at = theirs.find(std::string("\1\0\xff\0", 4));
    REQUIRE(at != theirs.npos);
    CHECK(dicom::associate_request("DYAD", "ARCHIVE", dcmtk) == changed(theirs, at + 2, '\0'));
    CHECK(dicom::echo_request(1) == recorded("echo.3.>"));
    CHECK(dicom::release_request() == recorded("echo.5.>"));
    CHECK(dicom::release_response() == recorded("echo.6.<"));
    CHECK(dicom::abort() == recorded("abort.5.>"));
}

TEST_CASE("a search is what dcmtk's findscu sends", "[dicom]") {
    dicom::implementation const dcmtk{"1.2.276.0.7230010.3.0.3.6.7", "OFFIS_DCMTK_367"};
    auto const theirs = recorded("find.1.>");
    auto const at = theirs.find(std::string("\1\0\xff\0", 4));
    REQUIRE(at != theirs.npos);
    CHECK(dicom::associate_request("DYAD", "ARCHIVE", dcmtk, dicom::purpose::search) == changed(theirs, at + 2, '\0'));
    CHECK(dicom::find_request(1, {0x0010, 0x0020, "NOBODY"}) == recorded("find.3.>") + recorded("find.4.>"));
    auto const by_uid = dicom::find_request(1, {0x0020, 0x000d, "1.2.3"});
    CHECK(by_uid.ends_with(std::string("STUDY \x20\0\x0d\0\6\0\0\0" "1.2.3\0", 20)));
    CHECK(dicom::find_request(1, {0x0008, 0x0020, "20260101"}).find("20260101") < dicom::find_request(1, {0x0008, 0x0020, "20260101"}).find("STUDY"));
}

namespace {

/// The outcome of a search on a server that says this to the association request, the search and the release request.
finding_out found_by(std::string const& association, std::string const& answers, std::size_t piece = 1000) {
    dicom_dialogue d("DYAD", "ARCHIVE", core::dicom_key{0x0010, 0x0020, "DYAD"});
    for (auto const& line : {association, answers, recorded("echo.6.<")}) {
        CHECK_FALSE(d.to_send().empty());
        for (std::size_t at = 0; at < line.size() && !d.outcome(); at += piece)
            d.received(line.substr(at, piece));
        if (d.outcome())
            return *d.outcome();
    }
    d.closed();
    return d.outcome().value();
}

std::string search_fault(std::string const& answers) {
    auto const out = found_by(recorded("find.2.<"), answers);
    CHECK_FALSE(out.success);
    return out.reason;
}

} // namespace

TEST_CASE("an archive like dcmtk's dcmqrscp that searches is up, whatever it finds", "[dicom]") {
    auto const match = recorded("found.5.<") + recorded("found.6.<");
    auto const end = recorded("found.7.<");
    for (std::size_t const piece : {1u, 5u, 7u, 1000u}) {
        CAPTURE(piece);
        CHECK(found_by(recorded("find.2.<"), recorded("find.5.<"), piece) == finding_out{true, "C-FIND answered with status 0000, 0 studies found"});
        CHECK(found_by(recorded("found.2.<"), match + end, piece) == finding_out{true, "C-FIND answered with status 0000, 1 study found"});
        CHECK(found_by(recorded("found.2.<"), match + match + end, piece).reason == "C-FIND answered with status 0000, 2 studies found");
    }
}

TEST_CASE("an archive that cannot search says why, and one that finds no end is left", "[dicom]") {
    auto const association = recorded("find.2.<");
    auto const refused = changed(association, association.find(std::string("\x21\0\0\x19\1\0\0", 7)) + 6, '\3');
    CHECK(found_by(refused, "").reason == "the association is of no use: the presentation context was refused: the search for studies is not supported");
    auto const end = recorded("find.5.<");
    auto const match = recorded("found.5.<") + recorded("found.6.<");
    CHECK(search_fault(end.substr(0, end.size() - 2) + std::string("\0\xa7", 2)) == "C-FIND answered with status A700");
    CHECK(search_fault(recorded("echo.4.<")) == "the answer is no response to C-FIND");
    CHECK(search_fault(changed(end, end.find(std::string("\x20\1\2\0\0\0", 6)) + 6, '\7')) == "the answer belongs to another request");
    CHECK(search_fault(recorded("found.5.<") + end) == "the answer brings a command where a data set belongs");
    CHECK(search_fault(recorded("found.6.<")) == "the answer brings data where a response belongs");
    std::string many;
    while (many.size() < 2 * dicom::find_reader::longest_answers)
        many += match;
    CHECK(search_fault(many) == "the answers do not end");
}

TEST_CASE("our own name is one that may be used", "[dicom]") {
    auto const& who = dicom::our_implementation();
    CHECK(who.class_uid.size() <= 64);
    CHECK(who.class_uid.starts_with("2.25."));
    CHECK(std::all_of(who.class_uid.begin(), who.class_uid.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); }));
    CHECK((!who.version.empty() && who.version.size() <= 16));
}

TEST_CASE("a server like dcmtk's storescp is up, in whatever pieces its answers come", "[dicom]") {
    for (std::size_t const piece : {1u, 5u, 7u, 1000u}) {
        CAPTURE(piece);
        CHECK(outcome_of({}, piece) == finding_out{true, "C-ECHO answered with status 0000"});
    }
}

TEST_CASE("a server that refuses says why", "[dicom]") {
    server_lines lines;
    lines.to_association = recorded("refused.2.<");
    CHECK(reason(lines) == "the association was rejected: no reason given (permanent)");
    auto const rejected = [&](char result, char source, char why) {
        lines.to_association = rejected_by(result, source, why);
        return reason(lines);
    };
    CHECK(rejected(1, 1, 7) == "the association was rejected: called AE title not recognized (permanent)");
    CHECK(rejected(1, 1, 3) == "the association was rejected: calling AE title not recognized (permanent)");
    CHECK(rejected(1, 2, 2) == "the association was rejected: protocol version not supported (permanent)");
    CHECK(rejected(2, 3, 1) == "the association was rejected: temporary congestion (transient)");
    CHECK(rejected(2, 3, 99) == "the association was rejected: reason 99 (transient)");
}

TEST_CASE("an association without verification is of no use", "[dicom]") {
    auto const accept = recorded("echo.2.<");
    auto const context = accept.find(std::string("\x21\0\0\x19\1\0\0\0", 8));
    REQUIRE(context != accept.npos);
    server_lines lines;
    lines.to_association = changed(accept, context + 6, 3);
    CHECK(reason(lines) == "the association is of no use: the presentation context was refused: verification is not supported");
    lines.to_association = changed(accept, context + 4, 3);
    CHECK(reason(lines) == "the association is of no use: it answers a presentation context that nobody proposed");
    lines.to_association = recorded("syntaxes.2.<"); // storescp chose explicit VR, which this client did not propose
    CHECK(reason(lines) == "the association is of no use: it chose a transfer syntax that nobody proposed");
    lines.to_association = changed(accept, context, 0x22);
    CHECK(reason(lines) == "the association is of no use: it has no presentation context");
    lines.to_association = changed(accept, context + 2, 1);
    CHECK(reason(lines) == "the association is of no use: one of its items is cut off");
}

TEST_CASE("another status than 0000, or another answer, is down", "[dicom]") {
    auto const response = recorded("echo.4.<");
    server_lines lines;
    lines.to_echo = changed(changed(response, response.size() - 2, 0x22), response.size() - 1, 1);
    CHECK(reason(lines) == "C-ECHO answered with status 0122");
    auto const at = [&](char const* element) { return response.find(std::string(element, 4)); };
    lines.to_echo = changed(response, at("\0\0\0\1") + 8, 0x31);
    CHECK(reason(lines) == "the answer is no response to C-ECHO");
    lines.to_echo = changed(response, at("\0\0\x20\1") + 8, 9);
    CHECK(reason(lines) == "the answer belongs to another request");
    lines.to_echo = changed(response, at("\0\0\0\x09") + 3, 8);
    CHECK(reason(lines) == "the answer has no status");
    lines.to_echo = changed(response, 10, 3);
    CHECK(reason(lines) == "the answer is on a presentation context that nobody proposed");
    lines.to_echo = changed(response, 11, 2);
    CHECK(reason(lines) == "the answer brings data where a response belongs");
    lines.to_echo = changed(response, 9, 1);
    CHECK(reason(lines) == "the answer is cut off");
    lines.to_echo = changed(response, at("\0\0\0\1") + 4, 99);
    CHECK(reason(lines) == "the answer's command cannot be read");
    lines.to_echo = dicom::abort();
    CHECK(reason(lines) == "the association was aborted by its user");
    lines.to_echo = std::string("\7\0\0\0\0\4\0\0\2\5", 10);
    CHECK(reason(lines) == "the association was aborted by its provider: unexpected PDU parameter");
    lines.to_echo = dicom::release_request();
    CHECK(reason(lines) == "released before C-ECHO was answered");
    lines.to_echo = recorded("echo.2.<");
    CHECK(reason(lines) == "a PDU of type 2 came instead of the answer to C-ECHO");
}

TEST_CASE("a response in fragments is put together", "[dicom]") {
    auto const response = recorded("echo.4.<");
    auto const command = response.substr(12);
    std::string pdus;
    for (std::size_t at = 0; at < command.size(); at += 20) {
        auto const part = command.substr(at, 20);
        auto const size = static_cast<char>(part.size());
        pdus += std::string("\4\0\0\0\0", 5) + static_cast<char>(size + 6) + std::string("\0\0\0", 3) +
                static_cast<char>(size + 2) + '\1' + (at + 20 < command.size() ? '\1' : '\3') + part;
    }
    server_lines lines;
    lines.to_echo = pdus;
    CHECK(outcome_of(lines).success);
}

TEST_CASE("the end of the association", "[dicom]") {
    server_lines lines;
    lines.to_release = dicom::release_request(); // both at once
    CHECK(outcome_of(lines) == finding_out{true, "C-ECHO answered with status 0000"});
    lines.to_release.clear();
    CHECK(outcome_of(lines) == finding_out{true, "C-ECHO answered with status 0000; closed without a release"});
    lines.to_release = recorded("abort.5.>");
    CHECK(reason(lines) == "the association was aborted by its user");
}

TEST_CASE("what is not DICOM, or too long, is told as such", "[dicom]") {
    server_lines lines;
    lines.to_association = "HTTP/1.1 400 Bad Request\r\n\r\n";
    CHECK(reason(lines) == "the answer is not DICOM");
    lines.to_association = std::string("\2\0\x7f\xff\xff\xff", 6);
    CHECK(reason(lines) == "a PDU of 2147483647 bytes is longer than the 16384 that were agreed");
    lines.to_association.clear();
    lines.to_echo.clear();
    lines.to_release.clear();
    dicom_dialogue d("A", "B");
    d.closed();
    CHECK(d.outcome() == finding_out{false, "the connection was closed before the association"});
}

TEST_CASE("a dicom check speaks with a server and says goodbye", "[dicom][checker]") {
    watched_checker c;
    std::vector<std::string> heard;
    auto check = check_of(health_check::kind::dicom);
    check.interval = 1h;
    check.called_ae = "ARCHIVE";
    SECTION("up") {
        scripted_server server(
            c.io, play({recorded("echo.2.<"), recorded("echo.4.<"), recorded("echo.6.<")}, &heard));
        c.apply({checked_service(check, server.port())});
        CHECK(c.result().reason == "C-ECHO answered with status 0000");
        REQUIRE(heard.size() == 3);
        CHECK(heard[0] == dicom::associate_request("DYAD", "ARCHIVE", dicom::our_implementation()));
        CHECK(heard[1] == recorded("echo.3.>"));
        CHECK(heard[2] == recorded("echo.5.>"));
    }
    SECTION("an association of no use is aborted") {
        scripted_server server(c.io, play({recorded("syntaxes.2.<")}, &heard));
        c.apply({checked_service(check, server.port())});
        CHECK_FALSE(c.result().success);
        REQUIRE(run_until(c.io, [&] { return heard.size() == 2; }));
        CHECK(heard[1] == dicom::abort());
    }
    SECTION("one that says nothing") {
        check.timeout = 50ms;
        scripted_server server(c.io, play({recorded("echo.2.<"), ""}));
        c.apply({checked_service(check, server.port())});
        CHECK(c.result().reason == "no answer to C-ECHO within 50 ms");
    }
    SECTION("a closed port") {
        c.apply({checked_service(check, 1)});
        CHECK(c.result().reason == "connection refused");
    }
}

TEST_CASE("a dicom check over TLS", "[dicom][checker]") {
    boost::asio::ssl::context tls(boost::asio::ssl::context::tls_server);
    certificate const known("pacs.example");
    known.use_in(tls);
    watched_checker c;
    std::string server_name;
    std::vector<std::string> const lines{recorded("echo.2.<"), recorded("echo.4.<"), recorded("echo.6.<")};
    scripted_server server(c.io, [&](tcp::socket& s) -> boost::asio::awaitable<void> {
        boost::asio::ssl::stream<tcp::socket&> stream(s, tls);
        auto const [ec] = co_await stream.async_handshake(boost::asio::ssl::stream_base::server, no_throw);
        if (ec)
            co_return s.close();
        server_name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
        for (auto const& line : lines) {
            std::vector<char> some(1000);
            co_await stream.async_read_some(boost::asio::buffer(some), no_throw);
            co_await boost::asio::async_write(stream, boost::asio::buffer(line), no_throw);
        }
    });
    auto check = check_of(health_check::kind::dicom);
    check.tls = true;
    check.host = "pacs.example";
    c.apply({checked_service(check, server.port())});
    CHECK(c.result().reason == "C-ECHO answered with status 0000");
    CHECK(server_name == "pacs.example");
}

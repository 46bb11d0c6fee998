// SPDX-License-Identifier: Apache-2.0
#include "probe/dialogue_probe.hpp"
#include "watched_checker.hpp"

#include <boost/asio/ip/udp.hpp>
#include <catch2/catch.hpp>

#include <array>
#include <functional>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;
using boost::asio::ip::udp;

namespace {

/// Answers datagrams as `reply` says; not at all when that is empty.
class datagram_server {
public:
    datagram_server(boost::asio::io_context& io, std::function<std::string(std::string_view)> reply)
        : socket_(io, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)), reply_(std::move(reply)) {
        listen();
    }
    [[nodiscard]] std::uint16_t port() const { return socket_.local_endpoint().port(); }
    [[nodiscard]] int heard() const { return heard_; }

private:
    void listen() {
        socket_.async_receive_from(boost::asio::buffer(buffer_), from_, [this](boost::system::error_code ec, std::size_t n) {
            if (ec)
                return;
            ++heard_;
            if (auto const answer = reply_({buffer_.data(), n}); !answer.empty())
                socket_.send_to(boost::asio::buffer(answer), from_);
            listen();
        });
    }

    udp::socket socket_;
    udp::endpoint from_;
    std::function<std::string(std::string_view)> reply_;
    std::array<char, 2048> buffer_{};
    int heard_ = 0;
};

std::string time_of_stratum_2(std::string_view request) {
    return std::string("\x24\x02", 2) + std::string(22, '\0') + std::string(request.substr(40, 8)) + std::string(16, 't');
}

health_check ntp() {
    auto c = check_of(health_check::kind::ntp);
    c.interval = 1h;
    return c;
}

} // namespace

TEST_CASE("a datagram that gets lost is sent again", "[protocols][checker]") {
    watched_checker c;
    datagram_server server(c.io, [lost = true](std::string_view request) mutable {
        return std::exchange(lost, false) ? "" : time_of_stratum_2(request);
    });
    c.apply({checked_service(ntp(), server.port())});
    CHECK(c.result().reason == "a clock of stratum 2");
    CHECK(server.heard() == 2);
}

TEST_CASE("a server that stays silent, and a port where nobody listens", "[protocols][checker]") {
    watched_checker c;
    auto check = ntp();
    check.timeout = 50ms;
    datagram_server silent(c.io, [](std::string_view) { return std::string(); });
    c.apply({checked_service(check, silent.port())});
    CHECK(c.result().reason == "no answer within 50 ms");
    watched_checker other;
    std::uint16_t port = 0;
    {
        datagram_server gone(other.io, [](std::string_view) { return std::string(); });
        port = gone.port();
    }
    other.apply({checked_service(ntp(), port)});
    CHECK(other.result().reason == "connection refused");
}

TEST_CASE("a check whose secret is not there fails without asking", "[protocols][checker]") {
    watched_checker c;
    auto check = check_of(health_check::kind::imap);
    check.user = "dyad";
    check.password_file = "account";
    scripted_server server(c.io, hang_up);
    c.apply({checked_service(check, server.port())});
    CHECK(c.result().reason == "this node cannot read account, or it is empty; see the events");
    CHECK(server.connections() == 0);
}

TEST_CASE("what a server echoes of secrets is left out", "[protocols]") {
    health_check c;
    c.password = "geheim";
    c.secret = "abc";
    CHECK(probe::without_secrets("-ERR geheim, geheimgeheim, abc", c) == "-ERR ****, ********, abc");
    auto stars = c;
    stars.password = "****";
    CHECK(probe::without_secrets("220 ****************", stars) == "220 ****************");
    health_check mail = check_of(health_check::kind::smtp);
    mail.user = "dyad";
    mail.password = "secret";
    CHECK(probe::without_secrets("502 what is AUTH PLAIN AGR5YWQAc2VjcmV0?", mail) == "502 what is AUTH PLAIN ****?");
    auto const shown = probe::result_of({false, "the answer is \"geheim\""}, nullptr, c);
    CHECK(shown.reason == "the answer is \"****\"");
    expectation wanted;
    wanted.contains = "well";
    probe::verdict const expected(wanted);
    CHECK(probe::result_of({true, "fine", "all is well"}, &expected, c).success);
    CHECK(probe::result_of({true, "fine", "geheim"}, &expected, c).reason == "the answer does not contain \"well\" but starts with \"****\"");
    CHECK_FALSE(probe::result_of({false, "no", "all is well"}, &expected, c).success);
}

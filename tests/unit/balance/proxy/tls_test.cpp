// SPDX-License-Identifier: Apache-2.0
// TLS towards clients and towards servers, with a client and servers that are not ours (Asio's).
#include "proxied_service.hpp"
#include "recording_server.hpp"
#include "support/tls_server.hpp"

#include <balance/certificate.hpp>

#include <boost/asio/connect.hpp>
#include <catch2/catch.hpp>

#include <netinet/tcp.h>

#include <array>

using namespace test;

namespace {

namespace ssl = boost::asio::ssl;

struct tls_service : proxied_service {
    explicit tls_service(balance::mode m, bool re_encrypt = false) {
        service().mode = m;
        service().tls = balance::tls_termination{{{tls_port, tls_port}}, {"web"}};
        service().re_encrypt = re_encrypt;
        desired.certificates = {{"web", own.pem() + own.key_pem()}};
    }
    certificate own{"web.example.org"};
    std::uint16_t tls_port = free_port();
};

/// A client that says whether it was given another session than before.
struct tls_client {
    explicit tls_client(std::uint16_t port, std::string const& protocols = {}, std::string const& name = {},
                        certificate const* mine = nullptr, int newest = 0)
        : stream(io, prepared(mine, newest)) {
        if (!name.empty())
            SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     const_cast<char*>(name.c_str())); // what the macro does, with an older cast
        if (!protocols.empty())
            SSL_set_alpn_protos(stream.native_handle(), reinterpret_cast<unsigned char const*>(protocols.data()),
                                static_cast<unsigned>(protocols.size()));
        stream.lowest_layer().connect({boost::asio::ip::make_address(own_address()), port});
        timeval const limit{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(stream.lowest_layer().native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        stream.handshake(ssl::stream_base::client, error);
    }
    void send(std::string const& text) { boost::asio::write(stream, boost::asio::buffer(text), error); }
    std::string receive(std::size_t size) {
        std::string out(size, '\0');
        out.resize(boost::asio::read(stream, boost::asio::buffer(out), error));
        return out;
    }

    /// The name on the certificate that the server showed.
    std::string shown() {
        auto* const x509 = SSL_get0_peer_certificate(stream.native_handle());
        std::array<char, 100> text{};
        if (x509 != nullptr)
            X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, text.data(), text.size());
        return text.data();
    }
    ssl::context& prepared(certificate const* mine, int newest) {
        context.set_verify_mode(ssl::verify_none);
        if (mine != nullptr)
            mine->use_in(context);
        if (newest != 0)
            SSL_CTX_set_max_proto_version(context.native_handle(), newest);
        return context;
    }

    boost::asio::io_context io;
    ssl::context context{ssl::context::tls_client};
    ssl::stream<tcp::socket> stream;
    boost::system::error_code error;
};

void cork(tcp::socket& s, int on) { ::setsockopt(s.native_handle(), IPPROTO_TCP, TCP_CORK, &on, sizeof on); }

std::string const request = "GET / HTTP/1.1\r\nHost: web\r\n\r\n";
std::string const answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";

} // namespace

TEST_CASE("requests in TLS, beside those in clear", "[tls]") {
    recording_server server("one");
    tls_service p(balance::mode::http);
    p.add_server("one", server.port());
    p.apply();
    REQUIRE(p.status().not_served.empty());
    tls_client client(p.tls_port, "\x02h2\x08http/1.1");
    REQUIRE_FALSE(client.error);
    unsigned char const* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.stream.native_handle(), &chosen, &size);
    CHECK(std::string(reinterpret_cast<char const*>(chosen), size) == "http/1.1");
    for (int i = 0; i < 3; ++i) {
        client.send(request);
        CHECK(client.receive(answer.size()) == answer);
    }
    tcp_client clear(p.port);
    clear.send(request);
    CHECK(clear.receive(answer.size()) == answer);
    auto const asked = server.asked();
    REQUIRE(asked.size() == 4);
    CHECK(asked[0].head.find("X-Forwarded-Proto: https\r\n") != std::string::npos);
    CHECK(asked[3].head.find("X-Forwarded-Proto") == std::string::npos);
}

TEST_CASE("large bodies in TLS, both ways and to the server too", "[tls]") {
    for (bool const again : {false, true}) {
        CAPTURE(again);
        certificate const of_server("server");
        ssl::context context(ssl::context::tls_server);
        of_server.use_in(context);
        std::string const body(2'000'000, 'a');
        threaded_server server([&](tcp::socket& s) -> boost::asio::awaitable<void> {
            ssl::stream<tcp::socket&> tls(s, context);
            std::string bytes;
            auto into = boost::asio::dynamic_buffer(bytes);
            std::string const said = http_answer(body);
            if (again) {
                auto const [failed] = co_await tls.async_handshake(ssl::stream_base::server, no_throw);
                if (failed)
                    co_return;
                co_await boost::asio::async_read(tls, into, boost::asio::transfer_at_least(1'000'000), no_throw);
                co_await boost::asio::async_write(tls, boost::asio::buffer(said), no_throw);
            } else {
                co_await boost::asio::async_read(s, into, boost::asio::transfer_at_least(1'000'000), no_throw);
                co_await boost::asio::async_write(s, boost::asio::buffer(said), no_throw);
            }
            boost::asio::steady_timer timer(s.get_executor(), std::chrono::seconds(5));
            co_await timer.async_wait(no_throw);
        });
        tls_service p(balance::mode::http, again);
        p.add_server("one", server.port());
        p.apply();
        tls_client client(p.tls_port);
        client.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'b'));
        auto const wanted = http_answer(body);
        CHECK(client.receive(wanted.size()) == wanted);
    }
}

TEST_CASE("mode tcp in TLS: bytes both ways, a server that speaks first, and its farewell", "[tls]") {
    threaded_server server(greet_and_echo("one"));
    tls_service p(balance::mode::tcp);
    p.add_server("one", server.port());
    p.apply();
    tls_client client(p.tls_port);
    REQUIRE_FALSE(client.error);
    CHECK(client.receive(4) == "one\n");
    client.send("hello");
    CHECK(client.receive(5) == "hello");
    client.stream.shutdown(client.error); // waits for the other side's farewell
    CHECK_FALSE(client.error);
}

TEST_CASE("what is no TLS, or too old, is not served on the TLS port", "[tls]") {
    recording_server server("one");
    tls_service p(balance::mode::http);
    p.add_server("one", server.port());
    p.apply();
    tcp_client clear(p.tls_port);
    clear.send(request);
    CHECK(clear.receive_all().find("HTTP/1.1 200") == std::string::npos);
    tls_client old(p.tls_port);
    boost::asio::io_context io;
    ssl::context context(ssl::context::tls_client);
    SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_1_VERSION);
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_VERSION);
    SSL_CTX_set_cipher_list(context.native_handle(), "ALL:@SECLEVEL=0");
    ssl::stream<tcp::socket> stream(io, context);
    stream.lowest_layer().connect({boost::asio::ip::make_address(own_address()), p.tls_port});
    boost::system::error_code error;
    stream.handshake(ssl::stream_base::client, error);
    CHECK(error);
    CHECK(server.asked().empty());
}

TEST_CASE("a certificate that is missing or cannot be used says why, and nothing of its key", "[tls]") {
    tls_service p(balance::mode::http);
    p.add_server("one", 9);
    auto const why = [&](std::vector<std::pair<std::string, std::string>> certificates) {
        p.desired.certificates = std::move(certificates);
        p.apply();
        return p.status().not_served;
    };
    CHECK(why({}).find("there is no certificate \"web\"") != std::string::npos);
    CHECK(tcp_client(p.port).error() == 0); // the clear port is served all the same
    CHECK(tcp_client(p.tls_port).error() == ECONNREFUSED);
    CHECK(why({{"web", "nonsense"}}).find("no usable certificate") != std::string::npos);
    CHECK(why({{"web", p.own.pem()}}).find("no private key") != std::string::npos);
    certificate const other("other");
    auto const wrong = why({{"web", p.own.pem() + other.key_pem()}});
    CHECK(wrong.find("key is not the certificate's") != std::string::npos);
    CHECK(wrong.find("BEGIN") == std::string::npos);
    CHECK(why({{"web", p.own.key_pem() + p.own.pem()}}).empty()); // in any order
}

TEST_CASE("what a server says too much in TLS is no answer to the next client", "[tls]") {
    certificate const of_server("server");
    ssl::context context(ssl::context::tls_server);
    of_server.use_in(context);
    threaded_server server([&](tcp::socket& s) -> boost::asio::awaitable<void> {
        ssl::stream<tcp::socket&> tls(s, context);
        auto const [failed] = co_await tls.async_handshake(ssl::stream_base::server, no_throw);
        std::string bytes;
        auto into = boost::asio::dynamic_buffer(bytes);
        while (!failed) {
            auto const [ec, size] = co_await boost::asio::async_read_until(tls, into, "\r\n\r\n", no_throw);
            if (ec)
                co_return;
            bool const head = bytes.starts_with("HEAD ");
            bytes.erase(0, size);
            std::string const good = head ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" : http_answer("good");
            cork(s, true); // two records, one packet
            co_await boost::asio::async_write(tls, boost::asio::buffer(good), no_throw);
            if (head)
                co_await boost::asio::async_write(tls, boost::asio::buffer(http_answer("evil")), no_throw);
            cork(s, false);
        }
    });
    tls_service p(balance::mode::http, true);
    p.add_server("one", server.port());
    p.apply();
    for (int i = 0; i < 20; ++i) {
        tcp_client first(p.port);
        first.send("HEAD / HTTP/1.1\r\nHost: web\r\n\r\n");
        std::string const wanted = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
        REQUIRE(first.receive(wanted.size()) == wanted);
        tcp_client second(p.port);
        second.send(request);
        REQUIRE(second.receive(http_answer("good").size()) == http_answer("good"));
    }
}

TEST_CASE("servers are spoken to in TLS from the next request on, not when old connections have gone", "[tls]") {
    recording_server server("one");
    tls_service p(balance::mode::http);
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    client.send(request);
    CHECK(client.receive(answer.size()) == answer);
    p.service().re_encrypt = true;
    p.apply();
    client.send(request);
    CHECK(eventually([&] { return server.connections() == 2; })); // a new one, of which it understands nothing
    CHECK(server.asked().size() == 1);
}

TEST_CASE("mode tcp and re_encrypt: a server that speaks first", "[tls]") {
    certificate const of_server("server");
    ssl::context context(ssl::context::tls_server);
    of_server.use_in(context);
    threaded_server server([&](tcp::socket& s) -> boost::asio::awaitable<void> {
        ssl::stream<tcp::socket&> tls(s, context);
        auto const [failed] = co_await tls.async_handshake(ssl::stream_base::server, no_throw);
        if (!failed)
            co_await boost::asio::async_write(tls, boost::asio::buffer(std::string("welcome")), no_throw);
        boost::asio::steady_timer timer(s.get_executor(), std::chrono::seconds(5));
        co_await timer.async_wait(no_throw);
    });
    tls_service p(balance::mode::tcp, true);
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    CHECK(client.receive(7) == "welcome");
}

TEST_CASE("a new certificate is there for the next client, and the last one goes on", "[tls]") {
    recording_server server("one");
    tls_service p(balance::mode::http);
    p.add_server("one", server.port());
    p.apply();
    auto const name_of = [](tls_client& c) {
        std::array<char, 256> text{};
        std::unique_ptr<X509, decltype(&X509_free)> const shown(SSL_get1_peer_certificate(c.stream.native_handle()), &X509_free);
        X509_NAME_oneline(X509_get_subject_name(shown.get()), text.data(), text.size());
        return std::string(text.data());
    };
    tls_client first(p.tls_port);
    CHECK(name_of(first) == "/CN=web.example.org");
    certificate const fresh("new.example.org");
    p.desired.certificates = {{"web", fresh.pem() + fresh.key_pem()}};
    p.apply();
    tls_client second(p.tls_port);
    CHECK(name_of(second) == "/CN=new.example.org");
    first.send(request);
    CHECK(first.receive(answer.size()) == answer);
}

TEST_CASE("the name that a client asks for picks the certificate", "[tls]") {
    recording_server server("one");
    tls_service p(balance::mode::http);
    certificate const other("*.other.example");
    p.service().tls->certificates.push_back("other");
    p.desired.certificates.emplace_back("other", other.key_pem() + other.pem());
    p.add_server("one", server.port());
    p.apply();
    REQUIRE(p.status().not_served.empty());
    auto const shown = [&](char const* name) { return tls_client(p.tls_port, {}, name).shown(); };
    CHECK(shown("web.example.org") == "web.example.org");
    CHECK(shown("a.other.example") == "*.other.example");
    CHECK(shown("A.OTHER.example") == "*.other.example");
    CHECK(shown("a.b.other.example") == "web.example.org");
    CHECK(shown("nobody") == "web.example.org");
    CHECK(shown("") == "web.example.org");
}

TEST_CASE("clients may have to show a certificate of their own", "[tls]") {
    recording_server server("one");
    tls_service p(balance::mode::http);
    certificate const known("workstation-7"); // its own authority
    certificate const stranger("workstation-8");
    p.service().tls->client_ca = "clinic";
    p.desired.certificates.emplace_back("clinic", known.pem());
    p.add_server("one", server.port());
    auto const served = [&](certificate const* mine) {
        tls_client client(p.tls_port, {}, {}, mine);
        client.send(request);
        return client.receive(answer.size()) == answer;
    };
    p.apply();
    REQUIRE(p.status().not_served.empty());
    CHECK(served(&known));
    CHECK_FALSE(served(&stranger));
    CHECK_FALSE(served(nullptr));
    p.service().tls->client_required = false;
    p.apply();
    CHECK(served(&known));
    CHECK_FALSE(served(&stranger));
    CHECK(served(nullptr));
    p.desired.certificates.back().second = "nothing";
    p.apply();
    CHECK(p.status().not_served.find("no certificate that could vouch for clients; the TLS ports are closed") != std::string::npos);
}

TEST_CASE("profiles say which versions of TLS are spoken", "[tls]") {
    using profile = balance::tls_termination::profile;
    recording_server server("one");
    tls_service p(balance::mode::http);
    p.add_server("one", server.port());
    auto const speaks = [&](profile which, int newest) {
        p.service().tls->versions = which;
        p.apply();
        return !tls_client(p.tls_port, {}, {}, nullptr, newest).error;
    };
    CHECK(speaks(profile::standard, TLS1_3_VERSION));
    CHECK(speaks(profile::standard, TLS1_2_VERSION));
    CHECK(speaks(profile::modern, TLS1_3_VERSION));
    CHECK_FALSE(speaks(profile::modern, TLS1_2_VERSION));
    CHECK(speaks(profile::old, TLS1_2_VERSION));
}

TEST_CASE("what a certificate says", "[tls]") {
    certificate const own("pacs.example");
    auto const facts = balance::read_certificate(own.key_pem() + own.pem());
    REQUIRE(facts.has_value());
    CHECK(facts->subject == "CN = pacs.example");
    CHECK(facts->issuer == facts->subject);
    CHECK(facts->names == std::vector<std::string>{"pacs.example"});
    auto const now = std::chrono::system_clock::now();
    CHECK(facts->not_before < now);
    CHECK(facts->not_after > now + std::chrono::minutes(59));
    CHECK(facts->not_after < now + std::chrono::minutes(61));
    CHECK(balance::read_certificate(own.pem()).error().detail.starts_with("it holds no private key"));
    CHECK(balance::read_certificate(own.key_pem()).error().detail.starts_with("it holds no usable certificate"));
    CHECK(balance::read_certificate(own.pem() + certificate("other").key_pem()).error().detail.starts_with("its key is not the certificate's"));
    CHECK_FALSE(balance::read_certificate("").has_value());
}

// SPDX-License-Identifier: Apache-2.0
// What was revoked: lists of clients' certificates, and responses shown to clients that ask for ours.
#include "proxied_service.hpp"
#include "recording_server.hpp"
#include "support/tls_server.hpp"

#include <balance/certificate.hpp>

#include <boost/asio/ssl/stream.hpp>
#include <catch2/catch.hpp>
#include <openssl/ocsp.h>

using namespace test;

namespace {

namespace ssl = boost::asio::ssl;

struct parsed {
    explicit parsed(certificate const& c) {
        auto const pem = c.pem() + c.key_pem();
        std::unique_ptr<BIO, decltype(&BIO_free)> const in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
        x509.reset(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
        key.reset(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
    }
    std::unique_ptr<X509, decltype(&X509_free)> x509{nullptr, X509_free};
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{nullptr, EVP_PKEY_free};
};

std::string pem_of_list(X509_CRL* list) {
    std::unique_ptr<BIO, decltype(&BIO_free)> const out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509_CRL(out.get(), list);
    char* text = nullptr;
    auto const size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

/// An authority's list that revokes this serial number, good for so many seconds.
std::string list_of(certificate const& authority, long serial, long seconds = 3600) {
    parsed const a(authority);
    std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> const list(X509_CRL_new(), X509_CRL_free);
    std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> const from(X509_gmtime_adj(nullptr, -7200), ASN1_TIME_free);
    std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> const to(X509_gmtime_adj(nullptr, seconds), ASN1_TIME_free);
    X509_CRL_set_version(list.get(), 1);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(a.x509.get()));
    X509_CRL_set1_lastUpdate(list.get(), from.get());
    X509_CRL_set1_nextUpdate(list.get(), to.get());
    auto* const one = X509_REVOKED_new();
    std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> const number(ASN1_INTEGER_new(), ASN1_INTEGER_free);
    ASN1_INTEGER_set(number.get(), serial);
    X509_REVOKED_set_serialNumber(one, number.get());
    X509_REVOKED_set_revocationDate(one, from.get());
    X509_CRL_add0_revoked(list.get(), one);
    X509_CRL_sign(list.get(), a.key.get(), EVP_sha256());
    return pem_of_list(list.get());
}

/// What an authority that is the certificate itself says of it.
std::string response_for(certificate const& c, int status = V_OCSP_CERTSTATUS_GOOD, long seconds = 3600) {
    parsed const a(c);
    std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)> const basic(OCSP_BASICRESP_new(), OCSP_BASICRESP_free);
    std::unique_ptr<OCSP_CERTID, decltype(&OCSP_CERTID_free)> const id(OCSP_cert_to_id(EVP_sha1(), a.x509.get(), a.x509.get()), OCSP_CERTID_free);
    std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> const from(X509_gmtime_adj(nullptr, -7200), ASN1_TIME_free);
    std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> const to(X509_gmtime_adj(nullptr, seconds), ASN1_TIME_free);
    OCSP_basic_add1_status(basic.get(), id.get(), status, 0, from.get(), from.get(), to.get());
    OCSP_basic_sign(basic.get(), a.x509.get(), a.key.get(), EVP_sha256(), nullptr, 0);
    std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> const whole(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()),
                                                                              OCSP_RESPONSE_free);
    unsigned char* bytes = nullptr;
    auto const size = i2d_OCSP_RESPONSE(whole.get(), &bytes);
    std::string out(reinterpret_cast<char const*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return out;
}

std::string pem_of_response(std::string const& response) {
    std::unique_ptr<BIO, decltype(&BIO_free)> const out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio(out.get(), "OCSP RESPONSE", "", reinterpret_cast<unsigned char const*>(response.data()), static_cast<long>(response.size()));
    char* text = nullptr;
    auto const size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

struct revoking_service : proxied_service {
    revoking_service() {
        service().mode = balance::mode::http;
        service().tls = balance::tls_termination{{{secure, secure}}, {"web"}};
        desired.certificates = {{"web", own.pem() + own.key_pem()}};
        add_server("one", one.port());
    }
    /// Is a client with this certificate served?
    bool serves(certificate const& mine) {
        boost::asio::io_context io;
        ssl::context context(ssl::context::tls_client);
        auto const pem = mine.pem();
        auto const key = mine.key_pem();
        context.use_certificate(boost::asio::buffer(pem), ssl::context::pem);
        context.use_private_key(boost::asio::buffer(key), ssl::context::pem);
        ssl::stream<tcp::socket> stream(io, context);
        boost::system::error_code ec;
        stream.lowest_layer().connect({boost::asio::ip::make_address(own_address()), secure});
        stream.handshake(ssl::stream_base::client, ec);
        boost::asio::write(stream, boost::asio::buffer(std::string("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")), ec);
        std::string answer;
        boost::asio::read(stream, boost::asio::dynamic_buffer(answer), ec);
        return answer.ends_with("one");
    }
    /// What a client is shown that asks whether the certificate was revoked.
    std::string shown_response() {
        boost::asio::io_context io;
        ssl::context context(ssl::context::tls_client);
        ssl::stream<tcp::socket> stream(io, context);
        SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE, TLSEXT_STATUSTYPE_ocsp, nullptr);
        stream.lowest_layer().connect({boost::asio::ip::make_address(own_address()), secure});
        stream.handshake(ssl::stream_base::client);
        unsigned char* bytes = nullptr;
        auto const size = SSL_ctrl(stream.native_handle(), SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP, 0, &bytes);
        return bytes == nullptr ? std::string() : std::string(reinterpret_cast<char const*>(bytes), static_cast<std::size_t>(size));
    }

    recording_server one{"one"};
    certificate own{"web.example"};
    std::uint16_t secure = free_port();
};

} // namespace

TEST_CASE("a client whose certificate is on its authority's list is refused", "[revocation]") {
    revoking_service p;
    certificate const known("workstation-7"); // number 1, its own authority
    p.service().tls->client_ca = "clinic";
    p.desired.certificates.emplace_back("clinic", known.pem());
    auto const with_list = [&](std::string const& list) {
        p.desired.certificates.back().second = known.pem() + list;
        p.apply();
        return p.serves(known);
    };
    CHECK(with_list(""));
    CHECK(with_list(list_of(known, 2)));
    CHECK_FALSE(with_list(list_of(known, 1)));
    CHECK_FALSE(with_list(list_of(known, 2, -3600))); // out of date: nobody knows who was revoked since
    CHECK(p.status().not_served.empty());
}

TEST_CASE("a damaged list is no list, and it is said", "[revocation]") {
    certificate const known("workstation-7");
    auto const list = list_of(known, 1, 600);
    CHECK_FALSE(balance::has_damaged_revocation_list(known.pem()));
    CHECK_FALSE(balance::has_damaged_revocation_list(known.pem() + list + list));
    auto broken = list;
    broken.replace(broken.find('\n') + 5, 4, "!!!!");
    CHECK(balance::has_damaged_revocation_list(known.pem() + broken));
    CHECK(balance::has_damaged_revocation_list(list + broken));
    CHECK(balance::has_damaged_revocation_list(known.pem() + list.substr(0, list.size() / 2)));
}

TEST_CASE("until when lists are good", "[revocation]") {
    certificate const known("workstation-7");
    CHECK_FALSE(balance::revocation_lists_end(known.pem()));
    auto const now = std::chrono::system_clock::now();
    auto const end = balance::revocation_lists_end(list_of(known, 1, 7200) + known.pem() + list_of(known, 1, 600));
    REQUIRE(end);
    CHECK(*end > now + std::chrono::minutes(9));
    CHECK(*end < now + std::chrono::minutes(11));
}

TEST_CASE("a response beside a certificate is shown to clients that ask", "[revocation]") {
    revoking_service p;
    auto const pem = p.own.pem() + p.own.key_pem();
    auto const shown_with = [&](std::string const& beside) {
        p.desired.certificates = {{"web", pem + beside}};
        p.apply();
        return p.shown_response();
    };
    auto const good = response_for(p.own);
    CHECK(shown_with("").empty());
    CHECK(shown_with(pem_of_response(good)) == good);
    certificate const other("other.example");
    CHECK(shown_with(pem_of_response(response_for(p.own, V_OCSP_CERTSTATUS_GOOD, -60))).empty()); // out of date
    CHECK(shown_with(pem_of_response(response_for(p.own, V_OCSP_CERTSTATUS_REVOKED))).empty());
    CHECK(shown_with(pem_of_response("nonsense")).empty());
    CHECK(p.status().not_served.empty()); // the service goes on all the same
}

TEST_CASE("what is wrong with a response is said", "[revocation]") {
    certificate const own("web.example");
    auto const facts = [&](std::string const& response) {
        return balance::read_certificate(own.pem() + own.key_pem() + pem_of_response(response)).value();
    };
    CHECK(facts(response_for(own)).staple_fault.empty());
    CHECK(facts(response_for(own)).stapled_until > std::chrono::system_clock::now() + std::chrono::minutes(59));
    CHECK(facts(response_for(own, V_OCSP_CERTSTATUS_REVOKED)).staple_fault.find("revoked") != std::string::npos);
    CHECK(facts(response_for(own, V_OCSP_CERTSTATUS_UNKNOWN)).staple_fault.find("does not know it") != std::string::npos);
    CHECK(facts("nonsense").staple_fault.find("nothing") != std::string::npos);
    CHECK_FALSE(balance::read_certificate(own.pem() + own.key_pem()).value().stapled_until);
}

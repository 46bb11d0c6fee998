// SPDX-License-Identifier: Apache-2.0
#include "probe/tls_session.hpp"

#include "probe/reason.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <cstdio>
#include <ctime>

namespace balance::probe {
namespace asio = boost::asio;
namespace {

bool is_address(std::string const& host) {
    boost::system::error_code ec;
    asio::ip::make_address(host, ec);
    return !ec;
}

/// The name in SNI and in the certificate.
std::string server_name(order const& o) {
    if (o.check.host.empty())
        return o.target.address.to_string();
    auto const colon = o.check.host.rfind(':');
    return is_address(o.check.host) ? o.check.host : o.check.host.substr(0, colon);
}

/// OpenSSL's "wrong version number (SSL routines)" without where it was noticed.
std::string tls_words(boost::system::error_code const& ec) {
    if (ec == asio::error::eof || ec == asio::ssl::error::stream_truncated)
        return "the server closed the connection";
    std::string const text = words_for(ec);
    return text.substr(0, text.find(" (SSL routines"));
}

std::string name_of(X509_NAME const* name) {
    std::array<char, 256> text{};
    X509_NAME_oneline(name, text.data(), static_cast<int>(text.size()));
    return text.data();
}

std::string day_of(ASN1_TIME const* when) {
    std::tm day{};
    if (ASN1_TIME_to_tm(when, &day) != 1)
        return "a time that cannot be read";
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02d-%02d", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
    return text.data();
}

} // namespace

void prepare_session(SSL* session, order const& o) {
    std::string const host = server_name(o);
    if (!is_address(host))
        SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(host.c_str())); // RFC 6066 §3: names only
    if (o.check.verify) {
        X509_VERIFY_PARAM* const rules = SSL_get0_param(session);
        is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str())
                         : X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size());
    }
}

std::string session_fault(SSL* session, order const& o, boost::system::error_code const& ec) {
    if (long const why = SSL_get_verify_result(session); o.check.verify && why != X509_V_OK)
        return std::string("the certificate is not accepted: ") + X509_verify_cert_error_string(why);
    return "TLS handshake failed: " + tls_words(ec);
}

std::string describe_session(SSL* session) {
    std::string text = std::string(SSL_get_version(session)) + ", " + SSL_get_cipher_name(session);
    if (X509 const* const certificate = SSL_get0_peer_certificate(session))
        text += ", certificate of " + name_of(X509_get_subject_name(certificate)) + " until " +
                day_of(X509_get0_notAfter(certificate));
    return escaped(text, 512);
}

std::optional<int> days_left(SSL* session) {
    X509 const* const certificate = SSL_get0_peer_certificate(session);
    int days = 0;
    int seconds = 0;
    if (certificate == nullptr || ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1)
        return std::nullopt;
    return seconds < 0 ? days - 1 : days;
}

std::string words_of_days(std::optional<int> left) {
    if (!left)
        return "there is no certificate";
    if (*left < 0)
        return "the certificate has ended";
    return "the certificate ends in " + std::to_string(*left) + (*left == 1 ? " day" : " days");
}

} // namespace balance::probe

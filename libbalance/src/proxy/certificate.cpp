// SPDX-License-Identifier: Apache-2.0
#include "proxy/certificate.hpp"

#include <boost/asio/ip/address.hpp>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <utility>

namespace balance::layer7 {
namespace {

using memory = std::unique_ptr<BIO, decltype(&BIO_free)>;

memory reader(std::string const& pem) {
    return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free};
}

/// A passphrase cannot be asked for here.
int no_passphrase(char*, int, int, void*) { return 0; }

result<> use_certificates(SSL_CTX* c, std::string const& pem) {
    auto const bytes = reader(pem);
    std::unique_ptr<X509, decltype(&X509_free)> const own(PEM_read_bio_X509_AUX(bytes.get(), nullptr, no_passphrase, nullptr),
                                                          &X509_free);
    if (!own || SSL_CTX_use_certificate(c, own.get()) != 1)
        return tls_error("it holds no usable certificate");
    while (X509* const link = PEM_read_bio_X509(bytes.get(), nullptr, no_passphrase, nullptr))
        if (SSL_CTX_add0_chain_cert(c, link) != 1) {
            X509_free(link);
            return tls_error("its chain cannot be used");
        }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) // that is the end of the text
        return tls_error("its chain cannot be read");
    ERR_clear_error();
    return {};
}

result<> use_key(SSL_CTX* c, std::string const& pem) {
    auto const bytes = reader(pem);
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const key(
        PEM_read_bio_PrivateKey(bytes.get(), nullptr, no_passphrase, nullptr), &EVP_PKEY_free);
    if (!key)
        return tls_error("it holds no private key without a passphrase");
    if (SSL_CTX_use_PrivateKey(c, key.get()) != 1 || SSL_CTX_check_private_key(c) != 1)
        return tls_error("its key is not the certificate's");
    return {};
}

std::string text_of(X509_NAME const* name) {
    memory const out(BIO_new(BIO_s_mem()), &BIO_free);
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    char* text = nullptr;
    auto const size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

std::chrono::system_clock::time_point time_of(ASN1_TIME const* t) {
    std::tm parts{};
    return ASN1_TIME_to_tm(t, &parts) == 1 ? std::chrono::system_clock::from_time_t(::timegm(&parts))
                                           : std::chrono::system_clock::time_point{};
}

/// Is it about the certificate in use? Where the issuer is not in the chain, its serial number has to do.
bool is_of(OCSP_SINGLERESP const* single, SSL_CTX* c) {
    auto* const own = SSL_CTX_get0_certificate(c);
    auto const* const told = OCSP_SINGLERESP_get0_id(single);
    ASN1_OCTET_STRING* name = nullptr;
    ASN1_OBJECT* digest = nullptr;
    ASN1_INTEGER* serial = nullptr;
    OCSP_id_get0_info(&name, &digest, nullptr, &serial, const_cast<OCSP_CERTID*>(told)); // it only reads
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(own)) != 0)
        return false;
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(c, &chain);
    auto const* const issuer = chain != nullptr && sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : nullptr;
    auto const* const algorithm = EVP_get_digestbyobj(digest);
    if (issuer == nullptr || algorithm == nullptr)
        return true;
    std::unique_ptr<OCSP_CERTID, decltype(&OCSP_CERTID_free)> const mine(OCSP_cert_to_id(algorithm, own, issuer), &OCSP_CERTID_free);
    return mine && OCSP_id_cmp(mine.get(), told) == 0;
}

std::string text_of(ASN1_STRING const* s) {
    return {reinterpret_cast<char const*>(ASN1_STRING_get0_data(s)), static_cast<std::size_t>(ASN1_STRING_length(s))};
}

std::string address_text(ASN1_OCTET_STRING const* bytes) {
    auto const raw = text_of(bytes);
    if (raw.size() == 4) {
        boost::asio::ip::address_v4::bytes_type v4;
        std::copy(raw.begin(), raw.end(), v4.begin());
        return boost::asio::ip::address_v4(v4).to_string();
    }
    if (raw.size() == 16) {
        boost::asio::ip::address_v6::bytes_type v6;
        std::copy(raw.begin(), raw.end(), v6.begin());
        return boost::asio::ip::address_v6(v6).to_string();
    }
    return {};
}

std::vector<std::string> names_of(X509 const* x509) {
    std::vector<std::string> out;
    std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> const all(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr)), &GENERAL_NAMES_free);
    for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
        auto const* name = sk_GENERAL_NAME_value(all.get(), i);
        if (name->type == GEN_DNS)
            out.push_back(text_of(name->d.dNSName));
        else if (name->type == GEN_IPADD)
            out.push_back(address_text(name->d.iPAddress));
    }
    if (!out.empty())
        return out;
    auto const* subject = X509_get_subject_name(x509);
    int const at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0)
        out.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
    return out;
}

} // namespace

error tls_error(std::string what) {
    if (auto const* reason = ERR_reason_error_string(ERR_get_error()); reason != nullptr)
        what += std::string(": ") + reason;
    ERR_clear_error();
    return make_error(errc::invalid_configuration, std::move(what));
}

result<> use_certificate(SSL_CTX* c, std::string const& pem) {
    auto const used = use_certificates(c, pem);
    return used ? use_key(c, pem) : used;
}

staple read_staple(SSL_CTX* c, std::string const& pem) {
    staple out;
    auto const bytes = reader(pem);
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_bytes_read_bio(&data, &size, nullptr, "OCSP RESPONSE", bytes.get(), no_passphrase, nullptr) != 1) {
        ERR_clear_error();
        return out;
    }
    out.response.assign(reinterpret_cast<char const*>(data), static_cast<std::size_t>(size));
    OPENSSL_free(data);
    auto const* at = reinterpret_cast<unsigned char const*>(out.response.data());
    std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> const whole(d2i_OCSP_RESPONSE(nullptr, &at, size), &OCSP_RESPONSE_free);
    std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)> const basic(
        whole && OCSP_response_status(whole.get()) == OCSP_RESPONSE_STATUS_SUCCESSFUL ? OCSP_response_get1_basic(whole.get()) : nullptr,
        &OCSP_BASICRESP_free);
    ERR_clear_error();
    if (!basic) {
        out.fault = "its OCSP response says nothing of any certificate";
        return out;
    }
    out.fault = "its OCSP response is of another certificate";
    for (int i = 0; i < OCSP_resp_count(basic.get()); ++i) {
        auto* const single = OCSP_resp_get0(basic.get(), i);
        if (!is_of(single, c))
            continue;
        int reason = 0;
        ASN1_GENERALIZEDTIME* next = nullptr;
        int const status = OCSP_single_get0_status(single, &reason, nullptr, nullptr, &next);
        out.until = next != nullptr ? time_of(next) : std::chrono::system_clock::time_point::max();
        out.fault = status == V_OCSP_CERTSTATUS_GOOD      ? ""
                    : status == V_OCSP_CERTSTATUS_REVOKED ? "its OCSP response says that it was revoked; get another certificate"
                                                          : "its OCSP response says that its issuer does not know it (yet); get "
                                                            "a new response: dyad certificate staple";
    }
    return out;
}

std::size_t for_each_certificate(std::string const& pem, std::function<void(X509*)> const& f) {
    auto const bytes = reader(pem);
    std::size_t count = 0;
    for (; X509* const one = PEM_read_bio_X509(bytes.get(), nullptr, no_passphrase, nullptr); ++count) {
        f(one);
        X509_free(one);
    }
    ERR_clear_error();
    return count;
}

std::size_t for_each_revocation_list(std::string const& pem, std::function<void(X509_CRL*)> const& f) {
    auto const bytes = reader(pem);
    std::size_t count = 0;
    for (; X509_CRL* const one = PEM_read_bio_X509_CRL(bytes.get(), nullptr, no_passphrase, nullptr); ++count) {
        f(one);
        X509_CRL_free(one);
    }
    ERR_clear_error();
    return count;
}

} // namespace balance::layer7

namespace balance {

result<certificate_facts> read_certificate(std::string const& pem) {
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> const c(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
    if (!c)
        return layer7::tls_error("TLS cannot be used");
    if (auto const used = layer7::use_certificate(c.get(), pem); !used)
        return used.error();
    auto const* x509 = SSL_CTX_get0_certificate(c.get());
    auto const beside = layer7::read_staple(c.get(), pem);
    return certificate_facts{layer7::text_of(X509_get_subject_name(x509)), layer7::text_of(X509_get_issuer_name(x509)),
                             layer7::names_of(x509), layer7::time_of(X509_get0_notBefore(x509)),
                             layer7::time_of(X509_get0_notAfter(x509)),
                             beside.response.empty() ? std::nullopt : std::optional(beside.until), beside.fault};
}

std::optional<std::chrono::system_clock::time_point> revocation_lists_end(std::string const& pem) {
    std::optional<std::chrono::system_clock::time_point> out;
    layer7::for_each_revocation_list(pem, [&](X509_CRL* one) {
        auto const* const next = X509_CRL_get0_nextUpdate(one);
        auto const end = next != nullptr ? layer7::time_of(next) : std::chrono::system_clock::time_point::max();
        out = out ? std::min(*out, end) : end;
    });
    return out;
}

bool has_damaged_revocation_list(std::string const& pem) {
    constexpr std::string_view begin = "-----BEGIN X509 CRL-----";
    std::size_t begun = 0;
    for (auto at = pem.find(begin); at != pem.npos; at = pem.find(begin, at + begin.size()))
        ++begun;
    return layer7::for_each_revocation_list(pem, [](X509_CRL*) {}) < begun;
}

bool holds_certificates(std::string const& pem) {
    return layer7::for_each_certificate(pem, [](X509*) {}) > 0;
}

} // namespace balance

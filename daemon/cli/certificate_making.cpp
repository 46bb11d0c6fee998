// SPDX-License-Identifier: Apache-2.0
// New keys, requests and certificates of one's own.
#include <cli/certificate_material.hpp>

#include <balance/text.hpp>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>
#include <memory>

namespace dyad::cli {

namespace {

template <auto Free>
struct let_go_with {
    template <class T>
    void operator()(T* p) const noexcept {
        Free(p);
    }
};
/// Of the list alone: what is in it has an owner.
struct list_deleter {
    void operator()(STACK_OF(X509_EXTENSION) * list) const noexcept { sk_X509_EXTENSION_free(list); }
};
using owned_key = std::unique_ptr<EVP_PKEY, let_go_with<EVP_PKEY_free>>;
using owned_bio = std::unique_ptr<BIO, let_go_with<BIO_free>>;
using owned_extension = std::unique_ptr<X509_EXTENSION, let_go_with<X509_EXTENSION_free>>;
using owned_request = std::unique_ptr<X509_REQ, let_go_with<X509_REQ_free>>;
using owned_certificate = std::unique_ptr<X509, let_go_with<X509_free>>;

constexpr std::size_t longest_common_name = 64; // RFC 5280, upper bounds

/// A host's name, perhaps "*.example"; nothing that OpenSSL's own language of extensions could understand otherwise.
bool is_host(std::string_view name) {
    auto const rest = name.starts_with("*.") ? name.substr(2) : name;
    return !rest.empty() && rest.size() <= 253 && rest.front() != '.' && rest.front() != '-' &&
           std::all_of(rest.begin(), rest.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; });
}

/// "DNS:pacs.example,IP:192.0.2.1"; empty when a name is neither.
std::string alternative_names(std::vector<std::string> const& names) {
    std::string out;
    for (auto const& name : names) {
        bool const address = balance::parse_address(name).has_value();
        if (!address && !is_host(name)) {
            return {};
        }
        out += (out.empty() ? "" : ",") + std::string(address ? "IP:" : "DNS:") + name;
    }
    return out;
}

owned_key new_key(bool rsa) { return owned_key(rsa ? EVP_RSA_gen(3072) : EVP_EC_gen("P-256")); }

void put_name(X509_NAME* name, char const* what, std::string const& text) {
    if (!text.empty()) {
        X509_NAME_add_entry_by_txt(name, what, MBSTRING_UTF8, reinterpret_cast<unsigned char const*>(text.data()),
                                   static_cast<int>(text.size()), -1, 0);
    }
}

void put_subject(X509_NAME* name, certificate_wishes const& w) {
    put_name(name, "O", w.organization);
    if (w.names.front().size() <= longest_common_name) { // clients look at the alternative names
        put_name(name, "CN", w.names.front());
    }
}

owned_extension extension(int what, std::string const& value) {
    return owned_extension(X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()));
}

template <class Write>
std::string pem_text(Write write) {
    owned_bio const out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* text = nullptr;
    auto const size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

std::string pem_of_key(EVP_PKEY* key) {
    return pem_text([key](BIO* out) { PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

balance::error unmade(std::string text) {
    ERR_clear_error();
    return balance::make_error(balance::errc::invalid_configuration, std::move(text));
}

/// What is wrong with the wishes; empty: nothing.
std::string objection(certificate_wishes const& w) {
    if (w.names.empty()) {
        return "it is for no name; say --name with the name or address that clients connect to";
    }
    if (alternative_names(w.names).empty()) {
        return "a name is neither a host's nor an address; write pacs.example, *.pacs.example or 192.0.2.1";
    }
    return w.organization.size() > 64 ? "the organization has more than 64 bytes" : "";
}

} // namespace

balance::result<certificate_request> make_request(certificate_wishes const& w) {
    if (auto const why = objection(w); !why.empty()) {
        return unmade(why);
    }
    auto const key = new_key(w.rsa);
    owned_request const request(X509_REQ_new());
    auto const names = extension(NID_subject_alt_name, alternative_names(w.names));
    std::unique_ptr<STACK_OF(X509_EXTENSION), list_deleter> const list(sk_X509_EXTENSION_new_null());
    if (!key || !request || !names || !list || sk_X509_EXTENSION_push(list.get(), names.get()) == 0) {
        return unmade("the request cannot be made");
    }
    put_subject(X509_REQ_get_subject_name(request.get()), w);
    X509_REQ_set_pubkey(request.get(), key.get());
    X509_REQ_add_extensions(request.get(), list.get());
    if (X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
        return unmade("the request cannot be signed");
    }
    return certificate_request{pem_text([&](BIO* out) { PEM_write_bio_X509_REQ(out, request.get()); }), pem_of_key(key.get())};
}

balance::result<std::string> make_self_signed(certificate_wishes const& w) {
    if (auto const why = objection(w); !why.empty()) {
        return unmade(why);
    }
    auto const key = new_key(w.rsa);
    owned_certificate const x509(X509_new());
    std::uint64_t serial = 0;
    if (!key || !x509 || RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) {
        return unmade("the certificate cannot be made");
    }
    X509_set_version(x509.get(), X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509.get()), serial >> 1 | 1);
    X509_gmtime_adj(X509_getm_notBefore(x509.get()), -300); // clients' clocks may be a little late
    X509_time_adj_ex(X509_getm_notAfter(x509.get()), w.days, 0, nullptr);
    X509_set_pubkey(x509.get(), key.get());
    auto* const subject = X509_get_subject_name(x509.get());
    put_subject(subject, w);
    X509_set_issuer_name(x509.get(), subject);
    for (auto const& [what, value] : {std::pair(NID_basic_constraints, std::string("critical,CA:FALSE")),
                                      std::pair(NID_ext_key_usage, std::string("serverAuth")),
                                      std::pair(NID_subject_alt_name, alternative_names(w.names))}) {
        auto const e = extension(what, value);
        if (!e || X509_add_ext(x509.get(), e.get(), -1) != 1) {
            return unmade("the certificate cannot be made");
        }
    }
    if (X509_sign(x509.get(), key.get(), EVP_sha256()) == 0) {
        return unmade("the certificate cannot be signed");
    }
    return pem_text([&](BIO* out) { PEM_write_bio_X509(out, x509.get()); }) + pem_of_key(key.get());
}

} // namespace dyad::cli

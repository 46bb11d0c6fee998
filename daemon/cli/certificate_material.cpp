// SPDX-License-Identifier: Apache-2.0
#include <cli/certificate_material.hpp>

#include <balance/certificate.hpp>
#include <balance/text.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace dyad::cli {

namespace {

using balance::errc;
using balance::in_quotes;
using balance::make_error;

template <auto Free>
struct freed_with {
    template <class T>
    void operator()(T* p) const noexcept {
        Free(p);
    }
};
using certificate = std::unique_ptr<X509, freed_with<X509_free>>;
using private_key = std::unique_ptr<EVP_PKEY, freed_with<EVP_PKEY_free>>;
using bytes_io = std::unique_ptr<BIO, freed_with<BIO_free>>;
using package = std::unique_ptr<PKCS12, freed_with<PKCS12_free>>;

struct material {
    std::vector<certificate> certificates;
    private_key key;
};

balance::error wrong(std::string text) {
    ERR_clear_error();
    return make_error(errc::invalid_configuration, std::move(text));
}

bytes_io reader(std::string const& bytes) { return bytes_io(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))); }

std::string text_of(BIO* b) {
    char* text = nullptr;
    auto const size = BIO_get_mem_data(b, &text);
    return {text, static_cast<std::size_t>(size)};
}

std::string text_of(X509_NAME const* name) {
    bytes_io const out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    return text_of(out.get());
}

/// Keeps a password for OpenSSL's callback, and whether it was asked for.
struct password_holder {
    password_source const* ask = nullptr;
    std::string file;
    std::optional<std::string> said;

    std::string const& get() {
        if (!said) {
            said = *ask ? (*ask)(file) : std::string();
        }
        return *said;
    }
    static int give(char* into, int size, int, void* self) {
        auto const& word = static_cast<password_holder*>(self)->get();
        if (word.empty() || static_cast<int>(word.size()) > size) {
            return -1;
        }
        std::memcpy(into, word.data(), word.size());
        return static_cast<int>(word.size());
    }
};

balance::result<> add_key(material& to, private_key key, std::string const& file) {
    if (to.key && EVP_PKEY_eq(to.key.get(), key.get()) != 1) {
        return wrong(file + " holds another private key than the file before; name only the one of the certificate");
    }
    to.key = std::move(key);
    return {};
}

balance::result<> read_pem(material& to, certificate_input const& in, password_holder& password) {
    auto const texts = reader(in.bytes);
    while (X509* const one = PEM_read_bio_X509(texts.get(), nullptr, &password_holder::give, &password)) {
        to.certificates.emplace_back(one);
    }
    ERR_clear_error();
    if (in.bytes.find("PRIVATE KEY-----") == in.bytes.npos) {
        return {};
    }
    auto const again = reader(in.bytes);
    private_key key(PEM_read_bio_PrivateKey(again.get(), nullptr, &password_holder::give, &password));
    if (!key) {
        return wrong(in.name + (password.said ? ": the private key cannot be decrypted; is the password right?" : ": the private key cannot be read"));
    }
    return add_key(to, std::move(key), in.name);
}

/// Windows still writes files whose ciphers OpenSSL only knows on request.
bool opens(PKCS12* p, std::string const& password) {
    if (PKCS12_verify_mac(p, password.c_str(), static_cast<int>(password.size())) == 1) {
        return true;
    }
    return password.empty() && PKCS12_verify_mac(p, nullptr, 0) == 1;
}

balance::result<> read_package(material& to, certificate_input const& in, PKCS12* p, password_holder& password) {
    std::string word;
    if (!opens(p, word)) { // with no password at all it asks nobody
        word = password.get();
        if (!opens(p, word)) {
            return wrong(in.name + ": the password is wrong");
        }
    }
    EVP_PKEY* key = nullptr;
    X509* own = nullptr;
    STACK_OF(X509)* others = nullptr;
    bool parsed = PKCS12_parse(p, word.c_str(), &key, &own, &others) == 1;
    std::unique_ptr<OSSL_PROVIDER, freed_with<OSSL_PROVIDER_unload>> const old_ciphers(
        parsed ? nullptr : OSSL_PROVIDER_try_load(nullptr, "legacy", 1));
    if (old_ciphers) {
        parsed = PKCS12_parse(p, word.c_str(), &key, &own, &others) == 1;
    }
    if (!parsed) {
        return wrong(in.name + ": it cannot be decrypted here; make it anew with AES: openssl pkcs12 -legacy -in FILE -nodes gives PEM");
    }
    private_key mine(key);
    if (own != nullptr) {
        to.certificates.emplace_back(own);
    }
    while (others != nullptr && sk_X509_num(others) > 0) {
        to.certificates.emplace_back(sk_X509_shift(others));
    }
    sk_X509_free(others);
    return mine ? add_key(to, std::move(mine), in.name) : balance::result<>();
}

balance::result<> read_input(material& to, certificate_input const& in, password_source const& ask) {
    password_holder password{&ask, in.name, {}};
    if (in.bytes.find("-----BEGIN ") != in.bytes.npos) {
        return read_pem(to, in, password);
    }
    auto const* at = reinterpret_cast<unsigned char const*>(in.bytes.data());
    auto const size = static_cast<long>(in.bytes.size());
    if (auto const* p = at; package const found{d2i_PKCS12(nullptr, &p, size)}) {
        return read_package(to, in, found.get(), password);
    }
    if (auto const* p = at; certificate found{d2i_X509(nullptr, &p, size)}) {
        to.certificates.push_back(std::move(found));
        return {};
    }
    if (auto const* p = at; private_key found{d2i_AutoPrivateKey(nullptr, &p, size)}) {
        return add_key(to, std::move(found), in.name);
    }
    return wrong(in.name + " holds neither certificates nor a private key; PEM, DER and PKCS #12 (.pfx, .p12) can be read");
}

bool is_self_signed(X509* c) { return X509_check_issued(c, c) == X509_V_OK; }

/// The certificate of the key first, then each one's issuer.
std::vector<X509*> in_order(material const& m, X509* own) {
    std::vector<X509*> out{own};
    while (!is_self_signed(out.back())) {
        auto const issuer = std::find_if(m.certificates.begin(), m.certificates.end(), [&](certificate const& c) {
            return std::find(out.begin(), out.end(), c.get()) == out.end() && X509_check_issued(c.get(), out.back()) == X509_V_OK;
        });
        if (issuer == m.certificates.end()) {
            break;
        }
        out.push_back(issuer->get());
    }
    return out;
}

/// Is its issuer one that this system trusts?
bool issuer_is_known(X509* c) {
    std::unique_ptr<X509_STORE, freed_with<X509_STORE_free>> const store(X509_STORE_new());
    std::unique_ptr<X509_STORE_CTX, freed_with<X509_STORE_CTX_free>> const context(X509_STORE_CTX_new());
    X509* issuer = nullptr;
    bool const found = store && context && X509_STORE_set_default_paths(store.get()) == 1 &&
                       X509_STORE_CTX_init(context.get(), store.get(), c, nullptr) == 1 &&
                       X509_STORE_CTX_get1_issuer(&issuer, context.get(), c) == 1;
    X509_free(issuer);
    ERR_clear_error();
    return found;
}

std::string pem_of(std::vector<X509*> const& chain, EVP_PKEY* key) {
    bytes_io const out(BIO_new(BIO_s_mem()));
    for (auto* c : chain) {
        PEM_write_bio_X509(out.get(), c);
    }
    PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    return text_of(out.get());
}

} // namespace

balance::result<certificate_bundle> make_bundle(std::span<certificate_input const> files, password_source const& password,
                                                std::chrono::system_clock::time_point now) {
    material m;
    for (auto const& file : files) {
        if (auto const read = read_input(m, file, password); !read) {
            return read.error();
        }
    }
    if (m.certificates.empty()) {
        return wrong("there is no certificate in what was given");
    }
    if (!m.key) {
        return wrong("there is no private key in what was given; name its file too");
    }
    auto const own = std::find_if(m.certificates.begin(), m.certificates.end(), [&](certificate const& c) {
        return EVP_PKEY_eq(X509_get0_pubkey(c.get()), m.key.get()) == 1;
    });
    if (own == m.certificates.end()) {
        return wrong("the private key does not belong to the certificate of " + in_quotes(text_of(X509_get_subject_name(m.certificates.front().get()))) +
                     "; name the key that its request was made with");
    }
    auto const chain = in_order(m, own->get());
    certificate_bundle out;
    out.pem = pem_of(chain, m.key.get());
    auto const facts = balance::read_certificate(out.pem);
    if (!facts) {
        return facts.error();
    }
    out.subject = facts->subject;
    out.not_after = facts->not_after;
    auto const days = [](auto span) { return std::to_string(std::chrono::duration_cast<std::chrono::hours>(span).count() / 24); };
    if (facts->not_after <= now) {
        return wrong("the certificate of " + in_quotes(facts->subject) + " expired " + days(now - facts->not_after) + " days ago");
    }
    if (facts->not_before > now) {
        out.warnings.emplace_back("it is not valid yet; is this machine's clock right?");
    } else if (facts->not_after - now < std::chrono::hours(30 * 24)) {
        out.warnings.emplace_back("it expires in " + days(facts->not_after - now) + " days");
    }
    if (auto* const last = chain.back(); !is_self_signed(last) && !issuer_is_known(last)) {
        out.warnings.emplace_back("the chain ends before " + in_quotes(text_of(X509_get_issuer_name(last))) +
                                  ", which is not here; clients that do not have it refuse the service: name its certificate too");
    }
    if (chain.size() < m.certificates.size()) {
        out.warnings.emplace_back(std::to_string(m.certificates.size() - chain.size()) + " certificates that are not of its chain were left out");
    }
    return out;
}

bool is_bare_certificate(std::string const& bytes) {
    auto const* at = reinterpret_cast<unsigned char const*>(bytes.data());
    certificate const found{d2i_X509(nullptr, &at, static_cast<long>(bytes.size()))};
    ERR_clear_error();
    return found != nullptr;
}

balance::result<std::string> with_response(std::string pem, std::string const& response, std::chrono::system_clock::time_point now) {
    constexpr std::string_view begin = "-----BEGIN OCSP RESPONSE-----";
    constexpr std::string_view end = "-----END OCSP RESPONSE-----\n";
    for (auto at = pem.find(begin); at != pem.npos; at = pem.find(begin)) {
        auto const last = pem.find(end, at);
        if (last == pem.npos) {
            return wrong("the OCSP response in the certificate's file has no end; import the certificate anew");
        }
        pem.erase(at, last + end.size() - at);
    }
    bytes_io const out(BIO_new(BIO_s_mem()));
    PEM_write_bio(out.get(), "OCSP RESPONSE", "", reinterpret_cast<unsigned char const*>(response.data()), static_cast<long>(response.size()));
    pem += (pem.ends_with('\n') ? "" : "\n") + text_of(out.get());
    auto const facts = balance::read_certificate(pem);
    if (!facts) {
        return facts.error();
    }
    if (!facts->staple_fault.empty()) {
        return wrong(facts->staple_fault);
    }
    if (!facts->stapled_until || *facts->stapled_until <= now) {
        return wrong("its OCSP response is out of date; get a new one");
    }
    return pem;
}

} // namespace dyad::cli

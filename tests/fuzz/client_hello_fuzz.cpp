// SPDX-License-Identifier: Apache-2.0
// Whatever a client begins TLS with: OpenSSL reads it, we choose a certificate by the name in it. The first byte chooses: all
// bytes as they come over the wire, or what stands in the extension for the name, within a hello that is well made.
#include "fuzz/insist.hpp"
#include "proxy/tls.hpp"
#include "support/tls_server.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace {

using fuzz::insist;
using balance::layer7::tls_context;

struct service {
    service() {
        ERR_clear_error();
        balance::layer7::tls_wishes wishes;
        wishes.service = "Web";
        wishes.pems = {pem("first.example"), pem("second.example"), pem("*.third.example")};
        auto const made = tls_context::for_clients(wishes);
        insist(made.has_value());
        context = *made;
    }
    static std::string pem(std::string const& name) {
        test::certificate const c(name);
        return c.pem() + c.key_pem();
    }
    std::shared_ptr<tls_context const> context;
};

std::string number(std::size_t value, unsigned bytes) {
    std::string out;
    while (bytes-- > 0)
        out += static_cast<char>(value >> (8 * bytes) & 0xff);
    return out;
}
/// With its length before it.
std::string counted(std::string const& text, unsigned bytes) { return number(text.size(), bytes) + text; }
std::string extension(std::size_t type, std::string const& content) { return number(type, 2) + counted(content, 2); }

/// A ClientHello of TLS 1.2 (RFC 5246 7.4.1.2) in one record.
std::string hello_with(std::string const& server_name) {
    using namespace std::string_literals;
    auto const extensions = extension(0, server_name) + extension(10, counted("\x00\x1d\x00\x17"s, 2)) + extension(11, counted("\0"s, 1)) +
                            extension(13, counted("\x04\x03\x08\x04"s, 2));
    auto const hello = "\x03\x03"s + std::string(32, 'r') + counted("", 1) + counted("\xc0\x2b\xc0\x2c"s, 2) + counted("\0"s, 1) +
                       counted(extensions, 2);
    return "\x16\x03\x01"s + counted("\x01"s + counted(hello, 3), 2);
}

/// The host name in the extension (RFC 6066 3), when it is said plainly and as a name may be spelt.
std::string plain_name(std::string_view extension) {
    constexpr std::size_t front = 5;
    if (extension.size() <= front || extension[2] != 0)
        return {};
    auto const at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(extension[i])); };
    auto const name = extension.substr(front);
    bool const counted_well = at(0) * 256 + at(1) == extension.size() - 2 && at(3) * 256 + at(4) == name.size();
    bool const plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.';
    });
    return counted_well && plain && name.front() != '.' && name.size() < 255 ? std::string(name) : std::string();
}

std::string certificate_for(std::string_view name) {
    if (name == "second.example")
        return std::string(name);
    constexpr std::string_view suffix = ".third.example";
    if (name.ends_with(suffix) && name.size() > suffix.size() && name.find('.') == name.size() - suffix.size())
        return "*.third.example";
    return "first.example";
}

std::string shown(SSL* s) {
    std::array<char, 100> text{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get_certificate(s)), NID_commonName, text.data(), text.size());
    return text.data();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    constexpr std::size_t most = 4096;
    static service const web;
    if (size == 0 || size > most)
        return 0;
    std::string const rest(reinterpret_cast<char const*>(data) + 1, size - 1);
    bool const raw = (data[0] & 1) == 0;
    auto const bytes = raw ? rest : hello_with(rest);
    auto const s = web.context->begin(-1);
    insist(s != nullptr);
    auto* const in = BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()));
    BIO_set_mem_eof_return(in, -1); // more may come
    auto* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(s.get(), in, out);
    insist(SSL_do_handshake(s.get()) != 1);
    ERR_clear_error();
    char* said = nullptr;
    auto const said_size = BIO_ctrl(out, BIO_CTRL_INFO, 0, &said);
    auto const chosen = shown(s.get());
    insist(chosen == "first.example" || chosen == "second.example" || chosen == "*.third.example");
    auto const name = raw ? std::string() : plain_name(rest);
    if (!name.empty()) {
        insist(said_size > 0 && said[0] == SSL3_RT_HANDSHAKE);
        insist(chosen == certificate_for(name));
    }
    return 0;
}

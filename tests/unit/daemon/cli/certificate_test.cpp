// SPDX-License-Identifier: Apache-2.0
// dyad certificate, on files in a directory of the test's own; OpenSSL's own program is asked in integration/drills.
#include "run_dyad.hpp"
#include "support/temporary_directory.hpp"
#include "support/tls_server.hpp"

#include <balance/certificate.hpp>
#include <cli/certificate_material.hpp>

#include <catch2/catch.hpp>
#include <openssl/pkcs12.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

using namespace test;
using namespace dyad::cli;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

struct certificate_store {
    certificate_store() { fs::create_directories(directory.path() / "certificates"); }

    outcome run(std::vector<std::string> words) {
        words.insert(words.begin(), "certificate");
        words.insert(words.end(), {"--dir", directory.path().string()});
        return dyad_in("/nonexistent", std::move(words));
    }
    std::string put(std::string const& name, std::string const& bytes) {
        auto const file = directory.path() / name;
        std::ofstream(file, std::ios::binary) << bytes;
        return file.string();
    }
    std::string kept(std::string const& name) {
        std::ifstream in(directory.path() / "certificates" / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    temporary_directory directory;
};

EVP_PKEY* key_in(std::string const& pem) {
    std::unique_ptr<BIO, decltype(&BIO_free)> const in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    return PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr);
}

/// The same as a file of Windows.
std::string packed(std::string const& pem, char const* password) {
    std::unique_ptr<BIO, decltype(&BIO_free)> const in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    std::unique_ptr<X509, decltype(&X509_free)> const own(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr), X509_free);
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const key(key_in(pem), EVP_PKEY_free);
    std::unique_ptr<PKCS12, decltype(&PKCS12_free)> const all(PKCS12_create(password, "web", key.get(), own.get(), nullptr, 0, 0, 0, 0, 0), PKCS12_free);
    unsigned char* bytes = nullptr;
    auto const size = i2d_PKCS12(all.get(), &bytes);
    std::string out(reinterpret_cast<char const*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return out;
}

} // namespace

TEST_CASE("a certificate of one's own can be used, and only its owner can read it", "[certificate]") {
    certificate_store s;
    auto const made = s.run({"self-signed", "web", "--for", "pacs.example", "--for", "192.0.2.1", "--for", "2001:db8::1", "--days", "40"});
    CHECK(made.err.empty());
    REQUIRE(made.code == 0);
    auto const facts = balance::read_certificate(s.kept("web.pem")).value();
    CHECK(facts.names == std::vector<std::string>{"pacs.example", "192.0.2.1", "2001:db8::1"});
    CHECK(facts.subject == "CN = pacs.example");
    CHECK(facts.not_after - std::chrono::system_clock::now() < 40 * 24h + 1min);
    CHECK(facts.not_after - std::chrono::system_clock::now() > 40 * 24h - 1min);
    struct stat info {};
    REQUIRE(::stat((s.directory.path() / "certificates" / "web.pem").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    auto const again = s.run({"self-signed", "web", "--for", "pacs.example"});
    CHECK(again.code == 1);
    CHECK(again.err.find("--replace") != std::string::npos);
    CHECK(s.run({"self-signed", "web", "--for", "other.example", "--rsa", "--replace"}).code == 0);
    CHECK(balance::read_certificate(s.kept("web.pem")).value().names == std::vector<std::string>{"other.example"});
    CHECK(std::distance(fs::directory_iterator(s.directory.path() / "certificates"), {}) == 1); // no drafts are left
}

TEST_CASE("names that are none are refused", "[certificate]") {
    certificate_store s;
    for (auto const* name : {"", "a b", "pacs.example,IP:192.0.2.1", "-a", "*.", "https://pacs.example"}) {
        auto const made = s.run({"self-signed", "web", "--for", name});
        CHECK(made.code != 0);
        CHECK(s.kept("web.pem").empty());
    }
    for (auto const* name : {"../x", ".x", "a/b"})
        CHECK(s.run({"self-signed", name, "--for", "pacs.example"}).code == 1);
}

TEST_CASE("PEM is imported in whatever order and files", "[certificate]") {
    certificate_store s;
    certificate const own("web.example");
    certificate const other("other.example");
    auto const done = s.run({"import", "web", s.put("a", other.pem() + own.key_pem()), s.put("b", own.pem())});
    CHECK(done.err.find("not of its chain were left out") != std::string::npos);
    REQUIRE(done.code == 0);
    CHECK(s.kept("web.pem") == own.pem() + own.key_pem());
    auto const mismatch = s.run({"import", "bad", s.put("c", own.pem() + other.key_pem())});
    CHECK(mismatch.code == 1);
    CHECK(mismatch.err.find("does not belong to the certificate of \"CN = web.example\"") != std::string::npos);
    CHECK(s.run({"import", "bad", s.put("d", own.pem())}).err.find("no private key") != std::string::npos);
    CHECK(s.run({"import", "bad", s.put("e", own.key_pem())}).err.find("no certificate") != std::string::npos);
    CHECK(s.run({"import", "bad", s.put("f", "nonsense")}).err.find("PKCS #12") != std::string::npos);
    CHECK(s.run({"import", "bad", "/nonexistent/x"}).code == 1);
    CHECK(s.kept("bad.pem").empty());
}

TEST_CASE("an expired certificate is refused, and one that will expire soon is warned of", "[certificate]") {
    certificate const own("web.example");
    certificate_input const input[] = {{"web", own.pem() + own.key_pem()}};
    auto const nobody = [](std::string const&) { return std::string(); };
    auto const now = std::chrono::system_clock::now();
    CHECK(make_bundle(input, nobody, now + 50h).error().detail.find("expired 2 days ago") != std::string::npos);
    CHECK(make_bundle(input, nobody, now).value().warnings == std::vector<std::string>{"it expires in 0 days"});
    CHECK(make_bundle(input, nobody, now - 1h).value().warnings.size() == 1); // not valid yet
}

TEST_CASE("PKCS #12 is imported with its password", "[certificate]") {
    certificate_store s;
    certificate const own("web.example");
    auto const pem = own.pem() + own.key_pem();
    auto const file = s.put("web.pfx", packed(pem, "se cret"));
    auto const right = s.put("right", "se cret\r\nmore\n");
    CHECK(s.run({"import", "web", file, "--password-file", right}).code == 0);
    CHECK(s.kept("web.pem") == pem);
    auto const wrong = s.run({"import", "other", file, "--password-file", s.put("wrong", "secret\n")});
    CHECK(wrong.code == 1);
    CHECK(wrong.err.find("the password is wrong") != std::string::npos);
    CHECK(s.run({"import", "open", s.put("open.pfx", packed(pem, ""))}).code == 0); // nobody is asked
    CHECK(s.kept("open.pem") == pem);
    CHECK(s.run({"import", "third", file, "--password-file", "/nonexistent/x"}).err.find("/nonexistent/x") != std::string::npos);
}

TEST_CASE("a request keeps its key for the answer", "[certificate]") {
    certificate_store s;
    auto const asked = s.run({"csr", "web", "--for", "pacs.example", "--organization", "Clinic"});
    REQUIRE(asked.code == 0);
    CHECK(asked.out.starts_with("-----BEGIN CERTIFICATE REQUEST-----"));
    CHECK(asked.out.find("PRIVATE KEY") == std::string::npos);
    auto const key = s.kept("web.key");
    CHECK(key.starts_with("-----BEGIN PRIVATE KEY-----"));
    // The authority: signs what it was asked for.
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const mine(key_in(key), EVP_PKEY_free);
    std::unique_ptr<X509, decltype(&X509_free)> const x509(X509_new(), X509_free);
    X509_set_version(x509.get(), 2);
    X509_gmtime_adj(X509_getm_notBefore(x509.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509.get()), 90 * 86400);
    X509_set_pubkey(x509.get(), mine.get());
    for (auto* name : {X509_get_subject_name(x509.get()), X509_get_issuer_name(x509.get())})
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<unsigned char const*>(name == X509_get_subject_name(x509.get()) ? "pacs.example" : "Authority"), -1, -1, 0);
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> const authority(EVP_EC_gen("P-256"), EVP_PKEY_free);
    X509_sign(x509.get(), authority.get(), EVP_sha256());
    std::unique_ptr<BIO, decltype(&BIO_free)> const out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(out.get(), x509.get());
    char* text = nullptr;
    auto const size = BIO_get_mem_data(out.get(), &text);
    auto const imported = s.run({"import", "web", s.put("answer.crt", {text, static_cast<std::size_t>(size)})});
    CHECK(imported.code == 0);
    CHECK(imported.err == "warning: the chain ends before \"CN = Authority\", which is not here; clients that do not have it refuse the "
                          "service: name its certificate too\n");
    CHECK(s.kept("web.pem").ends_with(key));
    // Authorities send DER, too.
    unsigned char* der = nullptr;
    auto const der_size = i2d_X509(x509.get(), &der);
    std::string const bytes(reinterpret_cast<char const*>(der), static_cast<std::size_t>(der_size));
    OPENSSL_free(der);
    auto const again = s.run({"import", "web", s.put("answer.der", bytes), "--replace"});
    CHECK(again.code == 0);
    CHECK(again.err == imported.err);
    CHECK(s.kept("web.pem").ends_with(key));
}

TEST_CASE("a response that is none is not put beside a certificate", "[certificate]") {
    certificate_store s;
    s.run({"self-signed", "web", "--for", "pacs.example"});
    auto const before = s.kept("web.pem");
    auto const refused = s.run({"staple", "web", s.put("response", "nonsense")});
    CHECK(refused.code == 1);
    CHECK(refused.err.find("says nothing of any certificate") != std::string::npos);
    CHECK(s.run({"staple", "web", "/nonexistent/x"}).err.find("/nonexistent/x") != std::string::npos);
    CHECK(s.run({"staple", "other", s.put("response", "nonsense")}).err.find("other.pem") != std::string::npos);
    CHECK(s.kept("web.pem") == before);
}

TEST_CASE("the list says who each is for and what is wrong", "[certificate]") {
    certificate_store s;
    CHECK(s.run({"list"}).out.starts_with("no certificates in "));
    s.run({"self-signed", "good", "--for", "pacs.example"});
    s.run({"self-signed", "soon", "--for", "old.example", "--days", "10"});
    s.put("certificates/bad.pem", "nonsense");
    s.put("certificates/clinic.pem", certificate("clinic").pem());
    auto const list = s.run({"list"});
    CHECK(list.code == 0);
    CHECK(list.out.find("soon    old.example") != std::string::npos);
    CHECK(list.out.find("it expires in 9 days") != std::string::npos);
    CHECK(list.out.find("no key: only of use as ca of clients") != std::string::npos);
    CHECK(list.out.find("it holds no usable certificate") != std::string::npos);
    auto const document = s.run({"list", "--json"});
    CHECK(document.out.find(R"("name":"good","names":["pacs.example"])") != std::string::npos);
}

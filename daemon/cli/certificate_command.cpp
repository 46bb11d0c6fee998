// SPDX-License-Identifier: Apache-2.0
// What TLS termination uses: import, request, make and list. Works on files; `dyad apply` puts them in force.
#include <cli/certificate_command.hpp>

#include <balance/certificate.hpp>
#include <balance/text.hpp>
#include <cli/certificate_files.hpp>
#include <cli/certificate_material.hpp>
#include <cli/client.hpp>
#include <cli/document.hpp>
#include <cli/secret.hpp>
#include <cli/table.hpp>
#include <cli/words.hpp>
#include <config/config.hpp>
#include <config/directory_parts.hpp>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <ctime>
#include <ostream>

namespace dyad::cli {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using calendar = std::chrono::system_clock;

/// Where certificates lie: below a daemon's directory, where there is one and no other is named.
fs::path certificates_of(environment& env, directory const& where) {
    auto place = where.value_or(env.config_dir);
    if (!where) {
        if (auto const document = client(env.run_dir).get("/v1/status"); document) {
            place = text(object(*document, "node"), "config_dir");
        }
    }
    return place / "certificates";
}

/// A name that `certificate = "NAME"` can say.
bool can_be_named(environment& env, std::string const& name) {
    if (!name.empty() && name.size() <= 64 && name.front() != '.' && name.find('/') == name.npos) {
        return true;
    }
    env.err << balance::in_quotes(name) << " cannot name a certificate; use up to 64 letters, digits, - and _, without .pem\n";
    return false;
}

bool make_directory(environment& env, fs::path const& where) {
    std::error_code ec;
    fs::create_directories(where, ec);
    if (ec) {
        env.err << where.string() << " cannot be made: " << ec.message() << "; run as root, or name another directory with --dir\n";
    }
    return !ec;
}

exit_code refuse(environment& env, balance::error const& e) {
    env.err << e.detail << '\n';
    return exit_code::refused;
}

std::string day_of(calendar::time_point t) {
    std::time_t const seconds = calendar::to_time_t(t);
    std::tm parts{};
    char text[16] = "";
    ::gmtime_r(&seconds, &parts);
    std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
    return text;
}

/// Reads the files, with the key that `csr` left behind where none is given.
balance::result<std::vector<certificate_input>> read_inputs(import_order const& order, fs::path const& kept_key) {
    std::vector<certificate_input> out;
    bool has_key = false;
    for (auto const& file : order.files) {
        auto bytes = config::read_file(file);
        if (!bytes) {
            return balance::make_error(balance::errc::io_error, file + ": " + bytes.error().detail);
        }
        bool const pem = bytes->find("-----BEGIN ") != bytes->npos;
        has_key |= pem ? bytes->find("PRIVATE KEY-----") != bytes->npos : !is_bare_certificate(*bytes);
        out.push_back({file, std::move(*bytes)});
    }
    std::error_code ec;
    if (!has_key && fs::exists(kept_key, ec)) {
        auto bytes = config::read_file(kept_key);
        if (!bytes) {
            return balance::make_error(balance::errc::io_error, kept_key.string() + ": " + bytes.error().detail);
        }
        out.push_back({kept_key.string(), std::move(*bytes)});
    }
    return out;
}

void tell_written(environment& env, fs::path const& file, json::object more) {
    if (env.json) {
        more["written"] = file.string();
        env.out << json::serialize(more) << '\n';
    } else {
        env.out << "wrote " << file.string() << '\n';
    }
}

} // namespace

exit_code import_certificate(environment& env, directory const& where, import_order const& order) {
    auto const folder = certificates_of(env, where);
    if (!can_be_named(env, order.name) || !make_directory(env, folder)) {
        return exit_code::refused;
    }
    auto const key = folder / (order.name + ".key");
    auto const inputs = read_inputs(order, key);
    if (!inputs) {
        return refuse(env, inputs.error());
    }
    balance::error unread;
    auto const password = [&](std::string const& what) -> std::string {
        auto said = !order.password_file.empty() ? secret_in_file(order.password_file)
                    : order.password_descriptor >= 0
                        ? secret_in_descriptor(order.password_descriptor)
                        : balance::result<std::string>(ask_secret(env, "Password of " + what + " (it is not shown here): "));
        if (!said) {
            unread = said.error();
            return {};
        }
        return *said;
    };
    auto const bundle = make_bundle(*inputs, password, calendar::now());
    if (!bundle) {
        return refuse(env, unread.detail.empty() ? bundle.error() : unread);
    }
    auto const file = folder / (order.name + ".pem");
    if (auto const written = write_secret(file, bundle->pem, order.replace); !written) {
        return refuse(env, written.error());
    }
    json::array warnings;
    for (auto const& w : bundle->warnings) {
        warnings.emplace_back(w);
        if (!env.json) {
            env.err << "warning: " << w << '\n';
        }
    }
    tell_written(env, file, {{"subject", bundle->subject}, {"expires", day_of(bundle->not_after)}, {"warnings", std::move(warnings)}});
    if (!env.json) {
        env.out << printable(bundle->subject) << ", until " << day_of(bundle->not_after) << "; say certificate = \"" << order.name
                << "\" in a service's tls, and `dyad apply` puts it in force\n";
    }
    return exit_code::done;
}

exit_code request_certificate(environment& env, directory const& where, std::string const& name, certificate_wishes const& w, bool replace) {
    auto const folder = certificates_of(env, where);
    if (!can_be_named(env, name) || !make_directory(env, folder)) {
        return exit_code::refused;
    }
    auto const made = make_request(w);
    if (!made) {
        return refuse(env, made.error());
    }
    auto const file = folder / (name + ".key");
    if (auto const written = write_secret(file, made->key, replace); !written) {
        return refuse(env, written.error());
    }
    if (env.json) {
        tell_written(env, file, {{"csr", made->csr}});
        return exit_code::done;
    }
    env.err << "the key is kept in " << file.string() << ", on this node alone; this is for the authority. With its answer: dyad certificate import "
            << name << " FILE...\n";
    env.out << made->csr;
    return exit_code::done;
}

exit_code self_signed_certificate(environment& env, directory const& where, std::string const& name, certificate_wishes const& w, bool replace) {
    auto const folder = certificates_of(env, where);
    if (!can_be_named(env, name) || !make_directory(env, folder)) {
        return exit_code::refused;
    }
    auto const pem = make_self_signed(w);
    if (!pem) {
        return refuse(env, pem.error());
    }
    auto const file = folder / (name + ".pem");
    if (auto const written = write_secret(file, *pem, replace); !written) {
        return refuse(env, written.error());
    }
    tell_written(env, file, {});
    if (!env.json) {
        env.out << "clients will warn of it, unless they are told to trust it; say certificate = \"" << name
                << "\" in a service's tls, and `dyad apply` puts it in force\n";
    }
    return exit_code::done;
}

exit_code staple_response(environment& env, directory const& where, std::string const& name, std::string const& file) {
    auto const target = certificates_of(env, where) / (name + ".pem");
    if (!can_be_named(env, name)) {
        return exit_code::refused;
    }
    for (auto const& needed : {target, fs::path(file)}) {
        if (auto const there = config::read_file(needed); !there) {
            return refuse(env, balance::make_error(balance::errc::io_error, needed.string() + ": " + there.error().detail));
        }
    }
    auto const pem = with_response(*config::read_file(target), *config::read_file(file), calendar::now());
    if (!pem) {
        return refuse(env, pem.error());
    }
    if (auto const written = write_secret(target, *pem, true); !written) {
        return refuse(env, written.error());
    }
    auto const until = *balance::read_certificate(*pem)->stapled_until;
    tell_written(env, target, {{"response_until", day_of(until)}});
    if (!env.json) {
        env.out << "clients are shown the response until " << day_of(until) << "; `dyad apply` puts it in force\n";
    }
    return exit_code::done;
}

exit_code list_certificates(environment& env, directory const& where) {
    auto const folder = certificates_of(env, where);
    auto const known = config::certificates_in(folder.parent_path(), calendar::now());
    json::array all;
    table lines({{"NAME"}, {"FOR", 60}, {"EXPIRES"}, {"REMARK", 120}});
    for (auto const& k : known) {
        auto const pem = config::read_file(folder / (k.name + ".pem"));
        auto const facts = pem ? balance::read_certificate(*pem) : balance::result<balance::certificate_facts>(pem.error());
        bool const only_vouches = !facts && k.vouches;
        auto const remark = only_vouches ? std::string("no key: only of use as ca of clients") : k.fault;
        std::string names;
        json::array list;
        for (auto const& n : facts ? facts->names : std::vector<std::string>()) {
            names += (names.empty() ? "" : ", ") + n;
            list.emplace_back(n);
        }
        auto const until = facts ? day_of(facts->not_after) : std::string();
        lines.row({{printable(k.name)}, {printable(names)}, {until}, {printable(remark)}});
        all.push_back(json::object{{"name", k.name}, {"names", std::move(list)}, {"subject", facts ? facts->subject : ""},
                                   {"issuer", facts ? facts->issuer : ""}, {"expires", until}, {"remark", remark}});
    }
    if (env.json) {
        env.out << json::serialize(json::object{{"certificates", std::move(all)}}) << '\n';
    } else if (known.empty()) {
        env.out << "no certificates in " << folder.string() << '\n';
    } else {
        env.out << lines.text(env.colour);
    }
    return exit_code::done;
}

} // namespace dyad::cli

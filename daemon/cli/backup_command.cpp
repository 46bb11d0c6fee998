// SPDX-License-Identifier: Apache-2.0
// All that a replaced machine needs, into one file and back.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cli/backup_files.hpp>
#include <cli/backup_seal.hpp>
#include <cli/certificate_files.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/secret.hpp>

#include <config/config.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <ostream>

namespace dyad::cli {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr char const* current_link = "generations/current";

std::size_t files_of(std::vector<backup::item> const& items, backup::root r) {
    return static_cast<std::size_t>(
        std::count_if(items.begin(), items.end(), [r](auto const& i) { return i.root == r && i.kind != backup::kind::directory; }));
}

fs::path beside(fs::path directory, char const* suffix) {
    if (!directory.has_filename()) {
        directory = directory.parent_path(); // "/etc/dyad/"
    }
    return directory += suffix;
}

bool is_empty(fs::path const& directory) {
    std::error_code ec;
    return !fs::exists(directory, ec) || fs::is_empty(directory, ec);
}

balance::result<std::string> passphrase_of(environment& env, backup_options const& o, bool twice) {
    if (!o.password_file.empty()) {
        return secret_in_file(o.password_file);
    }
    auto const typed = ask_secret(env, "Passphrase of the backup: ");
    if (typed.empty()) {
        return balance::make_error(balance::errc::refused, "a passphrase is needed: type it, or name a file with --password-file"
                                                               + std::string(twice ? "; --plain makes a backup that anybody can read who gets it" : ""));
    }
    if (twice && env.asks && ask_secret(env, "Once more: ") != typed) {
        return balance::make_error(balance::errc::refused, "the two are not the same");
    }
    return typed;
}

/// What is in force may change while it is read; then the copy has a link that leads nowhere.
bool holds_together(std::vector<backup::item> const& items) {
    auto const named = [&items](std::string const& name) {
        return std::find_if(items.begin(), items.end(), [&](auto const& i) { return i.root == backup::root::state && i.name == name; });
    };
    auto const link = named(current_link);
    return link == items.end() || named("generations/" + link->bytes) != items.end();
}

balance::result<std::vector<backup::item>> everything(backup_options const& o, std::vector<std::string>& left_out) {
    auto why = balance::make_error(balance::errc::refused, "the configuration changes while it is read; try again");
    for (int tries = 0; tries < 5; ++tries) {
        left_out.clear();
        auto items = backup::collect(backup::root::config, o.config_dir, left_out);
        auto const state = items ? backup::collect(backup::root::state, o.state_dir, left_out) : items;
        if (!state) { // a file was removed meanwhile, or cannot be read
            why = state.error();
            continue;
        }
        items->insert(items->end(), state->begin(), state->end());
        if (holds_together(*items)) {
            return items;
        }
    }
    return why;
}

void say(environment& env, json::object const& document, std::vector<std::string> const& lines) {
    if (env.json) {
        env.out << json::serialize(document) << '\n';
        return;
    }
    for (auto const& line : lines) {
        env.out << line << '\n';
    }
}

balance::result<std::string> read_backup(std::string const& file) {
    std::error_code ec;
    auto const size = fs::file_size(file, ec);
    if (ec) {
        return balance::make_error(balance::errc::io_error, file + ": " + ec.message());
    }
    if (size > backup::most_bytes) {
        return balance::make_error(balance::errc::protocol_error, file + " is larger than any backup");
    }
    std::ifstream in(file, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), {}};
    return in.good() || in.eof() ? balance::result<std::string>(std::move(bytes))
                                 : balance::make_error(balance::errc::io_error, file + " cannot be read");
}

/// Both directories beside their places, checked as dyadd would check them.
balance::result<> stage(environment& env, std::vector<backup::item> const& items, fs::path const& config, fs::path const& state) {
    std::error_code ec;
    fs::remove_all(config, ec);
    fs::remove_all(state, ec);
    for (auto const& [root, where] : {std::pair{backup::root::config, config}, {backup::root::state, state}}) {
        if (auto written = backup::write_tree(items, root, where); !written) {
            return written;
        }
    }
    auto const loaded = config::load_directory(config);
    for (auto const& d : loaded.diagnostics) {
        env.err << config::to_string(d) << '\n';
    }
    return loaded.value ? balance::result<>()
                        : balance::make_error(balance::errc::invalid_configuration, "what is in the backup has faults; nothing was restored");
}

/// Where `directory` goes when another takes its place: what an earlier restore set aside stays.
fs::path aside_of(fs::path const& directory) {
    auto const first = beside(directory, ".before-restore");
    auto out = first;
    std::error_code ec;
    for (int i = 2; fs::exists(fs::symlink_status(out, ec)); ++i) {
        out = first.string() + "-" + std::to_string(i);
    }
    return out;
}

/// A directory that takes the place of another, until it is undone.
struct exchange {
    fs::path fresh;
    fs::path place;
    fs::path aside;

    [[nodiscard]] balance::result<> make() const {
        std::error_code ec;
        if (fs::exists(place, ec)) {
            fs::rename(place, aside, ec);
        }
        if (!ec) {
            fs::rename(fresh, place, ec);
        }
        if (!ec) {
            return {};
        }
        auto const why = place.string() + " cannot be replaced: " + ec.message() + "; nothing was restored";
        if (!fs::exists(place, ec) && fs::exists(aside, ec)) {
            fs::rename(aside, place, ec);
        }
        return balance::make_error(balance::errc::io_error, why);
    }

    void undo() const {
        std::error_code ignored;
        fs::rename(place, fresh, ignored);
        if (fs::exists(aside, ignored)) {
            fs::rename(aside, place, ignored);
        }
    }
};

balance::result<std::vector<backup::item>> open_backup(environment& env, backup_options const& o) {
    auto const bytes = read_backup(o.file);
    if (!bytes) {
        return bytes.error();
    }
    auto const sealed = backup::wants_passphrase(*bytes);
    if (!sealed) {
        return sealed.error();
    }
    if (!*sealed && !o.password_file.empty()) {
        return balance::make_error(balance::errc::not_permitted, o.file + " is not encrypted, whatever --password-file says: anybody may have made it; leave the option out if you trust the file");
    }
    auto const passphrase = *sealed ? passphrase_of(env, o, false) : balance::result<std::string>(std::string());
    return passphrase ? backup::unwrap(*bytes, *passphrase) : balance::result<std::vector<backup::item>>(passphrase.error());
}

} // namespace

exit_code make_backup(environment& env, backup_options o) {
    if (auto const document = client(env.run_dir).get("/v1/status"); document && o.config_dir.empty()) {
        o.config_dir = text(object(*document, "node"), "config_dir");
    }
    o.config_dir = o.config_dir.empty() ? env.config_dir.string() : o.config_dir;
    std::error_code ec;
    if (!o.force && fs::exists(fs::symlink_status(o.file, ec))) {
        return fail(env, balance::make_error(balance::errc::already_exists, o.file + " is there already; --force puts the backup in its place"));
    }
    if (!fs::exists(fs::path(o.config_dir) / "node.toml", ec)) {
        return fail(env, balance::make_error(balance::errc::refused, o.config_dir + " holds no node.toml: there is nothing to back up; --config-dir names another directory"));
    }
    if (!fs::is_directory(o.state_dir, ec)) {
        return fail(env, balance::make_error(balance::errc::refused, o.state_dir + " is not there: without it there are no generations to back up; --state-dir names another directory"));
    }
    std::vector<std::string> left_out;
    auto const items = everything(o, left_out);
    if (!items) {
        return fail(env, items.error());
    }
    auto const passphrase = o.plain ? balance::result<std::string>(std::string()) : passphrase_of(env, o, true);
    if (!passphrase) {
        return fail(env, passphrase.error());
    }
    if (!o.plain && passphrase->empty()) {
        return fail(env, balance::make_error(balance::errc::refused, o.password_file + " holds no passphrase in its first line"));
    }
    auto const bytes = backup::wrap(*items, *passphrase);
    auto const written = bytes ? write_secret(fs::absolute(o.file), *bytes, o.force, secret_owner::whoever_writes) : balance::result<>(bytes.error());
    if (!written) {
        return fail(env, written.error());
    }
    auto const files = files_of(*items, backup::root::config) + files_of(*items, backup::root::state);
    std::vector<std::string> lines{o.file + ": " + std::to_string(files) + " files of " + o.config_dir + " and " + o.state_dir +
                                   (o.plain ? ", NOT ENCRYPTED: it holds the pair's key and the keys of certificates" : ", encrypted")};
    for (auto const& name : left_out) {
        lines.push_back("left out, for it is no file: " + printable(name));
    }
    say(env, {{"file", o.file}, {"files", files}, {"encrypted", !o.plain}, {"left_out", json::array(left_out.begin(), left_out.end())}}, lines);
    return exit_code::done;
}

exit_code restore_backup(environment& env, backup_options o) {
    o.config_dir = o.config_dir.empty() ? env.config_dir.string() : o.config_dir;
    auto const lock = backup::daemon_lock::take(o.state_dir);
    if (!lock) {
        return fail(env, lock.error());
    }
    auto const old_config = aside_of(o.config_dir);
    auto const old_state = aside_of(o.state_dir);
    bool const replaces = !is_empty(o.config_dir) || !is_empty(o.state_dir);
    if (replaces && !o.force) {
        return fail(env, balance::make_error(balance::errc::already_exists,
                                             o.config_dir + " or " + o.state_dir + " holds something; --force sets it aside as " +
                                                 old_config.string() + " and " + old_state.string()));
    }
    auto const items = open_backup(env, o);
    if (!items) {
        return fail(env, items.error());
    }
    auto const config = beside(o.config_dir, ".restoring");
    auto const state = beside(o.state_dir, ".restoring");
    auto done = stage(env, *items, config, state);
    exchange const of_state{state, o.state_dir, old_state};
    if (done) {
        done = of_state.make();
    }
    if (done) {
        done = exchange{config, o.config_dir, old_config}.make();
        if (!done) {
            of_state.undo();
        }
    }
    if (!done) {
        std::error_code ignored;
        fs::remove_all(config, ignored);
        fs::remove_all(state, ignored);
        return fail(env, done.error());
    }
    auto const in_config = files_of(*items, backup::root::config);
    auto const in_state = files_of(*items, backup::root::state);
    std::vector<std::string> lines{std::to_string(in_config) + " files restored to " + o.config_dir, std::to_string(in_state) + " files restored to " + o.state_dir};
    if (replaces) {
        lines.push_back("what was there is kept as " + old_config.string() + " and " + old_state.string());
    }
    lines.emplace_back("next: look at node.toml, whose addresses and interfaces must be this machine's, then start dyadd");
    say(env, {{"config_files", in_config}, {"state_files", in_state}, {"set_aside", replaces}}, lines);
    return exit_code::done;
}

} // namespace dyad::cli

// SPDX-License-Identifier: Apache-2.0
// The directory of a store:
//
//     current -> t0000000001-g00000000000000000017    a symbolic link; replacing it is the commit
//     t0000000001-g00000000000000000017/manifest      what must be there (replicate/manifest.hpp)
//     t0000000001-g00000000000000000017/files/…       the configuration
//     damaged-t…                                      set aside, for people
//     staged/ pruned/ current.new                     of an interrupted call; removed when the store is opened
#include "net/durable_files.hpp"
#include "replicate/generation_rules.hpp"
#include "replicate/manifest.hpp"

#include <cluster/generation.hpp>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <system_error>

namespace cluster {
namespace {

namespace fs = std::filesystem;
using balance::errc;
using balance::make_error;

constexpr std::size_t term_digits = 10;
constexpr std::size_t generation_digits = 20;
/// Bytes of one generation that are read back at most; above what the channel carries.
constexpr std::uint64_t max_generation = 2ull << 30;

std::string padded(std::uint64_t number, std::size_t digits) {
    auto text = std::to_string(number);
    return std::string(digits - text.size(), '0') + text;
}

std::string folder_of(config_version v) {
    return "t" + padded(v.term, term_digits) + "-g" + padded(v.generation, generation_digits);
}

std::optional<config_version> version_of(std::string_view folder) {
    config_version v;
    auto const read = [](std::string_view text, auto& out) {
        return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc{};
    };
    if (folder.size() != 3 + term_digits + generation_digits || !read(folder.substr(1, term_digits), v.term) ||
        !read(folder.substr(3 + term_digits), v.generation) || folder != folder_of(v))
        return std::nullopt;
    return v;
}

/// Best effort: what stays behind is removed when the store is opened again.
void remove_quietly(fs::path const& path) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
}

/// All folders below `files` that the names need, the outer ones first.
std::set<fs::path> folders_of(generation const& g, fs::path const& files) {
    std::set<fs::path> folders{files};
    for (auto const& [name, bytes] : g.files)
        for (auto parent = fs::path(name).parent_path(); !parent.empty(); parent = parent.parent_path())
            folders.insert(files / parent);
    return folders;
}

result<> write_generation(fs::path const& folder, generation const& g, sha256 const& hash) {
    auto const folders = folders_of(g, folder / "files");
    if (auto r = net::make_directory(folder); !r)
        return r;
    for (auto const& f : folders)
        if (auto r = net::make_directory(f); !r)
            return r;
    for (auto const& [name, bytes] : g.files)
        if (auto r = net::write_new_file(folder / "files" / name, bytes); !r)
            return r;
    if (auto r = net::write_new_file(folder / "manifest", replicate::format(replicate::manifest_of(g, hash))); !r)
        return r;
    std::vector<fs::path> written{folder / "manifest"};
    for (auto const& [name, bytes] : g.files)
        written.push_back(folder / "files" / name);
    written.insert(written.end(), folders.begin(), folders.end());
    written.push_back(folder);
    for (auto const& path : written)
        if (auto r = net::sync(path); !r)
            return r;
    return {};
}

error damaged(config_version v, std::string why) {
    return make_error(errc::protocol_error, "the stored configuration of " + replicate::to_string(v) + " is damaged: " + why);
}

result<generation> read_generation(fs::path const& folder, config_version v) {
    auto const text = net::read_file(folder / "manifest", replicate::max_manifest);
    if (!text)
        return text.error().code == errc::not_found ? damaged(v, text.error().detail) : text.error();
    auto const m = replicate::parse_manifest(*text);
    if (!m)
        return damaged(v, m.error().detail);
    generation g{v, {}, m->applied_by, m->applied_at};
    std::uint64_t total = 0;
    for (auto const& [name, size] : m->files) {
        if (size > max_generation - total)
            return damaged(v, "its files are too large");
        total += size;
        auto bytes = net::read_file(folder / "files" / name, static_cast<std::size_t>(size));
        if (!bytes)
            return bytes.error().code == errc::not_permitted ? bytes.error() : damaged(v, bytes.error().detail);
        g.files.emplace_back(name, std::move(*bytes));
    }
    if (auto r = replicate::check(g); !r)
        return damaged(v, r.error().detail);
    if (hash_of(g) != m->id.hash) // covers the version and every byte
        return damaged(v, "its hash is not the manifest's");
    return g;
}

} // namespace

result<generation_store> generation_store::open(fs::path directory) {
    std::error_code code;
    if (directory.has_parent_path())
        fs::create_directories(directory.parent_path(), code); // a failure shows in the next line
    if (auto r = net::make_directory(directory); !r)
        return r.error();
    generation_store store(std::move(directory));
    for (auto const* leftover : {"staged", "pruned", "current.new"})
        remove_quietly(store.directory_ / leftover);
    if (auto r = store.recover(); !r)
        return r.error();
    return store;
}

result<> generation_store::recover() {
    std::error_code code;
    auto const link = directory_ / "current";
    auto const target = fs::read_symlink(link, code).string();
    auto const committed = code ? std::nullopt : version_of(target);
    for (auto const v : history()) {
        if (committed && v > *committed) { // renamed into place, but the link never followed
            remove_quietly(directory_ / folder_of(v));
            continue;
        }
        auto g = load(v);
        if (!g && g.error().code == errc::not_permitted)
            return g.error();
        if (g) {
            current_ = std::move(*g);
            current_id_ = {v, hash_of(*current_)};
            if (target == folder_of(v))
                return {};
            if (notice_.empty())
                notice_ = "the link to the current configuration was lost";
            notice_ += "; " + replicate::to_string(v) + " is used";
            if (auto r = net::replace_symlink(link, folder_of(v)); !r)
                return r;
            return net::sync(directory_);
        }
        notice_ = g.error().detail + "; it was kept aside as damaged-" + folder_of(v);
        remove_quietly(directory_ / ("damaged-" + folder_of(v)));
        if (auto r = net::rename_path(directory_ / folder_of(v), directory_ / ("damaged-" + folder_of(v))); !r)
            return r;
    }
    return {};
}

result<> generation_store::stage(generation const& g) {
    if (auto r = replicate::check(g); !r)
        return r;
    if (g.version <= current_id_.version)
        return make_error(errc::refused, replicate::to_string(g.version) + " is not newer than " +
                                             replicate::to_string(current_id_.version) + ", which is current");
    drop_staged();
    generation_id const id{g.version, hash_of(g)};
    if (auto r = write_generation(directory_ / "staged", g, id.hash); !r) {
        drop_staged();
        return r;
    }
    staged_ = staged_generation{g, id};
    return {};
}

result<> generation_store::commit_staged(generation_id const& id) {
    if (!staged_ || staged_->id != id)
        return make_error(errc::not_found, replicate::to_string(id.version) + " is not staged");
    auto const folder = directory_ / folder_of(id.version);
    if (auto r = net::rename_path(directory_ / "staged", folder); !r)
        return r;
    auto const link = directory_ / "current";
    auto committed = net::replace_symlink(link, folder_of(id.version));
    if (committed)
        committed = net::sync(directory_);
    if (!committed) { // the disk is failing: back to what is current in memory, as far as it lets us
        std::error_code ignored;
        if (!current_)
            fs::remove(link, ignored);
        else
            (void)net::replace_symlink(link, folder_of(current_id_.version));
        remove_quietly(folder);
        staged_.reset();
        return committed;
    }
    current_ = std::move(staged_->content);
    current_id_ = id;
    staged_.reset();
    prune();
    return {};
}

void generation_store::drop_staged() {
    staged_.reset();
    remove_quietly(directory_ / "staged");
}

result<> generation_store::commit(generation const& g) {
    if (auto r = stage(g); !r)
        return r;
    return commit_staged(staged_->id);
}

std::vector<config_version> generation_store::history() const {
    std::vector<config_version> versions;
    std::error_code code;
    for (fs::directory_iterator entry(directory_, code), end; !code && entry != end; entry.increment(code))
        if (auto const v = version_of(entry->path().filename().string()))
            versions.push_back(*v);
    std::sort(versions.rbegin(), versions.rend());
    return versions;
}

result<generation> generation_store::load(config_version v) const {
    auto const folder = directory_ / folder_of(v);
    std::error_code code;
    if (!fs::is_directory(folder, code))
        return make_error(errc::not_found, "there is no configuration of " + replicate::to_string(v) + " in " +
                                               directory_.string() + "; `dyad history` lists those kept");
    return read_generation(folder, v);
}

/// Renamed first, so that a generation with its usual name is always whole.
void generation_store::prune() const {
    auto const versions = history();
    for (std::size_t i = keep_; i < versions.size(); ++i) {
        if (!net::rename_path(directory_ / folder_of(versions[i]), directory_ / "pruned"))
            return;
        remove_quietly(directory_ / "pruned");
    }
}

} // namespace cluster

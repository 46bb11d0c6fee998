// SPDX-License-Identifier: Apache-2.0
#include "net/durable_files.hpp"
#include "net/system_error.hpp"

#include <cluster/key_store.hpp>

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace cluster {
namespace {

namespace fs = std::filesystem;

constexpr auto current_name = "cluster.key";
constexpr auto next_name = "cluster.key.next";
constexpr auto previous_name = "cluster.key.previous";
constexpr auto unfinished_name = "cluster.key.unfinished";

result<> remove_if_there(fs::path const& file) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT)
        return net::system_error("removing " + file.string(), errno, "");
    return {};
}

/// Replaces a key file so that there is never half of one.
result<> write_key(fs::path const& directory, char const* name, key const& k) {
    auto const unfinished = directory / unfinished_name;
    if (auto r = remove_if_there(unfinished); !r)
        return r;
    if (auto r = k.save(unfinished); !r)
        return r;
    if (auto r = net::rename_path(unfinished, directory / name); !r)
        return r;
    return net::sync(directory);
}

result<> remove_key(fs::path const& directory, char const* name) {
    if (auto r = remove_if_there(directory / name); !r)
        return r;
    return net::sync(directory);
}

/// Nothing where there is no such file.
result<std::optional<key>> load_optional(fs::path const& file) {
    auto loaded = key::load(file);
    if (loaded)
        return std::optional<key>(*loaded);
    if (loaded.error().code == balance::errc::not_found)
        return std::optional<key>();
    return loaded.error();
}

} // namespace

key_store::key_store(fs::path directory, key const& current) : directory_(std::move(directory)), current_(current) {}

result<key_store> key_store::open(fs::path const& directory) {
    auto current = key::load(directory / current_name);
    if (!current)
        return current.error();
    key_store store(directory, *current);
    auto next = load_optional(directory / next_name);
    if (!next)
        return next.error();
    auto previous = load_optional(directory / previous_name);
    if (!previous)
        return previous.error();
    store.next_ = *next;
    store.previous_ = *previous;
    if (auto r = remove_if_there(directory / unfinished_name); !r)
        return r.error();
    auto const now = store.held();
    // Switching writes the previous one first, and ends when the next one has become the current one.
    if (now.previous != 0 && (now.next != 0 || now.previous == now.current)) {
        if (auto r = store.drop_previous(); !r)
            return r.error();
    }
    if (now.next == now.current) {
        if (auto r = store.drop_next(); !r)
            return r.error();
    }
    return store;
}

key_pair key_store::keys() const { return {current_, next_ ? next_ : previous_}; }

held_keys key_store::held() const {
    return {current_.fingerprint(), next_ ? next_->fingerprint() : 0, previous_ ? previous_->fingerprint() : 0};
}

result<> key_store::keep_next(key const& k) {
    if (auto r = write_key(directory_, next_name, k); !r)
        return r;
    next_ = k;
    return {};
}

result<> key_store::drop_next() {
    if (auto r = remove_key(directory_, next_name); !r)
        return r;
    next_.reset();
    return {};
}

result<> key_store::switch_over() {
    if (!next_)
        return balance::make_error(balance::errc::refused, "there is no next key to switch to");
    if (auto r = write_key(directory_, previous_name, current_); !r)
        return r;
    if (auto r = net::rename_path(directory_ / next_name, directory_ / current_name); !r)
        return r;
    previous_ = std::exchange(current_, *std::exchange(next_, std::nullopt));
    return net::sync(directory_);
}

result<> key_store::drop_previous() {
    if (auto r = remove_key(directory_, previous_name); !r)
        return r;
    previous_.reset();
    return {};
}

result<> key_store::remove(fs::path const& directory) {
    for (auto const* name : {unfinished_name, next_name, previous_name, current_name})
        if (auto r = remove_if_there(directory / name); !r)
            return r;
    return {};
}

} // namespace cluster

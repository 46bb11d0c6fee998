// SPDX-License-Identifier: Apache-2.0
#include "conntrack/restorer.hpp"

#include <algorithm>
#include <cerrno>

namespace balance::conntrack {
namespace {

/// Packets that would keep an entry alive go through the other node, so it is kept until the peer tells again that it
/// is there, or gone: three times as long as that takes at most, and as long as IPVS keeps a silent TCP connection.
constexpr std::uint32_t shortest_timeout = 15 * 60;

entry lasting(entry e) {
    e.timeout = std::max(e.timeout, shortest_timeout);
    return e;
}

bool is_ours(tuple const& reply, std::span<address const> sources) {
    return std::find(sources.begin(), sources.end(), reply.destination.address) != sources.end();
}

} // namespace

result<restorer::outcome> restorer::take(message const& m, std::span<address const> sources, bool serving) {
    outcome out;
    if (m.first) {
        if (auto const begun = begin_all(sources); !begun) {
            return begun.error();
        }
    }
    std::vector<entry> gone;
    std::vector<entry> kept;
    for (auto const& c : m.changes) {
        if (is_ours(c.entry.reply, sources)) {
            (c.gone ? gone : kept).push_back(c.gone ? c.entry : lasting(c.entry));
        }
    }
    if (!serving) {
        if (auto const done = remove(gone); !done) {
            return done.error();
        }
    }
    if (auto const done = enter(kept, serving, out); !done) {
        return done.error();
    }
    if (m.last) {
        if (serving) {
            untold_.clear();
        } else if (auto const ended = end_all(); !ended) {
            return ended.error();
        }
    }
    return out;
}

result<> restorer::begin_all(std::span<address const> sources) {
    untold_.clear();
    auto const here = kernel_->dump();
    if (!here) {
        return here.error();
    }
    for (auto const& e : *here) {
        if (is_translated(e, sources)) {
            untold_.emplace(e.key, e.reply);
        }
    }
    return {};
}

result<> restorer::end_all() {
    std::vector<bytes> requests;
    for (auto const& [key, reply] : untold_) {
        requests.push_back(encode_removal(key.protocol, key.original));
    }
    untold_.clear();
    auto const done = kernel_->write(requests);
    return done ? result<>() : done.error();
}

result<> restorer::remove(std::span<entry const> gone) {
    std::vector<bytes> requests;
    for (auto const& e : gone) {
        untold_.erase(e.key);
        requests.push_back(encode_removal(e.key.protocol, e.key.original));
    }
    auto const done = kernel_->write(requests);
    return done ? result<>() : done.error();
}

result<> restorer::enter(std::vector<entry> const& kept, bool serving, outcome& out) {
    std::vector<entry> missing;
    std::vector<bytes> updates;
    for (auto const& e : kept) {
        auto const here = untold_.find(e.key);
        if (here == untold_.end() || here->second != e.reply) {
            missing.push_back(e);
        } else if (!serving) {
            updates.push_back(encode_update(e));
        }
        if (here != untold_.end()) {
            untold_.erase(here);
        }
    }
    auto const updated = kernel_->write(updates);
    return updated ? create(missing, serving, out) : result<>(updated.error());
}

result<> restorer::create(std::span<entry const> entries, bool serving, outcome& out) {
    std::vector<bytes> requests;
    for (auto const& e : entries) {
        requests.push_back(encode_creation(e));
    }
    auto const done = kernel_->write(requests);
    if (!done) {
        return done.error();
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
        int const code = (*done)[i];
        if (code == EEXIST) {
            if (auto const resolved = resolve(entries[i], serving, out); !resolved) {
                return resolved;
            }
        } else if (code != 0) {
            ++out.refused;
            out.why = code;
        } else {
            ++out.entered;
        }
    }
    return {};
}

result<> restorer::resolve(entry const& e, bool serving, outcome& out) {
    if (serving) {
        return {};
    }
    auto const here = kernel_->find(e.key);
    if (!here) {
        return here.error();
    }
    bool const same = *here && (*here)->key == e.key && (*here)->reply == e.reply;
    std::vector<bytes> requests;
    if (same) {
        requests = {encode_update(e)};
    } else { // of a connection that is no more, or of another with this one's translation
        requests = {encode_removal(e.key.protocol, e.key.original), encode_removal(e.key.protocol, e.reply),
                    encode_creation(e)};
    }
    auto const done = kernel_->write(requests);
    if (!done) {
        return done.error();
    }
    if (int const code = done->back(); code != 0) {
        ++out.refused;
        out.why = code;
    } else if (!same) {
        ++out.entered;
    }
    return {};
}

} // namespace balance::conntrack

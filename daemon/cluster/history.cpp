// SPDX-License-Identifier: Apache-2.0
#include "cluster/history.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace dyad {

/// One reading, the oldest first.
struct history_reader::walk {
    std::vector<cluster::config_version> versions;
    std::size_t next = 0;
    std::optional<running_config> before; ///< the generation of `versions[next - 1]`, if it could be read
    config::cluster_reader reader; ///< they are much alike
    std::vector<history_entry> entries;
    done answer;
};

void history_reader::read(done answer) {
    auto w = std::make_shared<walk>();
    w->versions = store_->history();
    std::reverse(w->versions.begin(), w->versions.end());
    std::erase_if(known_, [&](auto const& entry) {
        return !std::binary_search(w->versions.begin(), w->versions.end(), entry.first);
    });
    w->answer = std::move(answer);
    step(std::move(w));
}

void history_reader::step(std::shared_ptr<walk> w) {
    if (w->next == w->versions.size()) {
        std::reverse(w->entries.begin(), w->entries.end());
        w->answer(std::move(w->entries));
        return;
    }
    w->entries.push_back(entry_of(w->versions[w->next], *w));
    ++w->next;
    boost::asio::post(executor_, [this, w = std::move(w), alive = std::weak_ptr(alive_)]() mutable {
        if (!alive.expired()) {
            step(std::move(w));
        }
    });
}

history_entry history_reader::entry_of(cluster::config_version v, walk& w) {
    if (auto const known = known_.find(v); known != known_.end()) {
        w.before.reset(); // read if the next one needs it
        return known->second;
    }
    auto const get = [this, &w](cluster::config_version wanted) -> balance::result<running_config> {
        auto loaded = store_->load(wanted);
        return loaded ? understand(std::move(*loaded), w.reader) : loaded.error();
    };
    bool const is_oldest = w.next == 0;
    if (!is_oldest && !w.before) {
        if (auto before = get(w.versions[w.next - 1])) {
            w.before = std::move(*before);
        }
    }
    auto const now = get(v);
    if (!now) {
        w.before.reset();
        return {v, {}, {}, 0, "cannot be read: " + now.error().detail};
    }
    history_entry e{v, now->hash, now->generation.applied_by, now->generation.applied_at, {}};
    e.changes = is_oldest  ? "the oldest one that is kept"
                : w.before ? in_short(differences(*w.before, *now))
                           : "the one before it cannot be read";
    if (w.before) {
        known_.insert_or_assign(v, e);
    }
    w.before = std::move(*now);
    return e;
}

boost::json::object to_json(history_entry const& e) {
    return {{"term", e.version.term},     {"generation", e.version.generation}, {"hash", hex(e.hash)},
            {"applied_by", e.applied_by}, {"applied_at", e.applied_at},         {"changes", e.changes}};
}

} // namespace dyad

// SPDX-License-Identifier: Apache-2.0
#include "firewall/chain_rules.hpp"
#include "firewall/mark_route.hpp"
#include "firewall/nft_program.hpp"
#include "firewall/table_switch.hpp"

#include <balance/validate.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace balance {

namespace {

using clock = std::chrono::steady_clock;
using table_contents = std::vector<std::optional<std::uint32_t>>;

/// Asked of each table; of one that cannot be asked for, that it is not there.
table_contents look(firewall::table_switch& lever, std::vector<firewall::chain_table> const& tables) {
    table_contents out;
    std::transform(tables.begin(), tables.end(), std::back_inserter(out), [&lever](firewall::chain_table t) {
        auto const found = lever.contents(t);
        return found ? *found : std::nullopt;
    });
    return out;
}

} // namespace

struct daisy_chain::impl {
    std::optional<settings> loaded; ///< by `prepare`, the only one who looks at it
    table_contents contents;        ///< of the tables, right after they were loaded

    std::mutex guard;                            ///< of what follows; not held while nft runs
    std::vector<firewall::chain_table> tables;   ///< that are there
    std::optional<firewall::table_switch> lever; ///< absent before the first tables
    side awake = side::none;
    clock::time_point woken{};

    side chosen() {
        std::lock_guard const lock(guard);
        return awake;
    }

    /// With `guard` held.
    result<> pull() { return tables.empty() ? result<>() : lever->set(tables, awake); }

    /// Is all that was loaded still there?
    bool intact() {
        std::lock_guard const lock(guard);
        return tables.empty() || look(*lever, tables) == contents;
    }

    result<> load(settings const& s) {
        std::lock_guard const lock(guard);
        if (!lever) {
            auto opened = firewall::table_switch::open();
            if (!opened) {
                return opened.error();
            }
            lever.emplace(std::move(*opened));
        }
        tables = firewall::tables_of(s);
        contents = look(*lever, tables);
        return pull(); // the other side may have been woken while nft ran
    }
};

daisy_chain::daisy_chain() : impl_(std::make_unique<impl>()) {}

daisy_chain::~daisy_chain() {
    if (impl_->loaded && !firewall::tables_of(*impl_->loaded).empty()) {
        [[maybe_unused]] auto const gone = prepare({}); // at worst they stay until the next start
    }
}

result<bool> daisy_chain::prepare(settings const& s) {
    auto const tables = firewall::tables_of(s);
    bool const same = impl_->loaded == s;
    bool missing = false;
    if (tables.empty()) {
        if (same) {
            return false;
        }
        firewall::undo_deliver_locally(given_mark, firewall::given_table);
    } else {
        auto const routed = firewall::deliver_locally(given_mark, firewall::given_table);
        if (!routed) {
            return routed.error();
        }
        missing = same && *routed;
    }
    if (same && impl_->intact()) {
        return missing;
    }
    auto const written = firewall::run_nft(firewall::chain_rules(s, impl_->chosen()));
    if (!written) {
        if (!impl_->loaded && tables.empty()) {
            impl_->loaded = s; // nothing to be removed where there is no nft
            return false;
        }
        return written.error();
    }
    impl_->loaded = s;
    auto const done = impl_->load(s);
    return done ? result<bool>(same) : done.error();
}

result<> daisy_chain::wake(side s) {
    std::lock_guard const lock(impl_->guard);
    impl_->woken = clock::now();
    return std::exchange(impl_->awake, s) == s ? result<>() : impl_->pull();
}

result<> daisy_chain::rest(std::chrono::milliseconds after) {
    std::lock_guard const lock(impl_->guard);
    bool const due = impl_->awake != side::none && clock::now() - impl_->woken >= after;
    if (!due) {
        return {};
    }
    impl_->awake = side::none;
    return impl_->pull();
}

} // namespace balance

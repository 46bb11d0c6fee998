// SPDX-License-Identifier: Apache-2.0
#include "firewall/chain_rules.hpp"
#include "firewall/mark_route.hpp"
#include "firewall/nft_program.hpp"
#include "firewall/table_switch.hpp"

#include <mutex>

namespace balance {

struct daisy_chain::impl {
    std::optional<settings> loaded; ///< by `prepare`, the only one who looks at it

    std::mutex guard;                            ///< of what follows; not held while nft runs
    std::vector<firewall::chain_table> tables;   ///< that are there
    std::optional<firewall::table_switch> lever; ///< absent before the first tables
    side awake = side::none;

    side chosen() {
        std::lock_guard const lock(guard);
        return awake;
    }
};

daisy_chain::daisy_chain() : impl_(std::make_unique<impl>()) {}

daisy_chain::~daisy_chain() {
    if (impl_->loaded) {
        [[maybe_unused]] auto const gone = prepare({}); // at worst they stay, asleep or without addresses
        firewall::undo_deliver_locally(firewall::given_mark);
    }
}

result<> daisy_chain::prepare(settings const& s) {
    auto const tables = firewall::tables_of(s);
    if (impl_->loaded == s || (!impl_->loaded && tables.empty())) {
        return {};
    }
    if (!tables.empty()) {
        if (auto routed = firewall::deliver_locally(firewall::given_mark); !routed) {
            return routed;
        }
    }
    auto const awake = impl_->chosen();
    {
        std::lock_guard const lock(impl_->guard);
        impl_->tables.clear(); // what is woken meanwhile is woken below
    }
    impl_->loaded.reset();
    if (auto written = firewall::run_nft(firewall::chain_rules(s, awake)); !written) {
        return written;
    }
    impl_->loaded = s;
    std::lock_guard const lock(impl_->guard);
    impl_->tables = tables;
    if (!impl_->lever && !tables.empty()) {
        auto opened = firewall::table_switch::open();
        if (!opened) {
            return opened.error();
        }
        impl_->lever.emplace(std::move(*opened));
    }
    return impl_->awake == awake || tables.empty() ? result<>() : impl_->lever->set(tables, impl_->awake);
}

result<> daisy_chain::wake(side s) {
    std::lock_guard const lock(impl_->guard);
    if (impl_->awake == s) {
        return {};
    }
    impl_->awake = s;
    return impl_->lever && !impl_->tables.empty() ? impl_->lever->set(impl_->tables, s) : result<>();
}

} // namespace balance

// SPDX-License-Identifier: Apache-2.0
#include "core/plan.hpp"

#include "core/plan_text.hpp"

#include <balance/validate.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace balance::ipvs {
namespace {

using kind = change::kind;

service_key const& key_of(service_state const& s) { return s.config.key; }
endpoint const& key_of(destination_state const& d) { return d.config.remote; }

/// What the kernel holds, to be taken out by its keys. Of several with one key the first counts.
template <class State, class Key>
class stock {
public:
    explicit stock(std::span<State const> held) {
        places_.reserve(held.size());
        for (auto const& s : held) {
            places_.push_back({&s});
        }
        std::stable_sort(places_.begin(), places_.end(),
                         [](place const& a, place const& b) { return key_of(*a.state) < key_of(*b.state); });
        auto const same = [](place const& a, place const& b) { return key_of(*a.state) == key_of(*b.state); };
        places_.erase(std::unique(places_.begin(), places_.end(), same), places_.end());
    }

    /// Null when there is none, or no more.
    State const* take(Key const& key) {
        auto const found = std::lower_bound(places_.begin(), places_.end(), key,
                                            [](place const& p, Key const& k) { return key_of(*p.state) < k; });
        if (found == places_.end() || found->taken || key_of(*found->state) != key) {
            return nullptr;
        }
        found->taken = true;
        return found->state;
    }

    /// In the order of their keys.
    [[nodiscard]] std::vector<State const*> left() const {
        std::vector<State const*> out;
        for (auto const& p : places_) {
            if (!p.taken) {
                out.push_back(p.state);
            }
        }
        return out;
    }

private:
    struct place {
        State const* state;
        bool taken = false;
    };

    std::vector<place> places_;
};

class planner {
public:
    planner(desired_table const& desired, std::span<service_state const> actual, known_services const& known)
        : desired_(desired), known_(known), actual_(actual) {}

    changes run() {
        for (auto const& wanted : desired_.services) {
            if (auto const* held = actual_.take(wanted.config.key)) {
                compare(wanted, *held);
            } else {
                add(wanted);
            }
        }
        auto const left = actual_.left();
        if (!left.empty()) {
            addresses_.insert(desired_.addresses.begin(), desired_.addresses.end());
        }
        for (auto const* s : left) {
            auto const& key = s->config.key;
            if (!is_ours(key)) {
                out_.strangers.push_back(key);
                continue;
            }
            auto const name = name_of(key);
            out_.remove.push_back({kind::remove_service, name, s->config, {}, text_of_removed(name, key)});
        }
        return std::move(out_);
    }

private:
    void add(desired_service const& wanted) {
        out_.build.push_back({kind::add_service, wanted.name, wanted.config, {}, text_of_added(wanted)});
        for (auto const* d : in_order_of_adding(wanted)) {
            build(kind::add_destination, wanted, d->config, text_of_added(*d));
        }
    }

    /// The heaviest last, the file's first after its equals: the kernel begins with the one that was added last. A
    /// persistent service of one group of clients stays with that for hours.
    static std::vector<desired_destination const*> in_order_of_adding(desired_service const& s) {
        std::vector<desired_destination const*> out;
        for (auto d = s.destinations.rbegin(); d != s.destinations.rend(); ++d) {
            out.push_back(&*d);
        }
        std::stable_sort(out.begin(), out.end(),
                         [](auto const* a, auto const* b) { return a->config.weight < b->config.weight; });
        return out;
    }

    void compare(desired_service const& wanted, service_state const& actual) {
        if (wanted.config != actual.config) {
            auto text = text_of_changed(wanted.name, actual.config, wanted.config);
            out_.build.push_back({kind::set_service, wanted.name, wanted.config, {}, std::move(text)});
        }
        auto const& held = actual.destinations;
        auto const same = [](desired_destination const& d, destination_state const& h) {
            return d.config.remote == h.config.remote;
        };
        if (std::equal(wanted.destinations.begin(), wanted.destinations.end(), held.begin(), held.end(), same)) {
            for (std::size_t i = 0; i < held.size(); ++i) {
                compare(wanted, wanted.destinations[i], held[i].config);
            }
            return;
        }
        stock<destination_state, endpoint> there(held);
        for (auto const& d : wanted.destinations) {
            if (auto const* h = there.take(d.config.remote)) {
                compare(wanted, d, h->config);
            } else {
                build(kind::add_destination, wanted, d.config, text_of_added(d));
            }
        }
        for (auto const* h : there.left()) {
            build(kind::remove_destination, wanted, h->config, text_of_removed(h->config));
        }
    }

    void compare(desired_service const& s, desired_destination const& wanted, destination const& actual) {
        if (wanted.config != actual) {
            build(kind::set_destination, s, wanted.config, text_of_changed(wanted, actual));
        }
    }

    void build(kind what, desired_service const& s, destination const& d, std::string text) {
        out_.build.push_back({what, s.name, s.config, d, std::move(text)});
    }

    [[nodiscard]] bool is_ours(service_key const& key) const {
        if (known_.contains(key)) {
            return true;
        }
        if (key.mark != 0) {
            return key.mark >= first_reserved_mark && key.mark <= last_reserved_mark;
        }
        return addresses_.contains(key.local.address);
    }

    [[nodiscard]] std::string name_of(service_key const& key) const {
        auto const found = known_.find(key);
        return found == known_.end() ? std::string() : found->second;
    }

    desired_table const& desired_;
    known_services const& known_;
    stock<service_state, service_key> actual_;
    std::set<address> addresses_; ///< of `desired_`, once something is left to be judged by them
    changes out_;
};

} // namespace

changes plan(desired_table const& desired, std::span<service_state const> actual, known_services const& known) {
    return planner(desired, actual, known).run();
}

} // namespace balance::ipvs

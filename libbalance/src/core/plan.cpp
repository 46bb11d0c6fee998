// SPDX-License-Identifier: Apache-2.0
#include "core/plan.hpp"

#include "core/plan_text.hpp"

#include <balance/validate.hpp>

#include <algorithm>
#include <utility>

namespace balance::ipvs {
namespace {

using kind = change::kind;

class planner {
public:
    planner(desired_table const& desired, std::span<service_state const> actual, known_services const& known)
        : desired_(desired), known_(known) {
        for (auto const& s : actual) {
            actual_.emplace(s.config.key, &s);
        }
    }

    changes run() {
        for (auto const& wanted : desired_.services) {
            auto const found = actual_.find(wanted.config.key);
            if (found == actual_.end()) {
                add(wanted);
            } else {
                compare(wanted, *found->second);
                actual_.erase(found);
            }
        }
        for (auto const& [key, left] : actual_) {
            if (!is_ours(key)) {
                out_.strangers.push_back(key);
                continue;
            }
            auto const name = name_of(key);
            out_.remove.push_back({kind::remove_service, name, left->config, {}, text_of_removed(name, key)});
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
        std::map<endpoint, destination const*> left;
        for (auto const& d : actual.destinations) {
            left.emplace(d.config.remote, &d.config);
        }
        for (auto const& d : wanted.destinations) {
            auto const found = left.find(d.config.remote);
            if (found == left.end()) {
                build(kind::add_destination, wanted, d.config, text_of_added(d));
                continue;
            }
            if (*found->second != d.config) {
                build(kind::set_destination, wanted, d.config, text_of_changed(d, *found->second));
            }
            left.erase(found);
        }
        for (auto const& [remote, d] : left) {
            build(kind::remove_destination, wanted, *d, text_of_removed(*d));
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
        return std::find(desired_.addresses.begin(), desired_.addresses.end(), key.local.address) !=
               desired_.addresses.end();
    }

    [[nodiscard]] std::string name_of(service_key const& key) const {
        auto const found = known_.find(key);
        return found == known_.end() ? std::string() : found->second;
    }

    desired_table const& desired_;
    known_services const& known_;
    std::map<service_key, service_state const*> actual_;
    changes out_;
};

} // namespace

changes plan(desired_table const& desired, std::span<service_state const> actual, known_services const& known) {
    return planner(desired, actual, known).run();
}

} // namespace balance::ipvs

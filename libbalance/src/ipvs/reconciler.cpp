// SPDX-License-Identifier: Apache-2.0
#include "ipvs/reconciler.hpp"

#include "ipvs/codec.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace balance::ipvs {
namespace {

constexpr int rounds = 2;

bytes encode(change const& c) {
    switch (c.what) {
    case change::kind::add_service:
        return encode(command::new_service, c.target);
    case change::kind::set_service:
        return encode(command::set_service, c.target);
    case change::kind::remove_service:
        return encode(command::remove_service, c.target);
    case change::kind::add_destination:
        return encode(command::new_destination, c.target.key, c.server);
    case change::kind::set_destination:
        return encode(command::set_destination, c.target.key, c.server);
    case change::kind::remove_destination:
        return encode(command::remove_destination, c.target.key, c.server);
    }
    return {};
}

/// What the operator reads in the service's status.
std::string explain(change const& c, int code) {
    bool const of_service = c.what == change::kind::add_service || c.what == change::kind::set_service;
    if (of_service && code == ENOENT) {
        return "this kernel has no scheduler " + c.target.scheduler + "; load the module with \"modprobe ip_vs_" +
               c.target.scheduler + "\", or choose another balance";
    }
    if (of_service && code == EPROTONOSUPPORT) {
        return "this kernel's IPVS does not balance this protocol; use another kernel, or another protocol";
    }
    if (code == EAFNOSUPPORT) {
        return "this kernel's IPVS has no IPv6; use IPv4 addresses or another kernel";
    }
    return "the kernel refused \"" + c.text + "\": " + std::strerror(code);
}

} // namespace

result<reconciler::outcome> reconciler::build(kernel& k, desired_table const& desired) {
    auto out = run(k, desired, &changes::build);
    if (!out) {
        return out;
    }
    for (auto const& s : desired.services) {
        known_.insert_or_assign(s.config.key, s.name);
    }
    return out;
}

result<reconciler::outcome> reconciler::remove(kernel& k, desired_table const& desired) {
    auto out = run(k, desired, &changes::remove);
    if (!out) {
        return out;
    }
    for (auto const& c : out->done) {
        known_.erase(c.target.key);
    }
    return out;
}

result<reconciler::outcome> reconciler::run(kernel& k, desired_table const& desired,
                                            std::vector<change> changes::*part) {
    outcome out;
    for (int round = 0; round < rounds; ++round) {
        auto const actual = k.look();
        if (!actual) {
            return actual.error();
        }
        auto planned = plan(desired, *actual, known_);
        for (auto const& key : planned.strangers) {
            if (said_.insert(key).second) {
                out.strangers.push_back(key);
            }
        }
        out.removals = !planned.remove.empty();
        auto& todo = planned.*part;
        if (todo.empty()) {
            break;
        }
        std::vector<bytes> messages;
        messages.reserve(todo.size());
        std::transform(todo.begin(), todo.end(), std::back_inserter(messages),
                       [](change const& c) { return encode(c); });
        auto const answers = k.write(messages);
        if (!answers) {
            return answers.error();
        }
        out.failed.clear();
        std::set<std::string_view> failed; // the first failure of a service is its reason; what follows is not said
        for (std::size_t i = 0; i < todo.size(); ++i) {
            if (int const code = (*answers)[i]; code == 0) {
                out.done.push_back(std::move(todo[i]));
            } else if (failed.insert(todo[i].service).second) {
                out.failed.push_back({todo[i].service, explain(todo[i], code)});
            }
        }
        if (out.failed.empty()) {
            break;
        }
    }
    return out;
}

} // namespace balance::ipvs

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipvs/codec.hpp"
#include "ipvs/kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>

namespace balance::ipvs {

/// An IPVS table in memory that understands the bytes a kernel would get and answers with the kernel's errors.
class memory_kernel final : public kernel {
public:
    std::vector<service_state> table;
    std::size_t dumps = 0;
    std::size_t messages = 0;
    std::function<int(bytes const&)> fault; ///< an errno other than 0 for messages that must fail
    std::function<void()> between;          ///< what somebody else does between a dump and the next write

    result<std::vector<service_state>> dump() override {
        ++dumps;
        return table;
    }

    result<std::vector<int>> write(std::span<bytes const> batch) override {
        if (between) {
            between();
        }
        std::vector<int> out;
        for (auto const& m : batch) {
            ++messages;
            int const forced = fault ? fault(m) : 0;
            out.push_back(forced != 0 ? forced : carry_out(m));
        }
        return out;
    }

    service_state* find(service_key const& key) {
        auto const it = std::find_if(table.begin(), table.end(), [&](auto const& s) { return s.config.key == key; });
        return it == table.end() ? nullptr : &*it;
    }

private:
    int carry_out(bytes message) {
        auto const what = static_cast<command>(message.at(0));
        bool const on_service = what <= command::get_service;
        message[0] = static_cast<std::byte>(command::new_service);
        auto const s = decode_service(message);
        if (!s) {
            return EINVAL;
        }
        auto* const held = find(s->config.key);
        if (on_service) {
            return service_command(what, *s, held);
        }
        if (held == nullptr) {
            return ESRCH;
        }
        message[0] = static_cast<std::byte>(command::new_destination);
        auto const d = decode_destination(message, s->config.key.v6);
        return d ? destination_command(what, *d, *held) : EINVAL;
    }

    int service_command(command what, service_state const& s, service_state* held) {
        if (what == command::new_service) {
            if (held != nullptr) {
                return EEXIST;
            }
            table.push_back(s);
            return 0;
        }
        if (held == nullptr) {
            return ESRCH;
        }
        if (what == command::set_service) {
            held->config = s.config;
        } else {
            std::erase_if(table, [&](auto const& x) { return x.config.key == s.config.key; });
        }
        return 0;
    }

    static int destination_command(command what, destination_state const& d, service_state& held) {
        auto const same = [&](auto const& x) { return x.config.remote == d.config.remote; };
        auto const it = std::find_if(held.destinations.begin(), held.destinations.end(), same);
        if (what == command::new_destination) {
            if (it != held.destinations.end()) {
                return EEXIST;
            }
            held.destinations.push_back(d);
            return 0;
        }
        if (it == held.destinations.end()) {
            return ENOENT;
        }
        if (what == command::set_destination) {
            it->config = d.config;
        } else {
            held.destinations.erase(it);
        }
        return 0;
    }
};

} // namespace balance::ipvs

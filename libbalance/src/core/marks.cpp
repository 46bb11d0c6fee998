// SPDX-License-Identifier: Apache-2.0
#include <balance/validate.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace balance {

bool needs_mark(virtual_service const& s) {
    if (!is_layer4(s.mode) || !s.address) {
        return false;
    }
    bool const several = s.ports.size() > 1 || (s.ports.size() == 1 && s.ports.front().first != s.ports.front().last);
    return several || s.protocol == protocol::tcp_udp || s.firewall_mark != 0;
}

void allocate_marks(configuration& c) {
    std::map<std::string, std::size_t, std::less<>> place;
    std::set<std::uint32_t> taken;
    for (std::size_t i = 0; i < c.marks.size(); ++i) {
        place.emplace(c.marks[i].first, i);
        taken.insert(c.marks[i].second);
    }
    auto const is_ours = [](std::uint32_t m) { return m >= first_reserved_mark && m <= last_reserved_mark; };
    std::uint32_t next = first_reserved_mark;
    for (auto const& s : c.services) {
        auto const known = place.find(s.name);
        if (!needs_mark(s) ||
            (s.firewall_mark == 0 && known != place.end() && is_ours(c.marks[known->second].second))) {
            continue;
        }
        auto mark = s.firewall_mark;
        if (mark == 0) {
            while (next < borrowed_mark && taken.contains(next)) {
                ++next;
            }
            if (next >= borrowed_mark) {
                return; // validate() has said so
            }
            mark = next++;
        }
        if (known != place.end()) {
            c.marks[known->second].second = mark;
        } else {
            c.marks.emplace_back(s.name, mark);
        }
    }
}

} // namespace balance

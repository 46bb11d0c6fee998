// SPDX-License-Identifier: Apache-2.0
// What the links and the keeper tell, as events of the failover machine.
#include "net/driver.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace cluster::net {
namespace {

std::string text_of(mac_address const& mac) {
    std::array<char, 18> out{};
    std::snprintf(out.data(), out.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                  mac[5]);
    return out.data();
}

} // namespace

void driver::judge(std::size_t link, wire::verdict const& v) {
    using kind = wire::verdict::kind;
    auto const& book = *paths_.book();
    if (v.what == kind::new_session) {
        if (had_session_) {
            step(failover::peer_restarted{});
        }
        had_session_ = true;
        changed_ = true;
    }
    if (v.what == kind::heartbeat || v.what == kind::new_session) {
        step(failover::heartbeat_received{link, book.newest().report, v.counter});
    } else if (v.what == kind::goodbye) {
        step(failover::goodbye_received{});
    }
    if (v.answer) {
        paths_.send(link, machine_.report(), now_);
    }
}

void driver::on(kept::link const& r) {
    auto const& s = paths_.settings(r.index);
    bool const rebind = !s.interface.empty() && r.interface != 0 && paths_.interface_index(r.index) != r.interface;
    if (rebind || (paths_.descriptor(r.index) < 0 && r.usable)) {
        if (auto const opened = paths_.reopen(r.index); opened) {
            waiter_.watch(paths_.descriptor(r.index));
        } else {
            tell("error", opened.error().detail, true);
        }
    }
    memory_[r.index].usable = r.usable;
    changed_ = true;
    step(failover::link_changed{r.index, r.usable});
}

void driver::on(kept::service const& r) {
    health_.service_ok = r.ok;
    report_health();
}

void driver::on(kept::held const& r) {
    held_ = r.addresses;
    changed_ = true;
    announcer_.set(held_, now_);
    for (auto const index : r.restarted) {
        announcer_.restart(index, now_);
    }
    if (callbacks_.held) {
        std::vector<floating_address> floating(held_.size());
        std::transform(held_.begin(), held_.end(), floating.begin(), [](held_address const& h) { return h.floating; });
        callbacks_.held(floating);
    }
}

void driver::take_probe_answers() {
    constexpr int most = 64; // a flood of ARP must not keep this thread
    constexpr std::chrono::minutes pause{1};
    for (int i = 0; i < most; ++i) {
        auto const answer = announce_socket_->receive();
        if (!answer) {
            return;
        }
        address const a{answer->who.address};
        auto const ours = std::find_if(held_.begin(), held_.end(), [&](held_address const& h) {
            return h.floating.address == a && h.interface == answer->interface && h.mac != answer->who.mac;
        });
        if (ours == held_.end()) {
            continue;
        }
        announcer_.contest(answer->interface, a, now_);
        auto const [told, first] = contested_.try_emplace(a, now_);
        if (first || now_ - told->second > pause) {
            told->second = now_;
            tell("conflict",
                 a.to_string() + " is answered for by " + text_of(answer->who.mac) +
                     ", too; announcing until that is silent. The kernel of a dead node does so for seconds; if it "
                     "lasts, "
                     "take the address off that machine",
                 false);
        }
    }
}

void driver::report_health() {
    health_.pings_answering = pings_.answering(now_);
    changed_ = true;
    step(health_);
}

} // namespace cluster::net

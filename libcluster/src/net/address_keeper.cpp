// SPDX-License-Identifier: Apache-2.0
#include "net/address_keeper.hpp"

#include "net/quiet_thread.hpp"
#include "net/real_time.hpp"
#include "net/system_error.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace cluster::net {
namespace {

constexpr int keeper_priority = 49; // one below the heartbeat thread
constexpr std::chrono::milliseconds put_back_interval{100};
constexpr unsigned put_back_burst = 10;

std::string text_of(floating_address const& f) {
    return f.address.to_string() + (f.interface.empty() ? "" : " on " + f.interface);
}

std::string reason_of(int number, address const& a) {
    if (number == EACCES && a.is_v6()) {
        return "IPv6 is off on its interface; set the sysctl net.ipv6.conf.INTERFACE.disable_ipv6 to 0";
    }
    return std::generic_category().message(number);
}

} // namespace

address_keeper::address_keeper(settings s, mailbox<keeper_report>& reports)
    : settings_(std::move(s)), reports_(reports), put_backs_(put_back_interval, put_back_burst),
      links_(settings_.links.size()) {
    for (auto& l : settings_.links) {
        l.local = without_zone(l.local);
    }
}

address_keeper::~address_keeper() { stop(); }

result<> address_keeper::start(std::vector<floating_address> floating, std::function<void(address_move)> moves) {
    moves_ = std::move(moves);
    auto channel = address_channel::open();
    if (!channel) {
        return channel.error();
    }
    channel_.emplace(std::move(*channel));
    if (int const number = channel_->may_change(); number != 0) {
        return system_error("changing addresses", number);
    }
    auto monitor = network_monitor::open();
    if (!monitor) {
        return monitor.error();
    }
    monitor_.emplace(std::move(*monitor));
    replace_floating(std::move(floating));
    observe();
    thread_ = quiet_thread("dyad-addresses", [this] { run(); });
    return {};
}

void address_keeper::stop() {
    if (thread_.joinable()) {
        orders_.post({order::kind::stop, clock::now(), {}});
        thread_.join();
    }
}

void address_keeper::run() {
    if (settings_.real_time) {
        // The heartbeat thread has reported what is missing.
        [[maybe_unused]] auto const missing = make_real_time(keeper_priority);
    }
    while (!stopping_) {
        pollfd sources[] = {{orders_.descriptor(), POLLIN, 0}, {monitor_->descriptor(), POLLIN, 0}};
        ::poll(sources, 2, -1);
        orders_.take([this](order&& o) { carry_out(o); });
        observe();
    }
}

void address_keeper::carry_out(order const& o) {
    switch (o.what) {
    case order::kind::acquire:
        acquire_now(o);
        break;
    case order::kind::refresh:
        refresh_now(o.given);
        break;
    case order::kind::release:
        release_now(o.planned);
        break;
    case order::kind::set_floating:
        replace_floating(o.floating);
        break;
    case order::kind::stop:
        release_now(false);
        stopping_ = true;
        break;
    }
}

void address_keeper::announce_move(address_move m) const {
    if (moves_) {
        moves_(m);
    }
}

void address_keeper::acquire_now(order const& o) {
    if (clock::now() - o.given > settings_.authority) {
        tell(kept::acquired{false}); // the decision is from before a sleep
        return;
    }
    announce_move(o.planned ? address_move::received : address_move::claimed);
    holding_ = true;
    authorised_ = o.given;
    std::vector<entry*> all;
    for (auto& e : entries_) {
        e.seen = false;
        all.push_back(&e);
    }
    auto const done = put(all);
    observe();
    report_held();
    tell(kept::acquired{done > 0 || entries_.empty()});
}

void address_keeper::refresh_now(clock::time_point given) {
    // An order that waited here too long, because this machine slept, speaks for a past in which the node was active.
    if (!holding_ || clock::now() - given > settings_.authority) {
        return;
    }
    authorised_ = given;
    std::vector<entry*> all;
    for (auto& e : entries_) {
        all.push_back(&e);
    }
    put(all);
}

void address_keeper::release_now(bool planned) {
    if (holding_) {
        announce_move(planned ? address_move::given : address_move::dropped);
    }
    holding_ = false;
    std::vector<placed_address> all;
    for (auto const& e : entries_) {
        if (e.place) {
            all.push_back(*e.place);
        }
    }
    bool const ok = take_off(all);
    monitor_->update();
    report_held();
    tell(kept::released{ok});
}

void address_keeper::replace_floating(std::vector<floating_address> floating) {
    std::sort(floating.begin(), floating.end());
    floating.erase(std::unique(floating.begin(), floating.end()), floating.end());
    monitor_->update();
    std::vector<placed_address> gone;
    std::vector<entry> entries;
    for (auto& f : floating) {
        auto const known =
            std::find_if(entries_.begin(), entries_.end(), [&](entry const& e) { return e.floating == f; });
        entries.push_back(known != entries_.end() ? *known : entry{.floating = f, .place = {}});
    }
    for (auto const& e : entries_) {
        if (e.place && std::find(floating.begin(), floating.end(), e.floating) == floating.end()) {
            gone.push_back(*e.place);
        }
    }
    entries_ = std::move(entries);
    for (auto& e : entries_) {
        resolve(e);
    }
    if (holding_) {
        put(missing());
        take_off(gone);
    } else if (auto const left = present(); !left.empty()) {
        take_off(left);
        tell(kept::notice{"address",
                          std::to_string(left.size()) + " floating IPs were left on this node, among them " +
                              left.front().address.to_string() + "; taken off",
                          true});
    }
}

/// Takes in the kernel's messages and does what follows from them.
void address_keeper::observe() {
    monitor_->update();
    if (monitor_->view().version() == seen_) {
        return; // renewals only
    }
    reconcile();
    seen_ = monitor_->view().version();
    report_links();
    report_service();
    report_held();
}

void address_keeper::reconcile() {
    for (auto& e : entries_) {
        resolve(e);
        e.seen = e.seen || (e.place && monitor_->view().has(*e.place));
    }
    auto const now = clock::now();
    if (holding_) {
        auto const absent = missing();
        if (absent.empty() || now - authorised_ > settings_.authority || !put_backs_.take(now)) {
            return;
        }
        // The kernel tells of an IPv6 address a moment after it has it: one that was never seen was not taken off.
        auto const taken = std::find_if(absent.begin(), absent.end(), [](entry const* e) { return e->seen; });
        if (put(absent) > 0 && taken != absent.end()) {
            tell(kept::notice{"address", text_of((*taken)->floating) + " was taken off by someone else; put back", true});
        }
    } else if (auto const left = present(); !left.empty() && put_backs_.take(now)) {
        take_off(left);
        tell(kept::notice{"address",
                          left.front().address.to_string() + " was put on this passive node by someone else; taken off",
                          true});
    } else {
        return;
    }
    monitor_->update();
}

/// Finds the interface of an address. It may be there later only, or anew with another index.
void address_keeper::resolve(entry& e) {
    auto const& view = monitor_->view();
    auto const& f = e.floating;
    auto const* const on = f.interface.empty() ? view.subnet_of(f.address) : view.find(f.interface);
    if (on == nullptr) {
        e.place.reset();
        return;
    }
    e.place = placed_address{on->index, f.address, host_prefix(f.address)};
    e.placed_once = true;
}

/// Puts these on, and counts those that worked. A fault is reported when it is new.
std::size_t address_keeper::put(std::vector<entry*> const& which) {
    std::vector<placed_address> places;
    std::vector<entry*> placed;
    for (auto* const e : which) {
        if (e->place) {
            places.push_back(*e->place);
            placed.push_back(e);
        } else {
            fault(*e,
                  e->floating.interface.empty()
                      ? "no interface has a subnet that holds it; name its network in cluster.toml and the network's "
                        "interface in node.toml"
                      : "this node has no such interface; name one that `ip link` shows");
        }
    }
    auto const answers = channel_->put(places, settings_.lifetime);
    std::size_t good = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i] != 0) {
            fault(*placed[i], reason_of(answers[i], placed[i]->floating.address));
            continue;
        }
        placed[i]->faulty = false;
        ++good;
    }
    return good;
}

bool address_keeper::take_off(std::vector<placed_address> const& which) {
    auto const answers = channel_->remove(which);
    bool ok = true;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i] != 0) {
            ok = false;
            tell(kept::notice{"error",
                              which[i].address.to_string() +
                                  " could not be taken off: " + std::generic_category().message(answers[i]),
                              true});
        }
    }
    return ok;
}

void address_keeper::fault(entry& e, std::string text) {
    if (!std::exchange(e.faulty, true)) {
        tell(kept::notice{"error", text_of(e.floating) + " could not be put on: " + std::move(text), true});
    }
}

/// Those of our set that should be on this node and aren't.
std::vector<address_keeper::entry*> address_keeper::missing() {
    std::vector<entry*> out;
    for (auto& e : entries_) {
        if (e.place && !monitor_->view().has(*e.place)) {
            out.push_back(&e);
        }
    }
    return out;
}

std::vector<placed_address> address_keeper::present() const {
    std::vector<placed_address> out;
    for (auto const& e : entries_) {
        if (e.place && monitor_->view().has(*e.place)) {
            out.push_back(*e.place);
        }
    }
    return out;
}

} // namespace cluster::net

// SPDX-License-Identifier: Apache-2.0
#include "mischief.hpp"

namespace sim {

using cluster::failover::request;

mischief::mischief(world& w, random dice) : world_(w), dice_(dice) {
    for (std::uint32_t& weight : weights_) {
        weight = dice_.chance(500'000) ? static_cast<std::uint32_t>(dice_.between(1, 8)) : 0;
        weight_sum_ += weight;
    }
    if (weight_sum_ == 0) {
        weights_[0] = 1;
        weight_sum_ = 1;
    }
    world_.loss = static_cast<std::uint32_t>(dice_.between(50'000, 700'000));
    pace_ = dice_.spread(20 * ms, 8000 * ms);
    next_ = dice_.between(0, pace_);
}

fault mischief::pick() {
    auto at = static_cast<std::uint32_t>(dice_.between(0, weight_sum_ - 1));
    for (std::size_t f = 0; f < fault_count; ++f) {
        if (at < weights_[f])
            return static_cast<fault>(f);
        at -= weights_[f];
    }
    return fault::cut_link;
}

void mischief::run_until(instant until) {
    while (!world_.judge().found()) {
        instant const event = ends_.empty() ? next_ : std::min(ends_.next(), next_);
        if (event >= until)
            break;
        world_.run_until(event);
        if (!ends_.empty() && ends_.next() <= event) {
            end(ends_.take());
        } else {
            begin(pick());
            next_ = event + dice_.between(1, 2 * pace_);
        }
    }
    world_.run_until(until);
}

void mischief::begin(fault f) {
    ++world_.covered().faults[static_cast<std::size_t>(f)];
    auto const node = static_cast<std::size_t>(dice_.between(0, 1));
    auto const link =
        static_cast<std::size_t>(dice_.between(0, static_cast<std::int64_t>(world_.surroundings().links) - 1));
    if (f >= fault::op_takeover)
        ask(f, node);
    else if (f <= fault::link_down)
        last(f, node, link, ms, 10'000 * ms);
    else
        begin_on_node(f, node, link);
}

void mischief::begin_on_node(fault f, std::size_t node, std::size_t link) {
    instant const deadtime = world_.surroundings().deadtime();
    switch (f) {
    case fault::short_stall:
        return world_.stall(node, dice_.spread(ms, deadtime), false);
    case fault::long_stall:
        return world_.stall(node, deadtime + dice_.spread(ms, 10'000 * ms), false);
    case fault::watched_stall:
        return world_.stall(node, deadtime + dice_.spread(ms, 10'000 * ms), true);
    case fault::crash:
        return world_.crash(node, world::crash_kind::guarded, dice_.spread(20 * ms, 5000 * ms));
    case fault::crash_all:
        return world_.crash(node, world::crash_kind::all, dice_.spread(20 * ms, 10'000 * ms));
    case fault::power_off:
        return world_.crash(node, world::crash_kind::power, dice_.spread(500 * ms, 10'000 * ms));
    case fault::lose_writes:
        world_.at(node).lost_writes = true;
        return world_.crash(node, world::crash_kind::power, dice_.spread(500 * ms, 10'000 * ms));
    default:
        return last(f, node, link, ms, 8000 * ms);
    }
}

void mischief::ask(fault f, std::size_t node) {
    switch (f) {
    case fault::op_takeover:
        world_.ask(node, request::takeover);
        return;
    case fault::op_handover:
        world_.ask(node, request::handover);
        return;
    case fault::op_maintenance:
        if (world_.ask(node, request::maintenance_on))
            ends_.add(world_.now() + dice_.spread(ms, 8000 * ms), static_cast<std::uint8_t>(f),
                      static_cast<std::uint8_t>(node));
        return;
    default:
        if (world_.ask(node, request::stop))
            ends_.add(world_.now() + dice_.spread(20 * ms, 5000 * ms), static_cast<std::uint8_t>(f),
                      static_cast<std::uint8_t>(node));
        return;
    }
}

/// Begins `f` and sees to its end.
void mischief::last(fault f, std::size_t node, std::size_t link, instant least, instant most) {
    change(f, node, link, 1);
    ends_.add(world_.now() + dice_.spread(least, most), static_cast<std::uint8_t>(f), static_cast<std::uint8_t>(node),
              static_cast<std::uint16_t>(link));
}

void mischief::end(occurrence const& o) {
    auto const f = static_cast<fault>(o.what);
    if (f == fault::op_maintenance)
        world_.ask(o.node, request::maintenance_off);
    else if (f == fault::op_stop)
        world_.start(o.node);
    else
        change(f, o.node, o.small, -1);
}

void mischief::change(fault f, std::size_t node, std::size_t link, int by) {
    host& h = world_.at(node);
    network& net = world_.net();
    world_.note(f <= fault::reorder ? 2 : node,
                "* " + std::string(fault_names[static_cast<std::size_t>(f)]) + (by > 0 ? " begins" : " ends") +
                    (f == fault::partition || f > fault::link_down
                         ? ""
                         : ", link " + std::to_string(link) + " from " + std::to_string(node + 1)));
    auto const count = [&](int path::*what, bool all_links, bool both_ways) {
        for (std::size_t l = 0; l < world_.surroundings().links; ++l)
            for (std::size_t from = 0; from < 2; ++from)
                if ((all_links || l == link) && (both_ways || from == node))
                    net.at(l, from).*what += by;
    };
    switch (f) {
    case fault::cut_link:
        return count(&path::cut, false, true);
    case fault::cut_one_way:
        return count(&path::cut, false, false);
    case fault::partition:
        if (world_.surroundings().isolating)
            h.pings.lose(by * world_.surroundings().pings, world_.surroundings().pings, world_.now());
        return count(&path::cut, true, true);
    case fault::partition_one_way:
        return count(&path::cut, true, false);
    case fault::lose:
        return count(&path::lossy, node == 0, true);
    case fault::delay:
        return count(&path::slow, false, true);
    case fault::duplicate:
        return count(&path::doubling, false, true);
    case fault::reorder:
        return count(&path::shuffling, false, true);
    case fault::link_down:
        net.interface_down(link, node) += by;
        return world_.tell_link(node, link);
    case fault::acquire_fails:
        h.acquire_fails += by;
        return;
    case fault::release_fails:
        h.release_fails += by;
        return;
    case fault::slow_effects:
        h.slow_effects += by;
        return;
    case fault::service_down:
        h.service_down += by;
        return world_.tell_health(node);
    case fault::not_ready:
        h.not_ready += by;
        return world_.tell_health(node);
    case fault::ping_lost:
        h.pings.lose(by * (1 + static_cast<int>(link)), world_.surroundings().pings, world_.now()); // one, or all of them
        return;
    default:
        return;
    }
}

} // namespace sim

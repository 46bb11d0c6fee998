// SPDX-License-Identifier: Apache-2.0
#include "doctor/machine.hpp"

#include "doctor/inquiry.hpp"
#include "firewall/program.hpp"
#include "ipvs/channel.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace balance::doctor {
namespace {

constexpr milliseconds nft_limit{2000};
constexpr address_v4::uint_type anywhere = 0xc000'0201; ///< 192.0.2.1 of TEST-NET-1: only the default route leads there

void look_at_ipvs(machine_facts& out) {
    utsname name{};
    if (::uname(&name) == 0) {
        out.kernel = name.release;
    }
    auto opened = ipvs::channel::open();
    if (!opened && opened.error().code == errc::not_supported && firewall::load_module("ip_vs")) {
        opened = ipvs::channel::open();
    }
    if (!opened) {
        out.no_ipvs = opened.error();
    }
}

/// What nft printed.
result<std::string> run_nft(std::vector<std::string> const& arguments) {
    auto done = firewall::run_program("nft", arguments, {}, nft_limit);
    if (!done) {
        return done.error();
    }
    if (done->exit_code != 0) {
        return make_error(errc::io_error, "nft fails: " + done->err.substr(0, done->err.find('\n')));
    }
    return std::move(done->out);
}

void look_at_nft(machine_facts& out) {
    if (auto const tables = run_nft({"list", "tables"}); !tables) {
        out.no_nft = tables.error();
    }
}

/// Without counters and without what is in sets, of which there may be much.
void look_at_filters(machine_facts& out) {
    if (out.no_nft) {
        return;
    }
    auto const rules = run_nft({"-s", "-t", "list", "ruleset"});
    if (!rules) {
        out.no_filters = rules.error().detail;
        return;
    }
    out.filters = dropping_chains(*rules);
    if (rules->size() >= longest_listing) { // what is longer is cut off
        out.no_filters = "what nft lists is longer than " + std::to_string(longest_listing >> 20) + " MiB";
    }
}

bool is_strict(std::string const& interface) {
    auto const filter = [](std::string const& of) {
        return firewall::current_sysctl("net.ipv4.conf." + of + ".rp_filter");
    };
    return std::max(filter("all"), filter(firewall::as_sysctl(interface))) == "1"; // the kernel takes the greater
}

void look_at_reverse_paths(ipvs::desired_table const& desired, machine_facts& out) {
    auto const networks = firewall::local_networks();
    std::set<std::string> homes;
    for (auto const& a : desired.addresses) {
        homes.insert(home_of(a, networks));
    }
    homes.erase(std::string());
    std::copy_if(homes.begin(), homes.end(), std::back_inserter(out.strict), is_strict);
    auto const world = way_to(address_v4(anywhere), stations());
    if (world.is != way::kind::unknown) {
        out.default_route = world.through.name;
    }
}

} // namespace

machine_facts look_at_machine(ipvs::desired_table const& desired, bool hold, std::stop_token const& stop) {
    machine_facts out;
    look_at_ipvs(out);
    if (!stop.stop_requested()) {
        look_at_nft(out);
    }
    if (!stop.stop_requested()) {
        look_at_filters(out);
    }
    if (!stop.stop_requested()) {
        for (auto const& s : firewall::needed_sysctls(desired, firewall::local_networks(), hold)) {
            out.settings.push_back({s, firewall::current_sysctl(s.name)});
        }
        look_at_reverse_paths(desired, out);
    }
    return out;
}

} // namespace balance::doctor

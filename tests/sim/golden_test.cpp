// SPDX-License-Identifier: Apache-2.0
// The classic stories of a pair, told event by event in virtual milliseconds: tests/golden/failover/*.trace. They are
// for reading as much as for comparing. After a wanted change: DYAD_RECORD_GOLDEN=1 sim_test "golden*", then read the
// difference.
#include "world.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

using cluster::failover::request;
using sim::ms;
using sim::world;

namespace {

/// Both nodes start; node 1, the primary, becomes active at once.
void boot(world& w) {
    w.start(0);
    w.start(1);
    w.run_until(1000 * ms);
}

void cut_all(world& w, int by) {
    for (std::size_t link = 0; link < w.surroundings().links; ++link)
        for (std::size_t from = 0; from < 2; ++from)
            w.net().at(link, from).cut += by;
    w.note(2, by > 0 ? "* all links are cut" : "* all links work again");
}

void cold_boot(world& w) {
    w.start(1);
    w.run_until(300 * ms);
    w.start(0);
    w.run_until(2000 * ms);
}

void alone_after_boot(world& w) {
    w.start(1);
    w.run_until(6000 * ms);
    w.start(0); // comes back, and changes nothing
    w.run_until(7000 * ms);
}

void kill_active(world& w) {
    boot(w);
    w.run_until(2035 * ms);
    w.crash(0, world::crash_kind::all, 3000 * ms);
    w.run_until(7000 * ms);
}

void process_dies(world& w) {
    boot(w);
    w.crash(0, world::crash_kind::guarded, 200 * ms);
    w.run_until(3000 * ms);
}

void hand_over(world& w) {
    boot(w);
    w.ask(0, request::handover);
    w.run_until(2000 * ms);
    w.ask(0, request::handover); // it owns nothing any more
    w.run_until(2500 * ms);
}

void take_over(world& w) {
    boot(w);
    w.ask(1, request::takeover);
    w.run_until(2000 * ms);
    w.ask(1, request::takeover);
    w.run_until(2500 * ms);
}

void heal_of_split(world& w) {
    boot(w);
    cut_all(w, 1);
    w.run_until(4000 * ms);
    cut_all(w, -1);
    w.run_until(5000 * ms);
}

void one_way_cut(world& w) {
    boot(w);
    for (std::size_t link = 0; link < w.surroundings().links; ++link)
        w.net().at(link, 0).cut = 1;
    w.note(2, "* node 2 does not hear node 1");
    w.run_until(3000 * ms);
}

void stall(world& w) {
    boot(w);
    w.stall(0, 10'000 * ms, false);
    w.run_until(12'000 * ms);
}

void short_stall(world& w) {
    boot(w);
    w.stall(0, 400 * ms, false);
    w.run_until(2000 * ms);
}

void sigterm(world& w) {
    boot(w);
    w.ask(0, request::stop);
    w.run_until(2000 * ms);
}

void maintenance(world& w) {
    boot(w);
    w.ask(0, request::maintenance_on);
    w.run_until(2000 * ms);
    w.ask(1, request::handover); // nobody may take
    w.run_until(2500 * ms);
    w.crash(1, world::crash_kind::power, 60'000 * ms);
    w.run_until(5000 * ms);
    w.ask(0, request::maintenance_off);
    w.run_until(6000 * ms);
}

void service_down(world& w) {
    boot(w);
    w.at(0).service_down = 1;
    w.note(0, "* service interface down");
    w.tell_health(0);
    w.run_until(2000 * ms);
}

void one_link_cut(world& w) {
    boot(w);
    w.net().at(0, 0).cut = w.net().at(0, 1).cut = 1;
    w.note(2, "* link 0 is cut");
    w.run_until(3000 * ms);
    w.net().at(0, 0).cut = w.net().at(0, 1).cut = 0;
    w.note(2, "* link 0 works again");
    w.run_until(4000 * ms);
}

struct story {
    char const* name;
    void (*told)(world&);
};

constexpr story stories[] = {{"cold_boot", cold_boot},         {"alone_after_boot", alone_after_boot},
                             {"kill_active", kill_active},     {"process_dies", process_dies},
                             {"hand_over", hand_over},         {"take_over", take_over},
                             {"heal_of_split", heal_of_split}, {"one_way_cut", one_way_cut},
                             {"one_link_cut", one_link_cut},   {"stall", stall},
                             {"short_stall", short_stall},     {"sigterm", sigterm},
                             {"maintenance", maintenance},     {"service_down", service_down}};

} // namespace

TEST_CASE("golden traces of two nodes") {
    bool const record = std::getenv("DYAD_RECORD_GOLDEN") != nullptr;
    for (story const& s : stories) {
        DYNAMIC_SECTION(s.name) {
            std::string trace;
            world w(sim::conditions{}, sim::random(1), &trace);
            s.told(w);
            if (auto const& broken = w.judge().found())
                FAIL(broken->rule << " at " << broken->at / ms << " ms: " << broken->text << "\n" << trace);
            std::string const file = std::string(DYAD_SOURCE_DIR "/tests/golden/failover/") + s.name + ".trace";
            if (record) {
                std::ofstream(file) << trace;
                continue;
            }
            std::stringstream expected;
            expected << std::ifstream(file).rdbuf();
            CHECK(trace == expected.str());
        }
    }
}

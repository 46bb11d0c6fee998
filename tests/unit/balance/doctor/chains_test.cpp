// SPDX-License-Identifier: Apache-2.0
#include "doctor/chains.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

using balance::doctor::dropping_chains;
using balance::doctor::filter_chain;

using chains = std::vector<filter_chain>;

namespace {

std::string chain(std::string const& name, std::vector<std::string> const& rules) {
    std::string out = "\tchain " + name + " {\n";
    for (auto const& r : rules) {
        out += "\t\t" + r + "\n";
    }
    return out + "\t}\n\n";
}

std::string hooked(std::string const& hook, std::vector<std::string> rules, std::string const& policy = "accept") {
    rules.insert(rules.begin(), "type filter hook " + hook + " priority filter; policy " + policy + ";");
    return chain("i", rules);
}

/// What a base chain can lead to.
std::string const others =
    chain("d", {"counter drop"}) +
    chain("r", {"counter packets 7 bytes 420", "log prefix \"no drop }\" level info flags tcp sequence,options group 3 reject "
                                               "with icmpx admin-prohibited comment \"go away\""}) +
    chain("a", {"ip saddr 192.0.2.1 drop", "meta mark set 0x00000005 accept", "drop"}) + chain("e", {}) +
    chain("back", {"counter return", "drop"}) +
    chain("via", {"tcp dport 22 accept", "ct state invalid drop", "jump e", "notrack", "goto d"}) +
    chain("some", {"iifname \"eth1\" goto d", "return"}) + chain("here", {"fib daddr type local counter return", "drop"}) +
    chain("q", {"queue num 5 bypass"}) + chain("drop", {"accept"}) + chain("accept", {"counter name \"c1\" drop"}) +
    chain("round", {"jump about"}) + chain("about", {"jump round", "drop"});

/// "-": no finding; "d": drops in that chain; "some: …": only what a rule leads there.
std::string said(chains const& found) {
    if (found.size() != 1) {
        return found.empty() ? "-" : "several";
    }
    auto const& f = found.front();
    std::string out = f.only.empty() ? (f.by.empty() ? "itself" : f.by) : "some: ";
    for (auto const& rule : f.only) {
        out += (&rule == &f.only.front() ? "" : "; ") + rule;
    }
    return out + (f.more ? "; more" : "");
}

std::string said_of(std::vector<std::string> const& rules, std::string const& policy = "accept",
                    std::string const& hook = "input") {
    auto const found = dropping_chains("table inet site {\n" + hooked(hook, rules, policy) + others + "}\n");
    for (auto const& f : found) {
        CHECK((f.family == "inet" && f.name == "site i" && f.hook == hook));
    }
    return said(found);
}

/// A listing of `nft -s -t list ruleset` (1.0.6): "wall" of what iptables-nft (1.8.9) has written, "zones" of nft's own.
std::string recorded(std::string const& name) {
    std::ifstream file(DYAD_SOURCE_DIR "/tests/fuzz/corpus/chains/" + name);
    REQUIRE(file);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string replaced(std::string text, std::string const& what, std::string const& by) {
    auto const at = text.find(what);
    REQUIRE(at != text.npos);
    return text.replace(at, what.size(), by);
}

} // namespace

TEST_CASE("chains that drop by policy what comes in or is forwarded") {
    CHECK(dropping_chains("").empty());
    CHECK(dropping_chains("table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n\n"
                          "\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n\n"
                          "\tchain output {\n\t\ttype filter hook output priority filter; policy drop;\n\t}\n}\n"
                          "table inet dyad {\n\tchain f {\n\t\ttype filter hook forward priority 0; policy drop;\n\t}\n}\n"
                          "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy accept;\n"
                          "\t}\n\tchain DOCKER {\n\t}\n}\n") ==
          chains{{"inet", "filter input", "input"}, {"inet", "filter forward", "forward"}});
}

TEST_CASE("chains whose last rule drops everything") {
    // As `nft -s -t list ruleset` (1.0.6) prints it.
    auto const listing = [](std::string const& last) {
        return "table inet site {\n\tset s {\n\t\ttype inet_service\n\t}\n\n\tchain i {\n"
               "\t\ttype filter hook input priority filter; policy accept;\n\t\ttcp dport 22 accept\n" +
               last + "\t}\n\n\tchain j {\n\t\tdrop\n\t}\n}\n";
    };
    chains const found{{"inet", "site i", "input"}};
    CHECK(dropping_chains(listing("\t\tdrop\n")) == found);
    CHECK(dropping_chains(listing("\t\tcounter drop comment \"foo bar\"\n")) == found);
    CHECK(dropping_chains(listing("\t\treject with icmpx admin-prohibited\n")) == found);
    CHECK(dropping_chains(listing("\t\tip saddr 192.0.2.1 drop\n")).empty());
    CHECK(dropping_chains(listing("\t\tdrop\n\t\tudp dport 53 accept\n")) == found); // which nothing comes to
    CHECK(dropping_chains(listing("")).empty());
}

TEST_CASE("packets that leave a chain under a condition meet what is behind it") {
    auto const said_with = [](std::vector<std::string> const& rules, std::string const& policy, std::vector<std::string> const& lan) {
        return said(dropping_chains("table inet site {\n" + hooked("input", rules, policy) + chain("lan", lan) + chain("deep", {"jump lan"}) +
                                    chain("d", {"drop"}) + "}\n"));
    };
    std::vector<std::string> const lan{"ip saddr != 192.0.2.0/24 return", "accept"};
    std::string const some = "some: ip saddr != 192.0.2.0/24 return (chain lan)";
    CHECK(said_with({"jump lan"}, "drop", lan) == some);
    CHECK(said_with({"goto lan"}, "drop", lan) == some);
    CHECK(said_with({"jump deep"}, "drop", lan) == some);
    CHECK(said_with({"jump lan", "drop"}, "accept", lan) == some);
    CHECK(said_with({"jump lan", "jump d"}, "accept", lan) == some);
    CHECK(said_with({"jump lan", "accept"}, "drop", lan) == "-");
    CHECK(said_with({"jump lan"}, "accept", lan) == "-");
    CHECK(said_with({"jump lan", "accept"}, "drop", {"tcp dport 22 return", "meta mark 7 accept"}) == "-"); // all come back
    CHECK(said_with({"iifname != \"eth1\" return", "accept"}, "drop", {}) == "some: iifname != \"eth1\" return (chain i)");
    CHECK(said_with({"iifname != \"eth1\" return", "accept"}, "accept", {}) == "-");
    CHECK(said_with({"ct state invalid jump d", "accept"}, "accept", {}) == "-"); // of no service
}

TEST_CASE("what a chain leads to") {
    struct row {
        std::vector<std::string> rules;
        std::string found;
    };
    row const rows[] = {
        {{"jump d"}, "d"},
        {{"goto d"}, "d"},
        {{"counter jump via"}, "d"},
        {{"log prefix \"accept\" goto r"}, "r"},
        {{"jump e", "jump back", "jump r comment \"accept; }\""}, "r"},
        {{"comment \"accept\"", "tcp dport 22 accept", "jump d"}, "d"},
        {{"jump e", "drop"}, "itself"},
        // What accepts everything before, or is left before the drop.
        {{"jump a", "drop"}, "-"},
        {{"accept", "jump d"}, "-"},
        {{"return", "jump d"}, "-"},
        {{"goto e", "jump d"}, "-"},
        {{"goto back", "drop"}, "-"},
        {{"jump back"}, "-"},
        {{"jump q", "drop"}, "-"}, // a program decides
        {{"queue to 1", "drop"}, "-"},
        {{"jump drop"}, "-"}, // names of chains are not verdicts
        {{"jump accept"}, "accept"},
        {{"tcp dport 22 jump drop", "jump e"}, "-"},
        {{"tcp dport 22 jump accept"}, "some: tcp dport 22 jump accept (chain i)"},
        // Conditions.
        {{"ip saddr 192.0.2.1 drop"}, "-"},
        {{"jump some"}, "some: iifname \"eth1\" goto d (chain some)"},
        {{"udp dport 53 counter jump via comment \"x\"", "accept"}, "some: udp dport 53 counter jump via (chain i)"},
        {{"iifname \"eth0\" jump some"}, "some: iifname \"eth1\" goto d (chain some)"},
        {{"tcp dport 22 goto a", "tcp dport 23 goto e", "tcp dport 24 jump back"}, "-"},
        {{"limit rate 3/second accept", "xt match recent counter jump d"}, "some: xt match recent counter jump d (chain i)"},
        {{"iifname vmap @zones", "jump e"}, "-"},
        {{"iifname vmap { \"lo\" : accept, \"eth0\" : jump a, \"eth1\" : goto d }"},
         "some: iifname vmap { \"lo\" : accept, \"eth0\" : jump a, \"eth1\" : goto d } (chain i)"},
        {{"ip saddr @friends jump a", "jump d"}, "d"},
        {{"accept", "iifname \"eth1\" goto d"}, "-"},
        {{"tcp dport 22 jump d", "jump r"}, "r"},
        {{"tcp dport 1 jump d", "tcp dport 2 jump d", "jump some", "jump some"},
         "some: tcp dport 1 jump d (chain i); tcp dport 2 jump d (chain i); iifname \"eth1\" goto d (chain some)"},
        {{"tcp dport 1 jump d", "tcp dport 2 jump d", "tcp dport 3 jump d", "tcp dport 4 jump d"},
         "some: tcp dport 1 jump d (chain i); tcp dport 2 jump d (chain i); tcp dport 3 jump d (chain i); more"},
        // What the kernel takes for no ruleset.
        {{"jump round", "drop"}, "-"},
        {{"jump nowhere", "drop"}, "-"},
        {{"jump"}, "-"},
        {{"jump d", "goto"}, "d"},
        {{"log prefix \"never closed drop", "drop"}, "itself"},
    };
    for (auto const& r : rows) {
        INFO(r.rules.front() << " …");
        CHECK(said_of(r.rules) == r.found);
    }
}

TEST_CASE("a policy is what is left at the end") {
    CHECK(said_of({"jump e", "jump some"}, "drop") == "itself");
    CHECK(said_of({"goto e", "accept"}, "drop") == "itself");
    CHECK(said_of({"goto a"}, "drop") == "-");
    CHECK(said_of({"jump d"}, "drop") == "d");
    CHECK(said_of({"iifname \"eth1\" goto e", "accept"}, "drop") == "some: iifname \"eth1\" goto e (chain i)");
    CHECK(said_of({"iifname \"eth1\" jump e", "accept"}, "drop") == "-");
}

TEST_CASE("what comes in is for an address of this machine, and what is forwarded is not") {
    CHECK(said_of({"jump here"}) == "-");
    CHECK(said_of({"jump here"}, "accept", "forward") == "here");
    CHECK(said_of({"fib daddr type local jump d"}) == "d");
    CHECK(said_of({"fib daddr type local jump d"}, "accept", "forward") == "-");
    CHECK(said_of({"fib daddr type local tcp dport 22 jump d"}) == "some: fib daddr type local tcp dport 22 jump d (chain i)");
}

TEST_CASE("chains without a name, inside a rule") {
    auto const listing = [](std::string const& condition, std::string const& last) {
        return "table ip t {\n\tchain i {\n\t\ttype filter hook input priority 0; policy accept;\n\t\t" + condition +
               "jump {\n\t\t\ttcp dport 80 accept\n\t\t\t" + last + "\n\t\t}\n\t\tct state new accept\n\t}\n}\n";
    };
    CHECK(said(dropping_chains(listing("", "counter drop"))) == "itself");
    CHECK(said(dropping_chains(listing("", "return"))) == "-");
    CHECK(said(dropping_chains(listing("meta nfproto ipv4 ", "drop"))) == "some: meta nfproto ipv4 jump (chain i)");
    CHECK(said(dropping_chains(listing("meta nfproto ipv4 ", "accept"))) == "-");
}

TEST_CASE("listings of others' programs") {
    auto const wall = recorded("wall");
    auto const zones = recorded("zones");
    CHECK(dropping_chains(wall) ==
          chains{{"ip", "filter INPUT", "input", "", {"udp dport 137 counter jump to-policy (chain after-input)"}},
                 {"ip", "filter FORWARD", "forward", "to-policy"}});
    auto const shut = replaced(wall, "chain reject-input {\n", "chain reject-input {\n\t\tcounter reject\n");
    CHECK(dropping_chains(shut).front() == filter_chain{"ip", "filter INPUT", "input", "reject-input"});
    CHECK(dropping_chains(zones) ==
          chains{{"inet", "zones input", "input", "pub"},
                 {"inet", "zones forward", "forward", "", {"iifname \"eth1\" goto pub (chain forward_zones)"}}});
    // Zones whose last resort lets everything through.
    CHECK(dropping_chains(replaced(zones, "goto pub\n\t}", "goto trusted\n\t}")).front() ==
          filter_chain{"inet", "zones input", "input", "", {"iifname \"eth1\" goto pub (chain input_zones)"}});
    CHECK(dropping_chains(wall + zones).size() == 4);
}

TEST_CASE("tables that do not matter") {
    auto const in = [](std::string const& head, std::string const& lines = "") {
        return said(dropping_chains(head + " {\n" + lines + hooked("input", {"jump d"}) + others + "}\n"));
    };
    for (auto const* head : {"table ip t", "table ip6 t", "table inet t", "table ip dyad"}) {
        CHECK(in(head) == "d");
    }
    for (auto const* head : {"table bridge t", "table arp t", "table netdev t", "table inet dyad"}) {
        CHECK(in(head) == "-");
    }
    CHECK(in("table inet t", "\tflags dormant\n\n") == "-");
    CHECK(in("table inet t", "\tflags owner,dormant\n\n") == "-");
    CHECK(in("table inet t", "\tflags owner\n") == "d");
    CHECK(in("table inet t", "\tcomment \"flags dormant {\"\n") == "d");
    CHECK(said(dropping_chains("table ip t { # progname x\n" + hooked("input", {"drop"}) + "}\n")) == "itself");
    // What is said of one table holds for no other; a chain is looked for in its own.
    auto const dormant = std::string("table ip off {\n\tflags dormant\n}\ntable ip on {\n}\ntable ip t {\n");
    CHECK(said(dropping_chains(dormant + hooked("input", {"jump d"}) + others + "}\n")) == "d");
    CHECK(said(dropping_chains("table ip u {\n" + others + "}\ntable ip t {\n" + hooked("input", {"jump d"}) + "}\n")) == "-");
}

TEST_CASE("other hooks, and what stands between the chains") {
    auto const listing = [](std::string const& type) {
        return "table inet t {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 192.0.2.1,\n\t\t\t     192.0.2.2 }\n\t}\n\n"
               "\tmap m {\n\t\ttype ifname : verdict\n\t}\n\n\tflowtable f {\n\t\thook ingress priority filter\n"
               "\t\tdevices = { eth0, eth1 }\n\t}\n\n\tlimit l {\n\t\trate 3/second\n\t}\n\n\tchain i {\n\t\tcomment \"hook "
               "output\"\n\t\t" +
               type + "\n\t}\n}\n";
    };
    CHECK(said(dropping_chains(listing("type filter hook input priority filter + 10; policy drop;"))) == "itself");
    CHECK(said(dropping_chains(listing("type nat hook input priority 100; policy drop;"))) == "itself");
    CHECK(said(dropping_chains(listing("type filter hook ingress devices = { eth0, eth1 } priority 0; policy drop;"))) == "-");
    CHECK(said(dropping_chains(listing("type filter hook prerouting priority raw; policy drop;"))) == "-");
    CHECK(said(dropping_chains(listing("type filter hook input priority filter; policy accept;"))) == "-");
}

TEST_CASE("rulesets as large and as deep as they may be") {
    // Each chain leads to the next eight times: whoever follows each way has 8^14 to go.
    auto const tower = [](int height) {
        std::string out = "table ip t {\n" + hooked("forward", {"jump c1"});
        for (int i = 1; i < height; ++i) {
            auto const next = "jump c" + std::to_string(i + 1);
            out += chain("c" + std::to_string(i), {next, next, next, "tcp dport 1 " + next, "tcp dport 2 " + next, next, next, next});
        }
        return out;
    };
    auto const top = [](int i) { return "c" + std::to_string(i); };
    CHECK(said(dropping_chains(tower(15) + chain(top(15), {"tcp dport 22 jump d"}) + others + "}\n")) ==
          "some: tcp dport 22 jump d (chain c15)");
    CHECK(said(dropping_chains(tower(16) + chain(top(16), {"drop"}) + "}\n")) == "c16");
    CHECK(said(dropping_chains(tower(17) + chain(top(17), {"drop"}) + "}\n")) == "-");
    CHECK(said(dropping_chains(tower(10'000) + chain(top(10'000), {"drop"}) + "}\n")) == "-");

    std::vector<std::string> jumps;
    std::string many;
    for (int i = 0; i < 10'000; ++i) {
        jumps.push_back("ip saddr 10.0.0." + std::to_string(i) + " jump k" + std::to_string(i));
        many += chain("k" + std::to_string(i), {"tcp dport 22 accept", i % 100 == 99 ? "drop" : "return"});
    }
    CHECK(said(dropping_chains("table ip t {\n" + hooked("input", jumps) + many + "}\n")) ==
          "some: ip saddr 10.0.0.99 jump k99 (chain i); ip saddr 10.0.0.199 jump k199 (chain i); ip saddr 10.0.0.299 jump "
          "k299 (chain i); more");
}

TEST_CASE("what is shown is short and of one line") {
    auto const found = dropping_chains("table ip t {\n" + hooked("input", {"tcp dport { " + std::string(5'000, '1') + " } jump d"}) +
                                       others + hooked("forward", {"ct helper \"\x1b[2J\xff\" jump d"}) + "}\n");
    REQUIRE(found.size() == 2);
    CHECK(found[0].only.front().size() < 150);
    CHECK(found[1].only.front() == "ct helper \"?[2J?\" jump d (chain i)");
}

TEST_CASE("a listing that was cut off is no harm") {
    CHECK(dropping_chains("table").empty());
    CHECK(dropping_chains("table inet x {\n\tchain").empty());
    CHECK(dropping_chains("}\n}\n").empty());
    CHECK(dropping_chains("table inet x {\n\tchain y {\n\t\ttype filter hook input priority 0; policy drop;").empty());
}

TEST_CASE("no more is read than so much, and anything may be in it") {
    auto const one = "table ip t {\n" + hooked("input", {"drop"}) + "}\n";
    std::string const before(balance::doctor::longest_listing - one.size() - 1, '#');
    CHECK(dropping_chains(before + "\n" + one).size() == 1);
    CHECK(dropping_chains(before + "#######\n" + one).empty());
    for (auto const* line : {"{\n", "}\n", "\t{\n", "\tchain x {\n", "\"\n", "\t\"", "jump {\n\t", "\xff"}) {
        std::string garbage = "table ip t {\n\tchain i {\n\t\ttype filter hook input priority 0; policy drop;\n\t\t";
        while (garbage.size() < 50'000) {
            garbage += line;
        }
        CHECK(dropping_chains(garbage).size() <= 1);
    }
}

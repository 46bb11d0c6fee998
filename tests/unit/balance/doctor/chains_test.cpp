// SPDX-License-Identifier: Apache-2.0
#include "doctor/chains.hpp"

#include <catch2/catch.hpp>

using balance::doctor::dropping_chains;
using balance::doctor::filter_chain;

using chains = std::vector<filter_chain>;

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
    CHECK(dropping_chains(listing("\t\tdrop\n\t\tudp dport 53 accept\n")).empty());
    CHECK(dropping_chains(listing("")).empty());
}

TEST_CASE("a listing that was cut off is no harm") {
    CHECK(dropping_chains("table").empty());
    CHECK(dropping_chains("table inet x {\n\tchain").empty());
    CHECK(dropping_chains("}\n}\n").empty());
    CHECK(dropping_chains("table inet x {\n\tchain y {\n\t\ttype filter hook input priority 0; policy drop;").empty());
}

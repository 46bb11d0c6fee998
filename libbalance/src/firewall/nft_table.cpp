// SPDX-License-Identifier: Apache-2.0
#include "firewall/nft_table.hpp"

#include "firewall/program.hpp"
#include "firewall/ruleset.hpp"

namespace balance::firewall {
namespace {

constexpr std::chrono::milliseconds time_limit{10000};

bool says(finished const& f, char const* words) { return f.err.find(words) != std::string::npos; }

error explain(finished const& f) {
    if (says(f, "Operation not permitted")) {
        return make_error(
            errc::not_permitted,
            "writing packet rules needs the privilege CAP_NET_ADMIN; run as root or grant the capability");
    }
    auto const first_line = f.err.substr(0, f.err.find('\n'));
    if (says(f, "not supported")) {
        return make_error(errc::not_supported,
                          "this kernel has no nftables (" + first_line +
                              "); load the module with \"modprobe nf_tables\", or use a kernel that has it");
    }
    return make_error(errc::io_error, "nft failed with exit code " + std::to_string(f.exit_code) + ": " + first_line);
}

result<finished> nft(std::vector<std::string> const& arguments, std::string_view input) {
    auto done = run_program("nft", arguments, input, time_limit);
    if (!done && done.error().code == errc::not_found) {
        return make_error(errc::not_found,
                          "services with several ports or in mode snat, and auto-NAT, need the program nft, which is "
                          "not installed; install the package nftables");
    }
    return done;
}

} // namespace

result<bool> nft_table::apply(ipvs::packet_rules const& rules) {
    auto const wanted = rules.empty() ? std::string() : ruleset(rules);
    if (wanted.empty() && written_ && written_->empty()) {
        return false;
    }
    auto const current = list();
    if (!current) {
        return current.error();
    }
    if (*current == wanted || (written_ == wanted && *current == listed_)) {
        written_ = wanted;
        listed_ = *current;
        return false;
    }
    // "table" makes it exist, so that "delete" cannot fail; all of it is one transaction.
    auto const start = std::string("table inet ") + table_name + "\ndelete table inet " + table_name + "\n";
    auto const done = nft({"-f", "-"}, start + wanted);
    if (!done) {
        return done.error();
    }
    if (done->exit_code != 0) {
        return explain(*done);
    }
    auto const after = list();
    if (!after) {
        return after.error();
    }
    written_ = wanted;
    listed_ = *after;
    return true;
}

result<std::string> nft_table::list() const {
    auto const done = nft({"-n", "list", "table", "inet", table_name}, {});
    if (!done) {
        return done.error();
    }
    if (done->exit_code == 0) {
        return done->out;
    }
    if (says(*done, "No such file or directory")) {
        return std::string();
    }
    return explain(*done);
}

} // namespace balance::firewall

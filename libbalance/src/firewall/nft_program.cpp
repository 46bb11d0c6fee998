// SPDX-License-Identifier: Apache-2.0
#include "firewall/nft_program.hpp"

namespace balance::firewall {
namespace {

constexpr std::chrono::milliseconds time_limit{10000};

} // namespace

bool says(finished const& f, std::string_view words) { return f.err.find(words) != std::string::npos; }

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
                          "services with several ports or in mode snat, auto-NAT, transparent services, and layer-7 connections that outlive "
                          "a planned move need the program nft, which is not installed; install the package nftables");
    }
    return done;
}

result<> run_nft(std::string_view ruleset) {
    auto const done = nft({"-f", "-"}, ruleset);
    if (!done) {
        return done.error();
    }
    return done->exit_code == 0 ? result<>() : explain(*done);
}

} // namespace balance::firewall

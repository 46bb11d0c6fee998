// SPDX-License-Identifier: Apache-2.0
#include "core/http_message.hpp"
#include "core/validate_rules.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <array>

namespace balance::rules {
namespace {

/// Port of the node's own page, which `fallback = "local"` leads to.
constexpr std::uint16_t page_port = 9081;

/// The kernel multiplies seconds with its tick rate (up to 1000) in 32 bits: 31 days are safe everywhere.
constexpr std::chrono::seconds longest_persistence{31 * 24 * 3600};

constexpr std::size_t longest_cookie_name = 64;

constexpr std::array<std::string_view, 14> kernel_schedulers{"rr", "wrr", "lc",  "wlc", "lblc", "lblcr", "dh",
                                                             "sh", "mh",  "sed", "nq",  "fo",   "ovf",   "twos"};
constexpr std::array<std::string_view, 6> proxy_balances{"wrr", "wlc", "first", "source", "uri", "random"};

template <class List>
std::string listing(List const& words) {
    std::string out;
    for (auto const& w : words) {
        out += out.empty() ? "" : ", ";
        out += w;
    }
    return out;
}

void check_scheduler(virtual_service const& s, report& r) {
    bool const layer4 = is_layer4(s.mode);
    auto const known = [&](auto const& list) { return std::find(list.begin(), list.end(), s.balance) != list.end(); };
    if (layer4 ? known(kernel_schedulers) : known(proxy_balances)) {
        if (s.balance == "uri" && s.mode != mode::http) {
            r.wrong({"balance"},
                    "balance uri reads requests, which mode tcp does not; use mode http, or another balance");
        }
        return;
    }
    r.wrong({"balance"}, in_quotes(s.balance) + " is no way to balance on layer " + (layer4 ? "4" : "7") +
                             "; it must be one of " + (layer4 ? listing(kernel_schedulers) : listing(proxy_balances)));
}

void check_scheduler_flags(virtual_service const& s, report& r) {
    if (s.scheduler_flags != scheduler_flags{} && (!is_layer4(s.mode) || (s.balance != "sh" && s.balance != "mh"))) {
        r.wrong({"scheduler_flags"}, "scheduler_flags are for balance sh and mh of layer 4; leave them out");
    }
}

void check_persistence(virtual_service const& s, report& r) {
    auto const& p = s.persistence;
    if (p.mode == persistence::kind::none) {
        return;
    }
    bool const by_cookie = p.mode == persistence::kind::http_cookie || p.mode == persistence::kind::app_cookie;
    if (by_cookie && s.mode != mode::http) {
        r.wrong({"persistence", "mode"}, "persistence " + std::string(to_string(p.mode)) + " needs mode http; mode " +
                                             std::string(to_string(s.mode)) + " sees no cookies: use source_ip");
    }
    if (!core::http::is_token(p.cookie) || p.cookie.size() > longest_cookie_name) {
        r.wrong({"persistence", "cookie"},
                in_quotes(p.cookie) + " is no cookie's name; use up to 64 letters, digits and - _ .");
    } else if (p.mode == persistence::kind::app_cookie && p.cookie == persistence{}.cookie) {
        r.wrong({"persistence", "cookie"}, "persistence app_cookie needs the name of the application's cookie; say cookie = \"JSESSIONID\"");
    } else if (!by_cookie && p.cookie != persistence{}.cookie) {
        r.wrong({"persistence", "cookie"}, "a cookie's name goes with persistence http_cookie and app_cookie only; leave it out");
    }
    if (p.mode == persistence::kind::last_successful && is_layer4(s.mode)) {
        r.wrong({"persistence", "mode"},
                "persistence last_successful is for layer 7 (mode tcp or http) only; use source_ip");
    }
    if (p.drained_stay && (p.mode == persistence::kind::none || p.mode == persistence::kind::last_successful)) {
        r.wrong({"persistence", "drained"}, "with persistence " + std::string(to_string(p.mode)) +
                                                " nobody would ever leave a drained server; drained = \"stay\" goes with source_ip and cookies");
    }
    if (p.timeout < std::chrono::seconds(1) || p.timeout > longest_persistence) {
        r.wrong({"persistence", "timeout"},
                "persistence timeout is " + std::to_string(p.timeout.count()) + "s; it must be 1s to 744h (31 days)");
    }
    if (p.entries < 1 || p.entries > most_persistence_entries) {
        r.wrong({"persistence", "entries"},
                "persistence entries is " + std::to_string(p.entries) + "; it must be 1 to " + std::to_string(most_persistence_entries));
    } else if (p.entries != persistence{}.entries && (is_layer4(s.mode) || (p.mode != persistence::kind::source_ip && p.mode != persistence::kind::app_cookie))) {
        r.wrong({"persistence", "entries"}, "entries is the size of layer 7's tables of clients: it goes with source_ip and app_cookie of mode tcp and http only; leave it out");
    }
    if (!p.granularity) {
        return;
    }
    int const widest = is_v6(s) ? 128 : 32;
    if (p.mode != persistence::kind::source_ip) {
        r.wrong({"persistence", "granularity"},
                "granularity groups clients by address and goes with source_ip only; leave it out");
    } else if (*p.granularity > widest) {
        r.wrong({"persistence", "granularity"}, "granularity is " + std::to_string(*p.granularity) +
                                                    "; it must be 0 to " + std::to_string(widest) +
                                                    ", the bits of an address");
    } else if (*p.granularity == 0 && widest == 128 && is_layer4(s.mode)) {
        r.wrong({"persistence", "granularity"}, "the kernel has no granularity 0 for IPv6; it must be 1 to 128");
    }
}

void check_tls(virtual_service const& s, report& r) {
    if (!s.tls || is_layer4(s.mode)) {
        return;
    }
    if (s.tls->ports.empty()) {
        r.wrong({"tls", "ports"}, "tls has no ports; say for example ports = [443]");
    }
    check_port_list(s.tls->ports, "tls", r);
    if (s.tls->certificates.empty()) {
        r.wrong({"tls", "certificate"}, "tls has no certificate; name a file of certificates/, without \".pem\"");
    }
    for (auto const& name : s.tls->files()) {
        if (!bad_name(name).empty() || name.front() == '.') {
            r.wrong({"tls", "certificate"},
                    in_quotes(name) + " is no certificate's name; name a file of certificates/, without \".pem\"");
        }
    }
    if (s.tls->versions == tls_termination::profile::old) {
        r.warn({"tls", "profile"}, "profile \"old\" allows TLS 1.0 and ciphers that can be broken; leave it when the last device that "
                                   "needs them is gone");
    }
    if (s.mode == mode::tcp && s.re_encrypt && !s.ports.empty()) {
        auto const clear = to_string(s.ports.front());
        auto const secure =
            s.tls->ports.empty() ? std::string("the TLS port") : "port " + to_string(s.tls->ports.front());
        r.warn({"re_encrypt"},
               "mode tcp with tls and re_encrypt: whatever arrives on port " + clear +
                   " is wrapped in TLS towards the server, so a client that speaks TLS itself on port " + clear +
                   " ends up with TLS inside TLS and cannot connect; such clients must use " + secure +
                   ", where TLS is terminated and made anew");
    }
}

void check_fallback(virtual_service const& s, report& r) {
    auto const kind = s.fallback.mode;
    auto const word = std::string(to_string(s.mode));
    if (kind == fallback::kind::disabled) {
        return;
    }
    if (kind == fallback::kind::local && is_layer4(s.mode) && !s.address) {
        r.wrong({"fallback"}, "fallback \"local\" answers on the service's address, and a service selected by a mark alone "
                              "has none; give it address, or use \"ADDRESS:PORT\" or \"disabled\"");
        return;
    }
    auto const port = kind == fallback::kind::local ? page_port : s.fallback.target.port;
    auto const ports = client_ports(s);
    bool const translates = s.mode != mode::dr && s.mode != mode::tun;
    if (!translates && (ports.size() != 1 || ports.front() != port_range{port, port})) {
        if (kind == fallback::kind::local) {
            r.wrong({"fallback"}, "fallback \"local\" is the page on port " + std::to_string(page_port) +
                                      ", and mode " + word +
                                      " cannot translate ports; say fallback = \"disabled\", or serve port " +
                                      std::to_string(page_port) + " only");
        } else {
            r.wrong({"fallback"},
                    "fallback has port " + std::to_string(port) + ", and mode " + word +
                        " cannot translate ports; use the service's own port, or fallback = \"disabled\"");
        }
    }
    if (kind != fallback::kind::server) {
        return;
    }
    if (port == 0 || !usable_address(s.fallback.target.address)) {
        r.wrong({"fallback"}, "fallback " + to_string(s.fallback.target) + " is not a machine's address and port");
    } else if (s.mode != mode::tun && is_layer4(s.mode) && s.fallback.target.address.is_v6() != is_v6(s)) {
        r.wrong({"fallback"}, "fallback " + to_string(s.fallback.target) +
                                  " is of another address family than the service; use one of the same");
    }
}

} // namespace

void check_balancing(virtual_service const& s, report r) {
    check_scheduler(s, r);
    check_scheduler_flags(s, r);
    check_persistence(s, r);
    check_tls(s, r);
    check_fallback(s, r);
}

} // namespace balance::rules

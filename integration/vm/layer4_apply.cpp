// SPDX-License-Identifier: Apache-2.0
// The layer-4 facade, driven line by line: what a test writes is done, what came of it is printed, then an empty line.
//
//   apply CLUSTER_TOML [SERVICE/SERVER=STATE ...]   all servers are up but those named: down, unknown, drain or halt
//   auto_nat INTERFACE                             for the applies that follow; none: without
//   status
//   purge
//   watch                                          from here on for changes
//   changed                                        "yes" or "no", since the last time; "blind" when it cannot be said
//
// Answers are lines of fields with tabs between: "change SERVICE TEXT", "service NAME CONNECTIONS NOT_SERVED
// PER_SECOND", "server SERVICE NAME ACTIVE INACTIVE CONNECTIONS", "error TEXT".
#include <balance/layer4.hpp>
#include <balance/layer4_watch.hpp>
#include <balance/validate.hpp>

#include <config/config.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

namespace {

using namespace balance;

void say_error(std::string const& text) { std::cout << "error\t" << text << '\n'; }

std::optional<configuration> read(std::string const& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    auto parsed = dyad::config::parse_cluster(text.str(), path, {});
    if (!parsed.value) {
        for (auto const& d : parsed.diagnostics) {
            say_error(to_string(d));
        }
        return std::nullopt;
    }
    allocate_marks(parsed.value->services);
    return std::move(parsed.value->services);
}

server_state state_of(server_key key, std::string const& word) {
    server_state out{std::move(key), health::up, admin_state::online};
    if (word == "down") {
        out.health = health::down;
    } else if (word == "unknown") {
        out.health = health::unknown;
    } else if (word == "drain") {
        out.admin = admin_state::drain;
    } else if (word == "halt") {
        out.admin = admin_state::halt;
    }
    return out;
}

void do_apply(layer4& kernel, std::istream& words, std::string const& auto_nat) {
    std::string path;
    words >> path;
    std::map<std::string, std::string> exceptions;
    for (std::string word; words >> word;) {
        auto const equals = word.find('=');
        exceptions[word.substr(0, equals)] = word.substr(equals + 1);
    }
    auto wanted = read(path);
    if (!wanted) {
        return;
    }
    wanted->auto_nat_interface = auto_nat;
    std::vector<server_state> states;
    for (auto const& s : wanted->services) {
        for (auto const& v : s.servers) {
            states.push_back(state_of({s.name, v.name}, exceptions[s.name + "/" + v.name]));
        }
    }
    auto const done = kernel.apply(*wanted, states);
    if (!done) {
        say_error(done.error().detail);
        return;
    }
    for (auto const& c : *done) {
        std::cout << "change\t" << c.service << '\t' << c.text << '\n';
    }
}

void do_status(layer4 const& kernel) {
    auto const services = kernel.status();
    if (!services) {
        say_error(services.error().detail);
        return;
    }
    for (auto const& s : *services) {
        std::cout << "service\t" << s.name << '\t' << s.counters.connections << '\t' << s.not_served << '\t'
                  << s.counters.per_second.connections << '\n';
        for (auto const& v : s.servers) {
            std::cout << "server\t" << s.name << '\t' << v.name << '\t' << v.active_connections << '\t'
                      << v.inactive_connections << '\t' << v.counters.connections << '\n';
        }
    }
}

} // namespace

int main() {
    layer4 kernel;
    std::string auto_nat;
    std::optional<layer4_watch> watch;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string command;
        words >> command;
        if (command == "apply") {
            do_apply(kernel, words, auto_nat);
        } else if (command == "auto_nat") {
            auto_nat.clear();
            words >> auto_nat;
        } else if (command == "status") {
            do_status(kernel);
        } else if (command == "watch") {
            if (auto opened = layer4_watch::open({})) {
                watch = std::move(*opened);
            } else {
                say_error(opened.error().detail);
            }
        } else if (command == "changed") {
            bool const any = watch && watch->changed();
            std::cout << (!watch || watch->blind() ? "blind" : any ? "yes" : "no") << '\n';
        } else if (command == "purge") {
            if (auto const done = kernel.purge(); !done) {
                say_error(done.error().detail);
            }
        } else {
            say_error("unknown command " + command);
        }
        std::cout << std::endl;
    }
}

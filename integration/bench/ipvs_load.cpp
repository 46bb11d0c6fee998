// SPDX-License-Identifier: Apache-2.0
// A plain embedder of libbalance, measured by the bench "ipvs". It prints "NAME NUMBER" lines, or the table.
//
//   apply CLUSTER_TOML          makes the kernel's table as the file says, all servers up
//   poll CLUSTER_TOML TIMES     the same, then TIMES again over what is there, as dyadd does every few seconds
//   read CLUSTER_TOML           only reads the file
//   dump                        a line for every server in the kernel's table
#include <balance/layer4.hpp>
#include <balance/validate.hpp>

#include <sys/resource.h>

#include <chrono>
#include <config/config.hpp>
#include <fstream>
#include <iostream>
#include <ipvs/channel.hpp>
#include <sstream>
#include <stdexcept>

namespace {

using namespace balance;

class stopwatch {
public:
    explicit stopwatch(char const* name) : name_(name) {}
    ~stopwatch() {
        auto const spent = std::chrono::steady_clock::now() - began_;
        std::cout << name_ << ' ' << std::chrono::duration_cast<std::chrono::microseconds>(spent).count() << '\n';
    }
    stopwatch(stopwatch const&) = delete;
    stopwatch& operator=(stopwatch const&) = delete;

private:
    char const* name_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

configuration read(std::string const& path) {
    stopwatch const watch("read_us");
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    auto parsed = dyad::config::parse_cluster(text.str(), path, {});
    if (!parsed.value) {
        throw std::runtime_error(parsed.diagnostics.empty() ? path : to_string(parsed.diagnostics.front()));
    }
    allocate_marks(parsed.value->services);
    return std::move(parsed.value->services);
}

std::vector<server_state> all_up(configuration const& wanted) {
    std::vector<server_state> out;
    for (auto const& s : wanted.services) {
        for (auto const& v : s.servers) {
            out.push_back({{s.name, v.name}, health::up, admin_state::online});
        }
    }
    return out;
}

/// Number of changes.
std::size_t apply(layer4& kernel, configuration const& wanted, std::vector<server_state> const& states) {
    auto const done = kernel.apply(wanted, states);
    if (!done) {
        throw std::runtime_error(done.error().detail);
    }
    return done->size();
}

/// Microseconds of processor time, in the kernel too, of this process and of what it ran.
long spent_us() {
    long out = 0;
    for (auto const who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage usage{};
        getrusage(who, &usage);
        for (auto const& t : {usage.ru_utime, usage.ru_stime}) {
            out += t.tv_sec * 1'000'000 + t.tv_usec;
        }
    }
    return out;
}

/// The kernel's part of it, without what this process ran.
long kernel_us() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_stime.tv_sec * 1'000'000 + usage.ru_stime.tv_usec;
}

/// The process's own word: what its parent is told counts the parent's memory before exec too.
void say_memory() {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("VmHWM:")) {
            std::cout << "memory_kb " << std::stol(line.substr(6)) << '\n';
        }
    }
}

void load(std::string const& path, int polls) {
    auto const wanted = read(path);
    auto const states = all_up(wanted);
    layer4 kernel;
    auto const in_kernel = kernel_us();
    {
        stopwatch const watch("apply_us");
        std::cout << "changes " << apply(kernel, wanted, states) << '\n';
    }
    std::cout << "kernel_us " << kernel_us() - in_kernel << '\n';
    for (int i = 0; i < polls; ++i) {
        auto const before = spent_us();
        auto const copy = wanted; // the daemon's worker is handed copies
        auto const copied_states = states;
        if (auto const changes = apply(kernel, copy, copied_states); changes != 0) {
            throw std::runtime_error("the table changes although the configuration does not");
        }
        std::cout << "poll_us " << spent_us() - before << '\n';
    }
    say_memory();
}

void dump() {
    auto const kernel = ipvs::channel::open();
    auto const table = kernel ? (*kernel)->dump() : result<std::vector<ipvs::service_state>>(kernel.error());
    if (!table) {
        throw std::runtime_error(table.error().detail);
    }
    for (auto const& s : *table) {
        for (auto const& d : s.destinations) {
            std::cout << s.config.key.local.address << ' ' << s.config.key.local.port << ' '
                      << d.config.remote.address << ' ' << d.config.remote.port << ' ' << d.config.weight << '\n';
        }
    }
}

} // namespace

int main(int count, char** words) {
    std::vector<std::string> const said(words + 1, words + count);
    try {
        if (said.size() == 2 && said[0] == "apply") {
            load(said[1], 0);
        } else if (said.size() == 3 && said[0] == "poll") {
            load(said[1], std::stoi(said[2]));
        } else if (said.size() == 2 && said[0] == "read") {
            read(said[1]);
        } else if (said.size() == 1 && said[0] == "dump") {
            dump();
        } else {
            throw std::runtime_error("usage: dyad_ipvs_load apply FILE | poll FILE TIMES | read FILE | dump");
        }
    } catch (std::exception const& e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}

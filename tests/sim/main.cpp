// SPDX-License-Identifier: Apache-2.0
// dyad_sim: lets pairs live through faults in virtual time, and says which rule was broken in which seed.
#include "run.hpp"

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

struct options {
    std::uint64_t first = 1;
    std::uint64_t last = 1000;
    std::vector<std::uint64_t> kept{}; ///< instead of a range
    int seconds = 60;
    std::uint64_t least = 0; ///< how often each cell and fault has to happen
    unsigned threads = std::thread::hardware_concurrency();
    bool one = false;
    bool datagrams = false;
    bool quiet = false;
    bool until_failure = false;
};

constexpr char const* usage =
    "dyad_sim [--seeds A..B] [--seconds 60] [--threads N] [--least N] [--no-table] [--until-failure]\n"
    "         --fresh N      so many seeds that nobody has tried; they are told first\n"
    "         --corpus FILE  those of a file: one in each line, and after it what it is kept for\n"
    "dyad_sim --seed N [--datagrams]   one seed, with its trace\n";

std::vector<std::uint64_t> seeds_in(std::string const& path) {
    std::vector<std::uint64_t> out;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#')
            continue;
        std::uint64_t seed = 0;
        auto const [end, error] = std::from_chars(line.data(), line.data() + line.size(), seed);
        if (error != std::errc{} || (end != line.data() + line.size() && *end != ' ')) {
            std::fprintf(stderr, "dyad_sim: %s: \"%s\" does not begin with a seed, a number\n", path.c_str(), line.c_str());
            std::exit(2);
        }
        out.push_back(seed);
    }
    return out;
}

options parse(std::vector<std::string> const& arguments) {
    options o;
    auto const bad = [](std::string const& what) {
        std::fprintf(stderr, "dyad_sim: %s\n%s", what.c_str(), usage);
        std::exit(2);
    };
    bool least_given = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::string const& a = arguments[i];
        auto const value = [&]() -> std::string {
            if (++i == arguments.size())
                bad(a + " needs a value");
            return arguments[i];
        };
        if (a == "--seed") {
            o.first = o.last = std::strtoull(value().c_str(), nullptr, 10);
            o.one = true;
        } else if (a == "--seeds") {
            std::string const range = value();
            auto const dots = range.find("..");
            if (dots == std::string::npos)
                bad("--seeds takes A..B");
            o.first = std::strtoull(range.c_str(), nullptr, 10);
            o.last = std::strtoull(range.c_str() + dots + 2, nullptr, 10);
        } else if (a == "--fresh") {
            o.first = std::random_device{}() * 1'000'000ULL;
            o.last = o.first + std::strtoull(value().c_str(), nullptr, 10) - 1;
            std::printf("seeds %llu..%llu\n", static_cast<unsigned long long>(o.first), static_cast<unsigned long long>(o.last));
        } else if (a == "--corpus") {
            o.kept = seeds_in(value());
            if (o.kept.empty())
                bad("no seeds in " + arguments[i]);
        } else if (a == "--seconds") {
            o.seconds = std::atoi(value().c_str());
        } else if (a == "--threads") {
            o.threads = static_cast<unsigned>(std::atoi(value().c_str()));
        } else if (a == "--least") {
            o.least = std::strtoull(value().c_str(), nullptr, 10);
            least_given = true;
        } else if (a == "--datagrams") {
            o.datagrams = true;
        } else if (a == "--until-failure") {
            o.until_failure = true;
        } else if (a == "--no-table") {
            o.quiet = true;
        } else {
            bad("unknown option " + a);
        }
    }
    if (o.last < o.first || o.seconds < 1)
        bad("an empty range");
    if (!least_given && o.kept.empty() && o.last - o.first + 1 >= 1000 && o.seconds >= 60)
        o.least = 100;
    o.threads = std::max(1U, o.threads);
    return o;
}

/// The seed that this thread runs: a machine that breaks its own rule aborts, and then it has to be known.
thread_local std::uint64_t current_seed = 0;

extern "C" void on_abort(int) {
    char text[64];
    int const n =
        std::snprintf(text, sizeof text, "aborted in seed %llu\n", static_cast<unsigned long long>(current_seed));
    if (write(STDERR_FILENO, text, static_cast<std::size_t>(n)) < 0)
        _exit(3);
    _exit(1);
}

/// With its last lines only: the whole trace comes with --seed.
void report_failure(std::uint64_t seed, sim::outcome const& first, options const& o) {
    std::string trace;
    sim::run(seed, o.seconds, &trace, o.datagrams ? sim::world::detail::datagrams : sim::world::detail::events);
    constexpr std::size_t lines = 60;
    std::size_t from = trace.size();
    for (std::size_t i = 0; i <= lines && from != std::string::npos && from > 0; ++i)
        from = trace.rfind('\n', from - 1);
    std::printf("%s\nseed %llu: %s at %.3f ms: %s\n",
                o.one || from == std::string::npos ? trace.c_str() : trace.c_str() + from,
                static_cast<unsigned long long>(seed), first.found->rule.c_str(),
                static_cast<double>(first.found->at) / static_cast<double>(sim::ms), first.found->text.c_str());
    std::printf("replay: dyad_sim --seed %llu --seconds %d\n", static_cast<unsigned long long>(seed), o.seconds);
}

int run_one(options const& o) {
    std::string trace;
    current_seed = o.first;
    auto const result =
        sim::run(o.first, o.seconds, &trace, o.datagrams ? sim::world::detail::datagrams : sim::world::detail::events);
    std::printf("%s", trace.c_str());
    if (result.found)
        std::printf("%s at %.3f ms: %s\n", result.found->rule.c_str(),
                    static_cast<double>(result.found->at) / static_cast<double>(sim::ms), result.found->text.c_str());
    std::printf("hash %016llx\n%d seeds passed, %d failed\n", static_cast<unsigned long long>(result.hash),
                result.found ? 0 : 1, result.found ? 1 : 0);
    return result.found ? 1 : 0;
}

int run_many(options const& o) {
    std::uint64_t const seeds = o.kept.empty() ? o.last - o.first + 1 : o.kept.size();
    std::atomic<std::uint64_t> next{0};
    std::atomic<std::uint64_t> failed{0};
    std::mutex mutex;
    sim::coverage total;
    auto const begin = std::chrono::steady_clock::now();
    auto const work = [&] {
        sim::coverage mine;
        for (std::uint64_t i = next++; i < seeds && !(o.until_failure && failed > 0); i = next++) {
            std::uint64_t const seed = current_seed = o.kept.empty() ? o.first + i : o.kept[i];
            sim::outcome const result = sim::run(seed, o.seconds, nullptr, sim::world::detail::nothing);
            mine.add(result.covered);
            if (!result.found)
                continue;
            std::scoped_lock const lock(mutex);
            if (failed++ < 3)
                report_failure(seed, result, o);
        }
        std::scoped_lock const lock(mutex);
        total.add(mine);
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < o.threads; ++i)
        threads.emplace_back(work);
    for (std::thread& t : threads)
        t.join();
    double const took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (!o.quiet)
        std::printf("%s", total.table(o.least).c_str());
    std::size_t const rare = total.rare(o.least);
    std::printf("%llu steps in %.1f s of this machine, %.0f s of the pairs'\n",
                static_cast<unsigned long long>(total.steps), took, static_cast<double>(seeds) * o.seconds);
    if (rare > 0)
        std::printf("%zu of what should happen happened less than %llu times (marked !)\n", rare,
                    static_cast<unsigned long long>(o.least));
    std::printf("%llu seeds passed, %llu failed\n", static_cast<unsigned long long>(seeds - failed),
                static_cast<unsigned long long>(failed.load()));
    return failed == 0 && rare == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGABRT, on_abort);
    options const o = parse({argv + 1, argv + argc});
    return o.one ? run_one(o) : run_many(o);
}

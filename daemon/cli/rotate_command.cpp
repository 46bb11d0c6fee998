// SPDX-License-Identifier: Apache-2.0
// Another key for the pair, step by step.
#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/words.hpp>

#include <chrono>
#include <ostream>
#include <thread>

namespace dyad::cli {

namespace {

namespace json = boost::json;
using steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds between_looks{50};
constexpr std::chrono::seconds rotation_limit{15};

/// Prints the steps that were not printed yet.
void print_reached(environment& env, json::object const& progress, std::size_t& printed) {
    auto const& steps = array(progress, "steps");
    for (; printed < steps.size(); ++printed) {
        if (auto const* s = steps[printed].if_string(); s != nullptr && !env.json) {
            env.out << printable(*s) << '\n' << std::flush;
        }
    }
}

exit_code not_ended(environment& env, json::object const& progress) {
    auto const state = text(progress, "state");
    auto const waits_for = text(progress, "waits_for");
    if (state == "failed") {
        env.err << "the key was not replaced: " << text(progress, "error") << '\n';
    } else if (!waits_for.empty()) {
        env.err << "not ended yet, it waits for " << waits_for
                << "; the nodes end it by themselves, both accept both keys until then. `dyad status` shows how far it is\n";
    } else {
        env.err << "dyadd was started again meanwhile; `dyad events --audit` says whether the key was replaced\n";
    }
    return exit_code::refused;
}

} // namespace

exit_code rotate_key(environment& env) {
    client const daemon(env.run_dir);
    auto progress = daemon.post("/v1/rotate-key", {});
    if (!progress) {
        return fail(env, progress.error());
    }
    std::size_t printed = 0;
    auto last = *progress;
    for (auto const limit = steady::now() + rotation_limit;;) {
        print_reached(env, last, printed);
        if (text(last, "state") == "done") {
            break;
        }
        bool const over = text(last, "state") != "working" && text(last, "waits_for").empty();
        if (over || text(last, "state") == "failed" || steady::now() >= limit) {
            if (env.json) {
                env.out << json::serialize(last) << '\n';
            }
            return not_ended(env, last);
        }
        std::this_thread::sleep_for(between_looks);
        if (progress = daemon.get("/v1/rotation"); progress) { // else it is being started again
            last = *progress;
        }
    }
    if (env.json) {
        env.out << json::serialize(last) << '\n';
    } else {
        env.out << "the pair's key is replaced\n";
    }
    return exit_code::done;
}

} // namespace dyad::cli

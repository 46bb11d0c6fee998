// SPDX-License-Identifier: Apache-2.0
#include "checker/process.hpp"
#include "cluster/process.hpp"
#include "guardian/guardian.hpp"
#include "log/log.hpp"
#include "proxy/process.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <string>

namespace {

/// As the guardian starts it in the place of another proxy.
int run_proxy(std::string const& level, int channel) {
    dyad::log::set_up(level, "proxy");
    return dyad::live_in_program("proxy", dyad::run_proxy_process, channel);
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Dyad, a two-node high-availability load balancer: the daemon of one node.\n"
        "Runs in the foreground. SIGTERM hands the floating addresses to the peer and leaves; SIGHUP applies the\n"
        "configuration files again. 'dyad init' writes first files, 'dyad status' shows what runs.",
        "dyadd"};
    std::filesystem::path config_dir = "/etc/dyad";
    std::filesystem::path state_dir = "/var/lib/dyad";
    std::filesystem::path run_dir = "/run/dyad";
    std::string level = "info";
    app.add_option("--config-dir", config_dir, "node.toml, cluster.toml, cluster.key, certificates/")
        ->capture_default_str();
    app.add_option("--state-dir", state_dir, "what is kept over a restart; made if absent")->capture_default_str();
    app.add_option("--run-dir", run_dir, "control sockets dyad.sock and dyad-ro.sock; made if absent")
        ->capture_default_str();
    app.add_option("--log-level", level, "lines less important than this are not written to stderr")
        ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "critical"}))
        ->capture_default_str();
    std::string worker;
    int channel = -1;
    auto* const to_guardian = app.add_option("--channel", channel)->check(CLI::Range(3, 1 << 20))->group("");
    app.add_option("--worker", worker)->check(CLI::IsMember({"proxy"}))->needs(to_guardian)->group(""); // started by the guardian
    app.set_version_flag("--version", "dyadd " DYAD_VERSION);
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }
    if (!worker.empty()) {
        return run_proxy(level, channel);
    }
    dyad::log::set_up(level, "guardian");
    dyad::guardian_settings settings;
    settings.state_dir = state_dir;
    settings.run_dir = run_dir;
    settings.cluster = [&](dyad::child_context ctx) {
        return dyad::run_cluster_process({config_dir, state_dir, run_dir, level, ctx.guardian_fd, ctx.liveness});
    };
    settings.checker = dyad::run_checker_process;
    settings.proxy = dyad::run_proxy_process;
    settings.program = dyad::path_of_this_program();
    settings.proxy_arguments.assign(argv, argv + argc);
    settings.proxy_arguments.insert(settings.proxy_arguments.end(), {"--worker", "proxy"});
    settings.remove_addresses = cluster::remove_addresses;
    settings.send_goodbyes = cluster::send_sealed;
    return dyad::run_guardian(std::move(settings));
}

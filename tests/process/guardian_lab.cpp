// SPDX-License-Identifier: Apache-2.0
#include "guardian_lab.hpp"

#include "log/log.hpp"
#include "small_children.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace test {

void journal::write(std::string const& line) const {
    auto const text = line + "\n";
    int const fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    [[maybe_unused]] auto const written = ::write(fd, text.data(), text.size()); // one write: lines stay whole
    ::close(fd);
}

std::vector<std::string> journal::lines() const {
    std::vector<std::string> all;
    std::ifstream file(file_);
    for (std::string line; std::getline(file, line);) {
        all.push_back(line);
    }
    return all;
}

std::size_t journal::count(std::string_view beginning) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(lines(), [&](std::string const& line) { return line.starts_with(beginning); }));
}

std::string journal::last(std::string_view beginning) const {
    std::string found;
    for (auto const& line : lines()) {
        if (line.starts_with(beginning)) {
            found = line.substr(beginning.size());
        }
    }
    return found;
}

std::size_t journal::place(std::string_view beginning) const {
    auto const all = lines();
    auto const found = std::ranges::find_if(all, [&](std::string const& line) { return line.starts_with(beginning); });
    return static_cast<std::size_t>(found - all.begin());
}

bool within(std::chrono::milliseconds limit, std::function<bool()> const& condition) {
    auto const end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

bool alive(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    auto const name_end = text.rfind(')');
    return name_end != std::string::npos && text.substr(name_end + 2, 1) != "Z";
}

guardian_lab::guardian_lab(cluster_manners manners)
    : journal_(directory_.path() / "journal"), manners_(std::move(manners)) {
    // The children may be other users.
    std::filesystem::permissions(directory_.path(), std::filesystem::perms::all);
}

guardian_lab::~guardian_lab() {
    auto left = guardians_;
    for (auto const* name : {"cluster", "checker", "proxy"}) {
        left.push_back(pid_of(name));
    }
    for (auto const pid : left) {
        if (pid > 0 && alive(pid)) {
            ::kill(pid, SIGKILL);
        }
    }
    for (auto const pid : guardians_) {
        ::waitpid(pid, nullptr, 0);
    }
}

dyad::guardian_settings guardian_lab::settings() const {
    dyad::guardian_settings s;
    s.state_dir = directory_.path() / "state";
    s.run_dir = directory_.path() / "run";
    s.cluster = [this](dyad::child_context ctx) { return small_cluster(ctx, manners_, journal_); };
    s.checker = [this](dyad::child_context ctx) { return small_worker(ctx, "checker", journal_); };
    s.proxy = [this](dyad::child_context ctx) { return small_worker(ctx, "proxy", journal_); };
    s.program = manners_.program;
    s.proxy_arguments = {manners_.program, directory_.path() / "journal", manners_.program_manner};
    s.proxy_patience = std::chrono::milliseconds(1000);
    s.remove_addresses = [this](auto const& addresses) -> balance::result<> {
        std::string line = "remove";
        for (auto const& a : addresses) {
            line += " " + a.address.to_string() + "%" + a.interface;
        }
        journal_.write(line);
        return {};
    };
    s.send_goodbyes = [this](auto const& datagrams) -> balance::result<> {
        journal_.write("goodbye " + std::to_string(datagrams.size()));
        return {};
    };
    return s;
}

void guardian_lab::start() {
    guardian_ = ::fork();
    if (guardian_ != 0) {
        guardians_.push_back(guardian_);
        return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0); // a test that is killed leaves nothing behind
    ::close_range(3, ~0u, 0);                    // it is a program of its own, not one that shares the test's sockets
    auto const errors = directory_.path() / "stderr";
    ::dup2(::open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666), STDERR_FILENO);
    dyad::log::set_up("info", "guardian");
    ::_exit(dyad::run_guardian(settings()));
}

int guardian_lab::exit_code(std::chrono::milliseconds limit) {
    int status = 0;
    if (!within(limit, [&] { return ::waitpid(guardian_, &status, WNOHANG) == guardian_; })) {
        return -1;
    }
    std::erase(guardians_, guardian_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

pid_t guardian_lab::pid_of(std::string const& name) const {
    auto const pid = journal_.last(name + " started ");
    return pid.empty() ? 0 : std::stoi(pid);
}

bool guardian_lab::complete() const {
    return within(std::chrono::seconds(5),
                  [&] { return journal_.count("proxy linked") > 0 && journal_.count("checker linked") > 0; });
}

std::string guardian_lab::complaints() const {
    std::ifstream file(directory_.path() / "stderr");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

} // namespace test

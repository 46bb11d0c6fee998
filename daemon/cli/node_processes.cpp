// SPDX-License-Identifier: Apache-2.0
#include <cli/disturbance.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace dyad::cli {
namespace {

namespace fs = std::filesystem;

/// The parent of each process (proc(5): the fourth field, behind a name that may hold anything).
std::map<pid_t, pid_t> parents_of_all() {
    std::map<pid_t, pid_t> out;
    std::error_code ignored;
    for (auto const& entry : fs::directory_iterator("/proc", ignored)) {
        auto const name = entry.path().filename().string();
        pid_t pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) {
            continue;
        }
        std::ifstream file(entry.path() / "stat");
        std::string line;
        std::getline(file, line);
        auto const behind = line.rfind(')');
        if (behind == std::string::npos) {
            continue; // it has ended meanwhile
        }
        std::istringstream fields(line.substr(behind + 1));
        char state = 0;
        pid_t parent = 0;
        if (fields >> state >> parent && state != 'Z') {
            out[pid] = parent;
        }
    }
    return out;
}

std::string program_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string out;
    std::getline(file, out);
    return out;
}

} // namespace

balance::result<std::vector<pid_t>> processes_below(pid_t guardian, pid_t cluster) {
    auto const parents = parents_of_all();
    auto const child = parents.find(cluster);
    if (guardian <= 1 || child == parents.end() || child->second != guardian || !program_of(guardian).starts_with("dyadd")) {
        return balance::make_error(balance::errc::not_found,
                                   "the processes that dyadd tells of are not to be found here (guardian " + std::to_string(guardian) +
                                       ", cluster " + std::to_string(cluster) +
                                       "); run the drill where dyadd runs, outside of another container");
    }
    std::vector<pid_t> out{guardian};
    for (std::size_t i = 0; i < out.size(); ++i) {
        for (auto const& [pid, parent] : parents) {
            if (parent == out[i]) {
                out.push_back(pid);
            }
        }
    }
    return out;
}

} // namespace dyad::cli

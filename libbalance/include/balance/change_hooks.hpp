// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace balance {

/// Runs operators' programs when something changed: in the order of the calls, one at a time, each as the process's own user
/// in a process group of its own, which is killed when the program has ended or its time is over.
///
/// All calls and callbacks on the executor's only thread.
class [[gnu::visibility("default")]] change_hooks {
public:
    struct settings {
        milliseconds timeout{10'000}; ///< for one program
        milliseconds pause{100};      ///< from one start to the next, at least
        std::size_t waiting = 1000;   ///< calls that may wait; those beyond are dropped

        bool operator==(settings const&) const = default;
    };
    struct call {
        std::string command; ///< absolute path
        std::vector<std::string> arguments{};
        std::vector<std::pair<std::string, std::string>> environment{}; ///< beside PATH and LANG
        /// Called once it has ended, with what went wrong in a sentence, or nothing after status 0. Not when the hooks are destroyed before.
        std::function<void(std::string const& trouble)> done{};
    };

    explicit change_hooks(boost::asio::any_io_executor executor);
    change_hooks(boost::asio::any_io_executor executor, settings s);
    /// Kills what runs.
    ~change_hooks();
    change_hooks(change_hooks&&) = delete;

    /// For programs that start from now on; what waits already stays.
    void configure(settings s);

    /// Puts it behind those that wait.
    void run(call c);

    /// Calls back once, when no program runs and none waits; from within this call if that is so already.
    void when_idle(std::function<void()> callback);

    /// What went wrong, in a sentence: a program that could not start, failed, took too long or was dropped. Also called from within
    /// `run`.
    void on_trouble(std::function<void(std::string const&)> callback);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

} // namespace balance

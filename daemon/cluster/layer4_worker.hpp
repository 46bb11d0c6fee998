// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/connection_sync.hpp>
#include <balance/daisy_chain.hpp>
#include <balance/layer4.hpp>
#include <balance/layer4_watch.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace dyad {

/// Runs `balance::layer4` and starts and ends `balance::connection_sync` and `balance::layer4_watch`, whose netlink
/// calls block, on a thread of its own. Results come back on the caller's executor.
class layer4_worker {
public:
    explicit layer4_worker(boost::asio::any_io_executor home) : home_(std::move(home)) {}
    ~layer4_worker() {
        stop_.request_stop();
        thread_.join();
        scripts_.join();
    }

    /// What was done, and the processor time that it took, programs included.
    using applied =
        std::function<void(balance::result<std::vector<balance::layer4::change>>, std::chrono::microseconds)>;
    using status_read = std::function<void(balance::result<std::vector<balance::service_status>>)>;

    void apply(std::shared_ptr<balance::configuration const> desired, std::vector<balance::server_state> states, applied done);
    /// What was applied last.
    void apply_again(applied done);
    /// For the applies that follow; `balance::layer4::hold_unknown`.
    void hold_unknown(bool on);
    /// `balance::layer4::guard_interface`.
    void guard_interface(std::string name);
    void status(status_read done);
    using synced = std::function<void(balance::result<std::shared_ptr<balance::connection_sync>>)>;
    void start_sync(balance::connection_sync::settings s, synced done);
    /// Lets go of it there.
    void end_sync(std::shared_ptr<balance::connection_sync> sync);
    using watching = std::function<void(balance::result<std::shared_ptr<balance::layer4_watch>>)>;
    void start_watch(watching done);
    /// Lets go of it there.
    void end_watch(std::shared_ptr<balance::layer4_watch> watch);
    /// `balance::daisy_chain::prepare`; the chain outlives this worker.
    void prepare_chain(balance::daisy_chain& chain, balance::daisy_chain::settings s,
                       std::function<void(balance::result<bool>)> done);
    /// Runs the operator's firewall script: before everything that is asked for from now on, which may need its rules, or
    /// beside it, so that a script that hangs keeps nothing up.
    /// It is killed at the limit, and when this object goes.
    enum class order { before, beside };
    void run_script(std::string path, order when, std::chrono::milliseconds limit, std::function<void(balance::result<>)> done);

private:
    void timed(std::function<balance::result<std::vector<balance::layer4::change>>()> work, applied done);

    boost::asio::any_io_executor home_;
    balance::layer4 layer4_;
    std::stop_source stop_; ///< of scripts
    boost::asio::thread_pool thread_{1};
    boost::asio::thread_pool scripts_{1};
};

} // namespace dyad

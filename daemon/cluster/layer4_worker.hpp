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
#include <string>
#include <vector>

namespace dyad {

/// Runs `balance::layer4` and starts and ends `balance::connection_sync` and `balance::layer4_watch`, whose netlink
/// calls block, on a thread of its own. Results come back on the caller's executor.
class layer4_worker {
public:
    explicit layer4_worker(boost::asio::any_io_executor home) : home_(std::move(home)) {}
    ~layer4_worker() { thread_.join(); }

    /// What was done, and the processor time that it took, programs included.
    using applied =
        std::function<void(balance::result<std::vector<balance::layer4::change>>, std::chrono::microseconds)>;
    using status_read = std::function<void(balance::result<std::vector<balance::service_status>>)>;

    void apply(std::shared_ptr<balance::configuration const> desired, std::vector<balance::server_state> states, applied done);
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
    void run_script(std::string path, std::function<void(balance::result<>)> done);

private:
    boost::asio::any_io_executor home_;
    balance::layer4 layer4_;
    boost::asio::thread_pool thread_{1};
};

} // namespace dyad

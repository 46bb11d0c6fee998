// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/checker.hpp>
#include <balance/error.hpp>
#include <balance/layer4.hpp>
#include <balance/proxy.hpp>
#include <balance/service.hpp>
#include <balance/status.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace balance {

/// Everything of the library in one process: health checks drive layer 4 and layer 7.
///
/// All calls and callbacks on the executor's only thread. A node of a pair or a daemon that wants its parts in separate
/// processes uses `layer4`, `checker` and `proxy` themselves.
class [[gnu::visibility("default")]] balancer {
public:
    explicit balancer(boost::asio::any_io_executor executor);
    ~balancer();
    balancer(balancer&&) noexcept;
    balancer& operator=(balancer&&) noexcept;

    /// Makes `desired` what is served; idempotent, and what did not change is not touched. Marks for multi-port layer-4
    /// services are allocated where `desired.marks` has none. Errors: `invalid_configuration` naming every fault.
    result<> apply(configuration desired);

    /// Drains, halts or brings back one server. Errors: `not_found`.
    result<> set_admin_state(server_key const& key, admin_state state);

    void on_event(std::function<void(health_event const&)> callback);

    [[nodiscard]] std::vector<service_status> status() const;
    [[nodiscard]] std::vector<health_snapshot> health() const;

    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace balance

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/status.hpp"
#include "ipc/channel.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace dyad {

/// The channels to the guardian, the checker and the proxies: one that serves, one that is to take its place, and those that were
/// replaced and finish what they have. The guardian makes those to the others and hands over our ends whenever one of them is started.
class children {
public:
    using message = std::function<void(boost::json::object const&)>;
    struct handlers {
        message guardian; ///< what is not about attaching
        std::function<void()> guardian_gone;
        std::function<void()> checker_attached; ///< a fresh checker that knows nothing
        std::function<void(std::int64_t pid)> proxy_attached; ///< a fresh proxy that knows nothing
        std::function<void(std::int64_t pid)> proxy_gone;
        message checker;
        std::function<void(std::int64_t pid, boost::json::object const&)> proxy;
        std::function<void(process_info const&)> restarted; ///< a process was started again
    };

    children(boost::asio::any_io_executor executor, int guardian_fd, handlers h);

    void to_guardian(boost::json::object const& m) { guardian_.send(m); }
    // False when there is none, or when it does not take the message.
    bool to_checker(boost::json::object const& m) { return checker_.send(m); }
    bool to_proxy(std::int64_t pid, boost::json::object const& m);
    /// To all of them, but for `except`.
    void to_proxies(boost::json::object const& m, std::span<int const> descriptors = {}, std::int64_t except = 0);
    /// Bytes that it has no room for yet.
    [[nodiscard]] std::size_t waiting_for_proxy(std::int64_t pid) const;
    [[nodiscard]] std::vector<process_info> const& processes() const noexcept { return processes_; }

private:
    void from_guardian(boost::json::object const& m, std::vector<ipc::descriptor> descriptors);
    void attach(boost::json::object const& m, ipc::descriptor socket);
    void attach_proxy(std::int64_t pid, ipc::descriptor socket);
    void note_process(boost::json::object const& m);

    boost::asio::any_io_executor executor_;
    handlers handlers_;
    ipc::channel guardian_;
    ipc::channel checker_;
    std::map<std::int64_t, ipc::channel> proxies_; ///< by pid
    std::vector<process_info> processes_;
};

/// A member of a message as a number or a text; 0 or empty where it is absent or something else.
std::int64_t number_of(boost::json::object const& m, std::string_view name);
std::string text_of(boost::json::object const& m, std::string_view name);

} // namespace dyad

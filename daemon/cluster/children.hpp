// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/status.hpp"
#include "ipc/channel.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace dyad {

/// The channels to the guardian, the checker and the proxy. The guardian makes those to the other two and hands over
/// our ends whenever one of them is started.
class children {
public:
    using message = std::function<void(boost::json::object const&)>;
    struct handlers {
        message guardian; ///< what is not about attaching
        std::function<void()> guardian_gone;
        std::function<void()> checker_attached; ///< a fresh checker that knows nothing
        std::function<void()> proxy_attached;   ///< a fresh proxy that knows nothing
        message checker;
        message proxy;
        std::function<void(process_info const&)> restarted; ///< a process was started again
    };

    children(boost::asio::any_io_executor executor, int guardian_fd, handlers h);

    void to_guardian(boost::json::object const& m) { guardian_.send(m); }
    // False when there is none, or when it does not take the message.
    bool to_checker(boost::json::object const& m) { return checker_.send(m); }
    bool to_proxy(boost::json::object const& m, std::span<int const> descriptors = {}) { return proxy_.send(m, descriptors); }

    [[nodiscard]] bool has_proxy() const noexcept { return proxy_.is_open(); }
    [[nodiscard]] std::vector<process_info> const& processes() const noexcept { return processes_; }

private:
    void from_guardian(boost::json::object const& m, std::vector<ipc::descriptor> descriptors);
    void attach(boost::json::object const& m, ipc::descriptor socket);
    void note_process(boost::json::object const& m);

    boost::asio::any_io_executor executor_;
    handlers handlers_;
    ipc::channel guardian_;
    ipc::channel checker_;
    ipc::channel proxy_;
    std::vector<process_info> processes_;
};

/// A member of a message as a number or a text; 0 or empty where it is absent or something else.
std::int64_t number_of(boost::json::object const& m, std::string_view name);
std::string text_of(boost::json::object const& m, std::string_view name);

} // namespace dyad

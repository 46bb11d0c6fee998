// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dyad {

/// Carries what this node's kernel translates for clients of snat services to the peer, and what the peer tells into
/// this kernel. `balance::translation_sync` and its blocking calls are on a thread of its own; all else is the
/// caller's.
///
/// Changes are told five times a second at most; everything when the peer comes, when this node begins to serve, when
/// something was lost, and every five minutes.
class translation_relay {
public:
    /// `send` gives bytes to the peer; false when they did not go. `report` is told why translations are not kept
    /// alike, each reason once.
    translation_relay(boost::asio::any_io_executor home, std::function<bool(std::string_view)> send,
                      std::function<void(std::string const&)> report);
    translation_relay(translation_relay const&) = delete;
    translation_relay& operator=(translation_relay const&) = delete;
    /// Waits for what it asks the kernel at the moment.
    ~translation_relay();

    struct order {
        std::vector<balance::address> sources; ///< of snat services; none: nothing is done
        bool serving = false;                  ///< do clients' connections go through this node?
        bool telling = false;                  ///< is there a peer to be told?

        bool operator==(order const&) const = default;
    };
    void follow(order o);
    void from_peer(std::string_view message);

    struct numbers {
        std::uint64_t sent = 0;     ///< messages
        std::uint64_t received = 0; ///< messages
    };
    [[nodiscard]] numbers counted() const noexcept { return counted_; }

private:
    class worker;
    using messages = std::vector<std::vector<std::byte>>;

    /// True when all of them went.
    bool tell(messages const& told);

    std::function<bool(std::string_view)> send_;
    std::function<void(std::string const&)> report_;
    order last_;
    numbers counted_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true); ///< what the worker posts after our end is dropped
    std::shared_ptr<worker> worker_;
    std::thread thread_;
};

} // namespace dyad

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "namespace.hpp"
#include "pair.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace lab {

/// Answers UDP datagrams to `address` port 7777 whenever the address is on this machine.
class echo_server {
public:
    echo_server(network_namespace const& where, std::string const& address);
    ~echo_server();

private:
    int fd_ = -1;
    std::thread thread_;
    std::atomic<bool> over_{false};
};

/// Asks `address` port 7777 every millisecond and measures how long no answer came.
class probing_client {
public:
    probing_client(network_namespace const& where, std::string const& address);
    ~probing_client();

    [[nodiscard]] std::size_t answers() const { return answers_; }
    /// Forgets what was, and measures from now on.
    void begin();
    /// The longest time without an answer since `begin`, the present one included.
    [[nodiscard]] double longest_gap_ms() const;

private:
    std::atomic<bool> over_{false};
    std::atomic<std::size_t> answers_{0};
    std::atomic<clock::rep> last_{0};
    std::atomic<clock::rep> longest_{0};
    std::thread thread_;
};

} // namespace lab

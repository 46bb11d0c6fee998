// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <type_traits>

namespace lab {

/// A network namespace without a name: gone when this object and the threads inside are, also after a crash.
class network_namespace {
public:
    network_namespace();
    network_namespace(network_namespace const&) = delete;
    network_namespace& operator=(network_namespace const&) = delete;
    ~network_namespace();

    /// Runs `f` on a thread inside; threads that it starts stay inside.
    void inside(std::function<void()> const& f) const;
    template <class F>
    auto get(F&& f) const {
        std::invoke_result_t<F> out;
        inside([&] { out = f(); });
        return out;
    }
    /// Moves the calling thread in.
    void enter() const;
    /// Runs a shell command inside; throws when it fails.
    void sh(std::string const& command) const;
    /// Runs a shell command inside and returns what it prints.
    [[nodiscard]] std::string output(std::string const& command) const;

private:
    int fd_ = -1;
};

/// Joins two namespaces by a veth pair whose ends are called `name_a` and `name_b`; both are up.
void join(network_namespace const& a, std::string const& name_a, network_namespace const& b, std::string const& name_b);

} // namespace lab

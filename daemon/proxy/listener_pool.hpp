// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/descriptor.hpp"

#include <balance/error.hpp>
#include <balance/proxy.hpp>
#include <balance/service.hpp>

#include <boost/json/object.hpp>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace dyad {

/// The listening sockets that the guardian has given us, and what it could not open.
///
/// Keeps a descriptor of each, so that a service that goes and comes back finds its socket, and gives duplicates to the
/// relay, which closes what it no longer uses.
class listener_pool {
public:
    /// {"type":"listeners","add":[{"address","port"}],"remove":[…],"failed":[{"address","port","error"}]}, a descriptor
    /// for each added one. Errors: `protocol_error`; then nothing is changed.
    balance::result<> take(boost::json::object const& message, std::vector<ipc::descriptor> descriptors);

    [[nodiscard]] bool has(balance::endpoint const& e) const { return held_.contains(e); }
    /// Why there is none; null when there is, or when the guardian has said nothing of it yet.
    [[nodiscard]] std::string const* failure(balance::endpoint const& e) const;
    [[nodiscard]] bool any_failed() const noexcept { return !failed_.empty(); }
    /// Has the guardian said of each whether it has it?
    [[nodiscard]] bool settled(std::set<balance::endpoint> const& wanted) const;

    /// Duplicates for the relay, which serves `wanted` from now on: those it does not have yet.
    std::vector<balance::listener> hand_over(std::set<balance::endpoint> const& wanted);

private:
    std::map<balance::endpoint, ipc::descriptor> held_;
    std::map<balance::endpoint, std::string> failed_;
    std::set<balance::endpoint> handed_; ///< the relay has them
};

} // namespace dyad

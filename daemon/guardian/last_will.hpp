// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cluster/node.hpp>

#include <functional>
#include <vector>

namespace dyad {

/// What has to be done when the cluster process is gone, as it said beforehand: its addresses off, then its goodbye, so
/// that the peer takes over at once instead of after the deadtime.
class last_will {
public:
    using address_remover = std::function<balance::result<>(std::vector<cluster::floating_address> const&)>;
    using datagram_sender = std::function<balance::result<>(std::vector<cluster::sealed_datagram> const&)>;

    last_will(address_remover remove, datagram_sender send) : remove_(std::move(remove)), send_(std::move(send)) {}

    void set_addresses(std::vector<cluster::floating_address> addresses) { addresses_ = std::move(addresses); }
    void set_goodbyes(std::vector<cluster::sealed_datagram> datagrams) { goodbyes_ = std::move(datagrams); }

    /// For a process that was told to die but may not be dead yet. False when an address may still be there.
    bool take_addresses_off();
    /// For a dead process. A goodbye promises that the addresses are off, so it is sent only when they are; once.
    void execute();

private:
    address_remover remove_;
    datagram_sender send_;
    std::vector<cluster::floating_address> addresses_;
    std::vector<cluster::sealed_datagram> goodbyes_;
};

} // namespace dyad

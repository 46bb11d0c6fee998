// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/protocols/asking.hpp"

#include <balance/service.hpp>

#include <string>
#include <string_view>

namespace balance::probe {

/// SIP (RFC 3261 §11): OPTIONS, which a server that takes calls answers with 200.
class sip_dialogue final : public asking {
public:
    /// `nonce`: bytes that nobody can foresee.
    sip_dialogue(health_check const& c, endpoint const& target, std::string_view nonce);

protected:
    std::size_t take(std::string_view unread) override;

private:
    void take_head(std::string_view head);

    bool datagrams_;
    std::string call_;
};

} // namespace balance::probe

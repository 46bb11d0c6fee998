// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/protocols/asking.hpp"

#include <balance/service.hpp>

#include <string>
#include <string_view>

namespace balance::probe {

/// RADIUS (RFC 2865): an Access-Request with PAP and a Message-Authenticator. Up is who answers Access-Accept with our
/// secret.
class radius_dialogue final : public asking {
public:
    /// `random`: 17 bytes that nobody can foresee.
    radius_dialogue(health_check const& c, std::string_view random);

protected:
    std::size_t take(std::string_view unread) override;

private:
    [[nodiscard]] bool is_signed(std::string_view packet) const;

    std::string secret_;
    std::string id_;
    std::string authenticator_;
};

} // namespace balance::probe

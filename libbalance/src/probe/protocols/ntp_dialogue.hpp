// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/protocols/asking.hpp"

#include <string>
#include <string_view>

namespace balance::probe {

/// NTP (RFC 5905): a client's request. Up is who answers it and has a time to tell.
class ntp_dialogue final : public asking {
public:
    /// `random`: 8 bytes that nobody can foresee, sent in place of our time, which is nobody's business.
    explicit ntp_dialogue(std::string_view random);

protected:
    std::size_t take(std::string_view unread) override;

private:
    std::string cookie_;
};

} // namespace balance::probe

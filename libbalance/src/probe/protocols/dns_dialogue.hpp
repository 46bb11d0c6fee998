// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/dns_question.hpp"
#include "probe/protocols/asking.hpp"

#include <balance/service.hpp>

#include <string>
#include <string_view>

namespace balance::probe {

/// One question to a name server (RFC 1035). Up is who has an answer of the type that was asked for; what the answers say,
/// a line each, is there for its operator's expectations.
class dns_dialogue final : public asking {
public:
    /// `id`: two bytes that nobody can foresee.
    dns_dialogue(health_check const& c, std::string_view id);

protected:
    std::size_t take(std::string_view unread) override;

private:
    void take_message(std::string_view message);
    void take_answers(std::string_view message, std::size_t at, unsigned count);

    bool framed_; ///< over TCP: two bytes of length before a message
    std::string id_;
    core::dns_question question_;
};

} // namespace balance::probe

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/protocols/asking.hpp"
#include "probe/protocols/scram.hpp"

#include <balance/service.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace balance::probe {

/// PostgreSQL (protocol version 3): a login by password, in clear, MD5 or SCRAM-SHA-256; then one query, which must give a
/// row.
class postgresql_dialogue final : public asking {
public:
    /// `nonce`: bytes that nobody can foresee.
    postgresql_dialogue(health_check const& c, std::string_view nonce);

    [[nodiscard]] bool wants_tls() const noexcept override { return phase_ == phase::tls; }
    void secured() override { start(); }

protected:
    std::size_t take(std::string_view unread) override;

private:
    enum class phase : std::uint8_t { before_tls, tls, login, query };

    void start();
    std::size_t take_tls_answer(std::string_view unread);
    void take_message(char type, std::string_view content);
    void prove(std::string_view content);
    void prove_by_scram(std::uint32_t kind, std::string_view content);
    void ready();
    void take_row(std::string_view content);

    std::string user_, password_, database_, query_;
    scram scram_;
    phase phase_ = phase::login;
    bool any_row_ = false;
    std::string rows_;
};

} // namespace balance::probe

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/protocols/asking.hpp"

#include <balance/service.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace balance::probe {

/// MySQL and MariaDB (protocol version 10): a login with the methods mysql_native_password, caching_sha2_password and, in
/// TLS alone, mysql_clear_password; then one query in text, which must give a row.
class mysql_dialogue final : public asking {
public:
    explicit mysql_dialogue(health_check const& c);

    [[nodiscard]] bool wants_tls() const noexcept override { return phase_ == phase::tls; }
    void secured() override;

protected:
    std::size_t take(std::string_view unread) override;

private:
    enum class phase : std::uint8_t { greeting, tls, login, columns, definitions, rows };

    void take_packet(std::string_view packet);
    void greeted(std::string_view packet);
    void log_in();
    void logged_in(std::string_view packet);
    void switch_method(std::string_view packet);
    void more_of_method(std::string_view packet);
    void ask();
    void take_columns(std::string_view packet);
    void take_row(std::string_view packet);
    void send(std::string_view packet, std::string shown = {});
    /// The answer to the method's challenge; nothing when the method is not known.
    [[nodiscard]] std::optional<std::string> proof() const;

    std::string user_, password_, database_, query_;
    bool tls_;
    phase phase_ = phase::greeting;
    std::uint8_t number_ = 0; ///< of the next packet
    std::string method_, challenge_;
    std::uint64_t columns_ = 0;
    std::uint64_t defined_ = 0;
    bool any_row_ = false;
    std::string rows_;
};

} // namespace balance::probe

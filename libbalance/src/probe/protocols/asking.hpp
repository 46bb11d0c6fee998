// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/dialogue.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace balance::probe {

/// What the dialogues with mail, name, directory and database servers share: bytes are kept until a message is whole, no
/// more than a bounded number of them; one who says too much, or ends too early, is down.
class asking : public dialogue {
public:
    /// Of one message; longer ones are refused by who reads them.
    static constexpr std::size_t longest_message = 64 * 1024;
    /// Of all that comes until there is an outcome.
    static constexpr std::size_t longest_talk = 256 * 1024;

    [[nodiscard]] std::string to_send() final;
    [[nodiscard]] std::string shown(std::string const& sent) const final { return shown_.empty() ? sent : shown_; }
    void received(std::string_view bytes) final;
    void closed() final;
    [[nodiscard]] std::optional<finding_out> outcome() const final { return outcome_; }
    [[nodiscard]] std::string_view waiting_for() const noexcept final { return awaited_; }

protected:
    enum class over : std::uint8_t { stream, datagrams };

    explicit asking(over how = over::stream) : how_(how) {}

    /// Takes one message from the beginning of what is unread: its bytes, 0 when it is not whole yet. Datagrams come one
    /// at a time; what is left of one is nobody's.
    virtual std::size_t take(std::string_view unread) = 0;

    /// What is sent next. `shown`: with secrets left out; empty: as it is.
    void say(std::string bytes, std::string shown = {});
    /// A literal: "greeting".
    void await(std::string_view what) noexcept { awaited_ = what; }
    /// `goodbye` is sent, and nobody waits for an answer.
    void up(std::string reason, std::optional<std::string> answer = std::nullopt, std::string goodbye = {});
    void down(std::string reason);
    [[nodiscard]] bool is_over() const noexcept { return outcome_.has_value(); }

private:
    over how_;
    std::string output_;
    std::string shown_;
    std::string unread_;
    std::size_t consumed_ = 0;
    std::string_view awaited_;
    std::optional<finding_out> outcome_;
};

} // namespace balance::probe

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace balance::probe {

/// What a check found out.
struct finding_out {
    bool success = false;
    std::string reason;
    std::optional<std::string> answer{}; ///< what its operator may have expectations of

    bool operator==(finding_out const&) const = default;
};

/// The client's side of a protocol over a stream of bytes, for one check. Pure: bytes that came go in, bytes that shall
/// be sent come out. Bounded whatever the other side says.
class dialogue {
public:
    dialogue() = default;
    dialogue(dialogue const&) = delete;
    dialogue& operator=(dialogue const&) = delete;
    virtual ~dialogue() = default;

    /// What is to be sent next, once; empty: nothing now. Also asked for when there is an outcome: the goodbye.
    [[nodiscard]] virtual std::string to_send() = 0;
    /// What people get to see of the bytes that `to_send` has just given: no secrets.
    [[nodiscard]] virtual std::string shown(std::string const& sent) const { return sent; }
    virtual void received(std::string_view bytes) = 0;
    /// The other side sends no more.
    virtual void closed() = 0;

    /// The stream goes on in TLS as soon as what is to be sent was sent; nothing may have come beyond it. Afterwards
    /// `secured` is called.
    [[nodiscard]] virtual bool wants_tls() const noexcept { return false; }
    virtual void secured() {}

    /// Known as soon as nothing that may still come changes it; then there is no more to receive.
    [[nodiscard]] virtual std::optional<finding_out> outcome() const = 0;
    /// What comes next: "association", "acknowledgement".
    [[nodiscard]] virtual std::string_view waiting_for() const noexcept = 0;
};

} // namespace balance::probe

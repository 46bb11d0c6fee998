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
    virtual void received(std::string_view bytes) = 0;
    /// The other side sends no more.
    virtual void closed() = 0;

    /// Known as soon as nothing that may still come changes it; then there is no more to receive.
    [[nodiscard]] virtual std::optional<finding_out> outcome() const = 0;
    /// What comes next: "association", "acknowledgement".
    [[nodiscard]] virtual std::string_view waiting_for() const noexcept = 0;
};

} // namespace balance::probe

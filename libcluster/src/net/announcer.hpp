// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/address_keeper.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <vector>

namespace cluster::net {

/// What is to be sent now.
struct announcement {
    held_address what;
    bool probe = false; ///< also ask whether somebody else answers for it
};

/// When which address is announced. Pure: time goes in, addresses come out.
///
/// On each interface all addresses are announced once before any is repeated: at 0, 0.2, 0.4, 1.2, 2.2 and 5 s, then
/// every 60 s. The repeats are for neighbours that ignore a second claim within a second, for lost frames, and for
/// switches that forget.
class announcer {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// `frames_per_second`: at most, on each interface, of the first pass; a tenth of that for all that follow. An address takes two frames in IPv4, a third with a probe, and
    /// one in IPv6.
    explicit announcer(unsigned frames_per_second);

    /// Replaces what is to be announced. Interfaces that gained an address begin anew if announcing is on.
    void set(std::vector<held_address> const& addresses, time_point now);
    /// Begins with everything.
    void start(time_point now);
    /// Begins anew on one interface, if announcing is on.
    void restart(unsigned interface, time_point now);
    /// Somebody else answers for `a`: announced again half a second later, and so on until nobody does.
    void contest(unsigned interface, address const& a, time_point now);
    void stop() noexcept { on_ = false; }

    /// When `next` has something; the end of time when nothing is to come.
    [[nodiscard]] time_point deadline() const noexcept;
    /// An address to announce now, or nothing before `deadline`. Probes come with the second pass: first the claims.
    std::optional<announcement> next(time_point now);

private:
    struct schedule {
        std::vector<held_address> addresses;
        std::size_t position = 0; ///< within the pass
        unsigned pass = 0;
        time_point started{};
        time_point due{};      ///< of the pass
        time_point rate_due{}; ///< when the rate allows the next address
        std::map<address, time_point> contested;
    };

    [[nodiscard]] static time_point due_of(schedule const& s) noexcept;
    [[nodiscard]] static held_address const* find(schedule const& s, address const& a) noexcept;
    announcement pick(schedule& s, time_point now);
    void begin(schedule& s, time_point now) noexcept;
    void finish_pass(schedule& s) noexcept;

    std::chrono::nanoseconds per_frame_;
    bool on_ = false;
    std::map<unsigned, schedule> interfaces_;
};

} // namespace cluster::net

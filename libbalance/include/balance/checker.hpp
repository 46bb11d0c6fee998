// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>
#include <balance/status.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace balance {

/// The outcome of one health check.
struct check_result {
    bool success = false;
    std::string reason;          ///< "200 OK, body as expected", "connection refused": one line, at most 200 characters
    milliseconds latency{0};
    /// The first bytes of what came back, as ASCII: what is not printable is written \r, \n or \x00. At most 60 bytes.
    std::string received{};

    bool operator==(check_result const&) const = default;
};

/// Results in a row that are alike in success and reason.
struct check_run {
    check_result last;
    std::uint64_t count = 0;
    milliseconds longest{0};     ///< latency of them all
    milliseconds since_first{0}; ///< age
    milliseconds since_last{0};

    bool operator==(check_run const&) const = default;
};

/// One phase of a check.
struct check_step {
    std::string name; ///< what was waited for: "connection", "TLS handshake", "answer"
    std::chrono::microseconds took{0};
    std::string sent{}; ///< the first 1024 bytes, written as in `check_result::received`; without secrets
    std::size_t sent_bytes = 0; ///< of all that was sent
    std::string received{};
    std::size_t received_bytes = 0;
    std::string note{}; ///< what else was found out: the certificate, an answer in words

    bool operator==(check_step const&) const = default;
};

/// A check that an operator asked for, with all that happened.
struct check_trial {
    endpoint target; ///< port 0: none (ping)
    check_result result;
    std::vector<check_step> steps; ///< at most 32; none for `on` and `off`

    bool operator==(check_trial const&) const = default;
};

/// What a server's feedback agent makes of it.
struct agent_view {
    std::uint16_t share = 100; ///< per cent of its weight; 0: no new connections
    std::string said{};        ///< by the agent, or why it is silent: one line; empty without an agent
    std::uint32_t most_connections = 0; ///< that it allows; 0: it names no number

    bool operator==(agent_view const&) const = default;
};

/// A real server's health changed, or was found out for the first time; or its agent said something else.
struct health_event {
    server_key key;
    balance::health health = balance::health::unknown;
    check_result last; ///< the result that decided it
    agent_view agent{};
};

/// What the checks know of a server, for status and for handing over to a successor.
struct health_snapshot {
    server_key key;
    balance::health health = balance::health::unknown;
    check_result last;
    milliseconds since_last{0}; ///< age of `last`
    milliseconds since_change{0};
    agent_view agent{};

    bool operator==(health_snapshot const&) const = default;
};

/// Runs the health checks of a configuration. One (target, specification) is checked once however many services share it.
///
/// All calls and callbacks on the executor's only thread. Sends packets to the real servers of the configuration and to
/// nobody else. External checks are started as the process's own user, each in a process group of its own.
class [[gnu::visibility("default")]] checker {
public:
    struct settings {
        int icmp_v4 = -1; ///< raw or datagram ICMP socket handed in and owned by the caller; -1: `ping` opens its own
        int icmp_v6 = -1;
        std::size_t max_external = 64; ///< external checks that may run at once
        std::size_t max_body = 65536;  ///< bytes of an HTTP answer looked at
        /// Sockets of `connect` and `http` checks that are kept from one run to the next, one a check, two where it has
        /// `connects`, which saves the kernel the most of a run; at most three quarters of the files that the process may
        /// open. Some KiB of the kernel's memory each.
        std::size_t max_kept_sockets = 16384;
        milliseconds latency_period{10'000}; ///< that a server took another time alone is news as often as that
    };

    explicit checker(boost::asio::any_io_executor executor);
    checker(boost::asio::any_io_executor executor, settings s);
    ~checker();
    checker(checker&&) noexcept;
    checker& operator=(checker&&) noexcept;

    /// Checks exactly the servers of `services`. Unchanged checks keep their state and rhythm; a changed check of the same
    /// machine keeps the state. `known` seeds servers not checked before (a restarted process, a peer's view) and says
    /// who is halted: halted servers are not checked, become unknown, and start anew when they come back.
    /// The first result of an unknown server decides at once; from then on, and for seeded ones, rise and fall apply.
    void apply(std::span<virtual_service const> services, std::span<server_state const> known);

    void on_event(std::function<void(health_event const&)> callback);

    /// From one start of a check to the next it takes so many times as long as configured, but while results contradict a
    /// server's health; agents are asked as ever. A smaller factor than before makes every check at once, one after the
    /// other as they start. 0 counts as 1, which it is at first.
    void pace(unsigned factor);

    /// What somebody else found out: unknown servers that are checked become what it says, with an event, and from then on
    /// rise and fall apply. Others stay what they are.
    void seed(std::span<health_event const> found);

    /// Makes the checks of these servers at once, those that are under way excepted.
    void check_now(std::span<server_key const> keys);

    /// Clients' traffic failed at a server that is up: that counts as one failed check with this reason, or takes the server
    /// down whatever `fall` says, and its check is made at once. False when there is no such server, or it is not up.
    bool report_errors(server_key const& key, std::string reason, bool take_down);

    [[nodiscard]] std::vector<health_snapshot> snapshot() const;

    /// Those whose health, success or reason is another than when this last returned them, new ones included, and those that
    /// take noticeably longer or shorter: by more than a millisecond and an eighth. At most so many; those left out come with
    /// the next calls. Costs nothing where nothing happened, however many there are.
    [[nodiscard]] std::vector<health_snapshot> news(std::size_t most);
    /// Somebody listens who was told nothing: all are news again.
    void repeat_news();

    /// By how much checks began later than they were due, those begun since the last call. Milliseconds tell of a process
    /// that has too little of its processor.
    [[nodiscard]] percentiles take_lateness();

    /// The last results of a server's check, at most 16 runs, the newest first; they begin anew with another check. Empty:
    /// there are none, or there is no such server.
    [[nodiscard]] std::vector<check_run> history(server_key const& key) const;

    /// Makes the service's check of this server once, at once, beside whatever else is checked: no health changes, and
    /// neither need to be known to `apply`. `done` is called once, never from within, and not at all after `stop`.
    void test(virtual_service const& service, real_server const& server, std::function<void(check_trial)> done);

    /// Cancels everything; kills running external checks.
    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace balance

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/udp_link.hpp"
#include "wire/own_session.hpp"
#include "wire/session_book.hpp"

#include <cluster/node.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace cluster::net {

/// The links between the nodes with their sockets and sessions: seals and sends heartbeats, receives and judges them.
///
/// Links are numbered in the order of their names, so that both nodes number them alike however their files are
/// ordered. One thread at a time.
class heartbeat_paths {
public:
    using time_point = wire::time_point;

    /// `s.links` sorted by name; `s.key` is there when there are links.
    heartbeat_paths(node_settings const& s, time_point now);

    /// Opens every link. A link whose interface is missing stays closed as long as another one opens. Errors: as
    /// `udp_link::open`.
    result<> open();
    /// Opens a link anew, after its interface came (back).
    result<> reopen(std::size_t link);

    [[nodiscard]] std::size_t size() const noexcept { return paths_.size(); }
    [[nodiscard]] link_settings const& settings(std::size_t link) const noexcept { return paths_[link].settings; }
    /// -1 while it is closed.
    [[nodiscard]] int descriptor(std::size_t link) const noexcept;
    [[nodiscard]] unsigned interface_index(std::size_t link) const noexcept;

    /// What the next heartbeats say of the configuration.
    void set_config(config_version v, sha256 const& hash) noexcept;
    void send_all(node_report const& report, time_point now);
    void send(std::size_t link, node_report const& report, time_point now);
    void send_goodbyes();

    /// Seals with the first key and accepts all.
    void set_keys(key_pair const& k);
    /// Fingerprint of the key that sealed the newest heartbeat; 0: none was heard since the keys were set.
    [[nodiscard]] std::uint64_t heard_key() const noexcept;
    /// For someone else to send: of each link with each key. From any thread.
    [[nodiscard]] std::vector<sealed_datagram> sealed_goodbyes(key_pair const& k) const;

    /// Takes in what has arrived on a link and calls `f(verdict)` for each datagram; a bounded number of them.
    template <class F>
    void receive(std::size_t link, time_point now, F&& f);

    /// There is no book without links.
    [[nodiscard]] wire::session_book const* book() const noexcept { return book_ ? &*book_ : nullptr; }
    [[nodiscard]] std::uint64_t sent(std::size_t link) const noexcept { return paths_[link].sent; }

private:
    struct secret {
        std::unique_ptr<wire::suite> suite;
        std::uint64_t fingerprint;
    };
    struct path {
        link_settings settings;
        std::optional<udp_link> socket;
        std::uint64_t sent = 0;
    };
    /// Junk that comes in faster than it can be judged must not keep this thread from sending.
    static constexpr std::size_t most_batches = 32;

    static std::vector<secret> secrets_of(key_pair const& k);
    void prepare(node_report const& report, time_point now);
    void seal_and_send(std::size_t link);
    void accept();

    std::vector<path> paths_;
    node_id self_;
    std::vector<secret> secrets_; ///< the first one seals
    std::optional<wire::own_session> session_;
    std::optional<wire::session_book> book_;
    wire::heartbeat content_;
    wire::own_session::frame_buffer frame_{};
    time_point started_;
};

template <class F>
void heartbeat_paths::receive(std::size_t link, time_point now, F&& f) {
    auto& socket = paths_[link].socket;
    for (std::size_t i = 0; socket && i < most_batches; ++i) {
        auto const arrived = socket->receive();
        for (auto const& d : arrived) {
            if (d.reject != wire::reject::none) {
                book_->count(link, d.reject);
            } else {
                f(book_->receive(link, d.bytes, now));
            }
        }
        if (arrived.size() < udp_link::batch) {
            return;
        }
    }
}

} // namespace cluster::net

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/generation.hpp>
#include <cluster/key.hpp>
#include <cluster/shared_document.hpp>
#include <cluster/types.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cluster {

struct replicator_settings {
    node_id self = node_id::primary;
    std::string name;
    cluster::key key;
    struct path {
        address local;
        address peer;
        std::string interface; ///< needed for link-local IPv6 addresses only
    };
    std::vector<path> paths; ///< the heartbeat links' addresses; the first that connects is used
    std::uint16_t port = 7778;
    std::size_t max_message = 64u << 20; ///< bytes; larger ones end the connection; 4 KiB to 1 GiB
    milliseconds timeout{5000};          ///< for a phase of an apply
    milliseconds alive{1000};            ///< after so much silence of our own we say that we are there
    milliseconds dead{3000};             ///< after so much silence of the peer the connection is given up
    std::string release{}; ///< of the program, told to the peer: printable, without blanks, at most 255 bytes
    std::optional<cluster::key> other_key{}; ///< accepted as well, while one replaces the other
};

struct replicator_status {
    bool connected = false;
    std::string peer_address;
    unsigned protocol = 0;       ///< version that both nodes speak, once connected; docs/PROTOCOL.md
    std::string peer_name;       ///< as the peer said last; empty before it was met
    std::string peer_release;    ///< of its program, as it said last; empty: one that does not say, or never met
    std::string last_error;      ///< why not connected, or why the peer refused the last generation
    config_version peer_version; ///< last one known to be committed there
    std::uint64_t key = 0;       ///< fingerprint of the key that the connection was made with; 0: not connected
    bool in_sync = false;        ///< connected, and the same version and hash on both
};

/// The channel between the nodes: TLS 1.3, external PSK derived from the pair's key, mutually authenticated. Replicates
/// configuration generations in two phases (prepare on both, then commit), shared documents, and opaque streams.
///
/// All calls and callbacks on the executor's only thread, on which generations are also written to the disk: a few
/// milliseconds each. Callbacks may call anything of the replicator but must not destroy it.
class [[gnu::visibility("default")]] replicator {
public:
    /// `store` must outlive the replicator, which alone commits to it from `start` on.
    replicator(boost::asio::any_io_executor executor, replicator_settings s, generation_store& store);
    ~replicator();
    replicator(replicator&&) noexcept;
    replicator& operator=(replicator&&) noexcept;

    /// Listens and connects, again and again. Errors: `already_exists` when the port is taken, `not_found` (address),
    /// `invalid_configuration` (no path, role `none`).
    result<> start();
    /// Closes everything without `on_connected`; a pending `apply` is answered. May be started again.
    void stop();

    /// Asked on the receiving node before a generation is prepared: may it be applied here? Errors go back to the sender.
    void on_prepare(std::function<result<>(generation const&)> callback);
    /// A generation of the peer was committed to the store here; called before the peer hears of it.
    void on_committed(std::function<void(generation const&)> callback);
    void on_document(std::function<void(shared_document const&)> callback);
    void on_stream(std::function<void(std::string_view channel, std::string_view bytes)> callback);
    void on_connected(std::function<void(bool connected)> callback);

    struct outcome {
        bool peer_committed = false;
        std::string peer_text; ///< why not, when not
    };
    /// Prepares `g` on the peer when it is connected, commits it here, commits it there. A peer that refuses it in the
    /// prepare phase stops it: nothing is committed anywhere (`refused` with its reason). A peer that is not there gets it when it comes.
    /// Errors: `refused` also while another apply is under way and unless the version is greater than both nodes' current
    /// ones; `timed_out` when a connected peer does not answer in the prepare phase; `invalid_configuration`; `io_error`.
    /// After an error nothing is committed. `done` may be called before `apply` returns.
    void apply(generation g, std::function<void(result<outcome>)> done);

    /// Sets a document here and, now or when it is connected again, there. One that is older than what is
    /// known, or does not fit into `max_message`, is ignored.
    void set_document(shared_document d);
    [[nodiscard]] std::vector<shared_document> documents() const;

    /// Sends bytes to the peer's `on_stream` if it is connected; false when it is not, or when more than `max_message`
    /// bytes wait already. The channel's name has 1 to 128 bytes.
    bool send(std::string_view channel, std::string_view bytes);

    /// Replaces the keys for connections to come; the present one stays.
    void set_keys(key_pair const& k);
    /// Makes the connection anew, where there is one.
    void reconnect(std::string why);

    [[nodiscard]] replicator_status status() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace cluster

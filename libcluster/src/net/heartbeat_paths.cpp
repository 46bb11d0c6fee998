// SPDX-License-Identifier: Apache-2.0
#include "net/heartbeat_paths.hpp"

#include "net/openssl_suite.hpp"

#include <algorithm>
#include <utility>

namespace cluster::net {

std::vector<heartbeat_paths::secret> heartbeat_paths::secrets_of(key_pair const& k) {
    std::vector<secret> out;
    out.push_back({make_openssl_suite(k.sending), k.sending.fingerprint()});
    if (k.other) {
        out.push_back({make_openssl_suite(*k.other), k.other->fingerprint()});
    }
    return out;
}

heartbeat_paths::heartbeat_paths(node_settings const& s, time_point now) : self_(s.self), started_(now) {
    content_.name = wire::node_name{s.name};
    if (s.links.empty()) {
        return;
    }
    secrets_ = secrets_of({*s.key, s.other_key});
    session_.emplace(*secrets_.front().suite, s.self);
    wire::session_book::settings const book{.self = s.self,
                                            .links = s.links.size(),
                                            .challenge_life = std::max(milliseconds{1000}, 2 * s.timing.keepalive)};
    book_.emplace(book, *secrets_.front().suite, now);
    accept();
    for (auto const& l : s.links) {
        paths_.push_back({.settings = l, .socket = {}, .sent = 0});
    }
}

result<> heartbeat_paths::open() {
    result<> missing;
    bool any = paths_.empty();
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        auto const opened = reopen(i);
        if (opened) {
            any = true;
        } else if (opened.error().code == balance::errc::not_found) {
            missing = opened;
        } else {
            return opened;
        }
    }
    return any ? result<>{} : missing;
}

result<> heartbeat_paths::reopen(std::size_t link) {
    auto& p = paths_[link];
    p.socket.reset(); // first: the port must be free
    auto opened = udp_link::open(p.settings);
    if (!opened) {
        return opened.error();
    }
    p.socket.emplace(std::move(*opened));
    return {};
}

int heartbeat_paths::descriptor(std::size_t link) const noexcept {
    auto const& socket = paths_[link].socket;
    return socket ? socket->descriptor() : -1;
}

unsigned heartbeat_paths::interface_index(std::size_t link) const noexcept {
    auto const& socket = paths_[link].socket;
    return socket ? socket->interface_index() : 0;
}

void heartbeat_paths::set_config(config_version v, sha256 const& hash) noexcept {
    content_.config = v;
    content_.config_hash = hash;
}

void heartbeat_paths::prepare(node_report const& report, time_point now) {
    content_.report = report;
    content_.uptime_ms =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now - started_).count());
    book_->fill(content_, now);
}

void heartbeat_paths::seal_and_send(std::size_t link) {
    auto& p = paths_[link];
    if (p.socket) {
        auto const size = session_->seal(link, content_, frame_);
        p.sent += p.socket->send(wire::byte_view{frame_}.first(size)) ? 1u : 0u;
    }
}

void heartbeat_paths::send_all(node_report const& report, time_point now) {
    if (paths_.empty()) {
        return;
    }
    prepare(report, now);
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        seal_and_send(i);
    }
}

void heartbeat_paths::send(std::size_t link, node_report const& report, time_point now) {
    prepare(report, now);
    seal_and_send(link);
}

void heartbeat_paths::send_goodbyes() {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        if (paths_[i].socket) {
            paths_[i].socket->send(session_->goodbye(i));
        }
    }
}

void heartbeat_paths::accept() {
    std::vector<wire::suite*> accepted;
    for (auto const& s : secrets_) {
        accepted.push_back(s.suite.get());
    }
    book_->accept(accepted);
}

void heartbeat_paths::set_keys(key_pair const& k) {
    if (!book_) {
        return;
    }
    auto const before = std::exchange(secrets_, secrets_of(k)); // the book refers to them until it accepts others
    session_->use(*secrets_.front().suite);
    accept();
}

std::uint64_t heartbeat_paths::heard_key() const noexcept {
    auto const with = book_ ? book_->heard_with() : std::nullopt;
    return with ? secrets_[*with].fingerprint : 0;
}

std::vector<sealed_datagram> heartbeat_paths::sealed_goodbyes(key_pair const& k) const {
    std::vector<sealed_datagram> out;
    for (auto const& s : secrets_of(k)) {
        for (std::size_t i = 0; i < paths_.size(); ++i) {
            auto const& l = paths_[i].settings;
            out.push_back({.local = {l.local, l.port},
                           .peer = {l.peer, l.port},
                           .interface = l.interface,
                           .bytes = wire::sealed_goodbye(*s.suite, session_->id(), self_, i)});
        }
    }
    return out;
}

} // namespace cluster::net

// SPDX-License-Identifier: Apache-2.0
#include "net/replication_link.hpp"

#include <algorithm>
#include <utility>

namespace cluster::net {

namespace wr = wire::replication;

replication_link::replication_link(boost::asio::any_io_executor executor, replicator_settings s, handlers h)
    : executor_(std::move(executor)), settings_(std::move(s)), handlers_(std::move(h)),
      idle_(executor_, boost::asio::steady_timer::time_point::max()) {
    last_error_ = settings_.self == node_id::primary ? "the secondary has not connected yet" : "not connected yet";
}

wr::hello replication_link::own_hello() const {
    wr::hello h;
    h.id = settings_.self;
    h.instance = instance_;
    h.name = settings_.name;
    h.holds = handlers_.holds();
    h.release = settings_.release;
    return h;
}

void replication_link::send(wr::message const& m) {
    if (current_)
        current_->send(m);
}

void replication_link::drop(std::string why) {
    if (current_)
        current_->close(balance::make_error(balance::errc::io_error, std::move(why)));
}

void replication_link::set_keys(key_pair const& k) {
    settings_.key = k.sending;
    settings_.other_key = k.other;
    if (tls_)
        tls_->set_keys(k);
}

// ---- greeting ----

/// Why this node cannot talk with one that introduces itself like that; empty: it can.
std::string replication_link::objection(wr::hello const& h) const {
    auto const speaks = [](std::uint16_t lowest, std::uint16_t highest) {
        return std::to_string(lowest) + " to " + std::to_string(highest);
    };
    if (h.lowest > wr::highest_version || h.highest < wr::lowest_version)
        return h.name + " speaks versions " + speaks(h.lowest, h.highest) + " of the replication protocol and " +
               settings_.name + " " + speaks(wr::lowest_version, wr::highest_version) + "; update the older node";
    if (h.instance == instance_)
        return settings_.name + " is connected to itself; check the links' addresses in node.toml";
    if (h.id != peer_of(settings_.self))
        return h.name + " and " + settings_.name + " both have the role " + std::string(to_string(settings_.self)) +
               "; make one the primary and the other the secondary (role in node.toml)";
    return {};
}

/// The connection that the secondary opened stays, so that both nodes decide alike; a newer one from it replaces one that
/// may be dead without our knowing.
bool replication_link::may_replace(tls_engine::role newcomer) const {
    auto const opener = [this](tls_engine::role r) {
        return r == tls_engine::role::client ? settings_.self : peer_of(settings_.self);
    };
    if (greeting_ && newcomer == tls_engine::role::server && settings_.self == node_id::secondary)
        return false; // our own is about to be accepted there
    return !current_ || opener(newcomer) == node_id::secondary || opener(current_role_) == node_id::primary;
}

void replication_link::first_message(connection const& c, tls_engine::role role, wr::message m) {
    auto const hello = std::get_if<wr::hello>(&m);
    auto const farewell = std::get_if<wr::farewell>(&m);
    auto const refuse = [&](balance::errc code, std::string text) {
        c->send(wr::farewell{text});
        c->finish(balance::make_error(code, std::move(text)));
    };
    if (farewell)
        return c->finish(balance::make_error(balance::errc::refused, farewell->text));
    if (!hello)
        return refuse(balance::errc::protocol_error, "the first message was no hello");
    if (auto text = objection(*hello); !text.empty())
        return refuse(balance::errc::refused, std::move(text));
    if (!may_replace(role))
        return c->finish(balance::make_error(balance::errc::refused, "there is another connection already"));
    if (role == tls_engine::role::server)
        c->send(own_hello());
    establish(c, role, *hello);
}

void replication_link::establish(connection const& c, tls_engine::role role, wr::hello const& h) {
    if (auto const old = std::exchange(current_, nullptr)) {
        old->close(balance::make_error(balance::errc::refused, "the peer connected anew"));
        handlers_.down("the peer connected anew");
    }
    if (auto const mine = std::exchange(greeting_, nullptr); mine && mine != c)
        mine->close(balance::make_error(balance::errc::refused, "there is another connection already"));
    std::erase(strangers_, c);
    current_ = c;
    current_role_ = role;
    ++established_;
    c->greeted();
    handlers_.up(h);
}

void replication_link::ended(connection const& c, error const& why) {
    if (stopped_)
        return;
    std::erase(strangers_, c);
    if (greeting_ == c)
        greeting_.reset();
    if (!current_)
        last_error_ = c->peer_address() + ": " + why.detail;
    if (current_ != c)
        return;
    current_.reset();
    last_error_ = "the connection to " + c->peer_address() + " was lost: " + why.detail;
    handlers_.down(why.detail);
    idle_.cancel();
}

void replication_link::adopt_socket(tcp::socket socket, tls_engine::role role, std::function<void()> on_end) {
    auto const c = std::make_shared<replication_connection>(
        std::move(socket), *tls_,
        role, replication_connection::limits{settings_.max_message, settings_.alive, settings_.dead});
    strangers_.push_back(c);
    std::weak_ptr<replication_connection> const weak = c;
    replication_connection::handlers h;
    h.established = [this, weak, role] {
        auto const opened = weak.lock();
        if (role == tls_engine::role::server || !opened)
            return;
        if (current_ || greeting_)
            return opened->finish(balance::make_error(balance::errc::refused, "there is another connection already"));
        greeting_ = opened;
        opened->send(own_hello());
    };
    h.message = [this, weak, role](wr::message m) {
        auto const from = weak.lock();
        if (from && from == current_)
            return handlers_.message(std::move(m));
        if (from)
            first_message(from, role, std::move(m));
    };
    h.closed = [this, weak, on_end = std::move(on_end)](error const& why) {
        if (auto const gone = weak.lock())
            ended(gone, why);
        if (on_end)
            on_end();
    };
    c->start(std::move(h));
}

} // namespace cluster::net

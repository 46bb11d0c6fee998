// SPDX-License-Identifier: Apache-2.0
#include "facade/replicator_impl.hpp"

#include "replicate/generation_rules.hpp"
#include "wire/replication_codec.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

namespace cluster {
namespace {

namespace wr = wire::replication;
using balance::errc;
using balance::make_error;

constexpr std::size_t least_message = 4096;
constexpr std::size_t greatest_message = 1u << 30;
/// What a document or a stream's message needs beside its bytes.
constexpr std::size_t envelope = 512;

} // namespace

replicator::impl::impl(boost::asio::any_io_executor e, replicator_settings s, generation_store& g)
    : executor_(std::move(e)), settings_(std::move(s)), store_(g),
      exchange_({settings_.self, settings_.timeout, store_.current_id()}), timer_(executor_),
      self_(std::make_shared<impl*>(this)) {
    settings_.max_message = std::clamp(settings_.max_message, least_message, greatest_message);
}

result<> replicator::impl::start() {
    stop();
    net::replication_link::handlers h;
    h.holds = [this] { return exchange_.own(); };
    h.up = [this](wr::hello const& hello) { came_up(hello); };
    h.message = [this](wr::message m) { received(std::move(m)); };
    h.down = [this](std::string const& why) { went_down(why); };
    auto link = std::make_shared<net::replication_link>(executor_, settings_, std::move(h));
    if (auto r = link->start(); !r) {
        link->stop();
        return r;
    }
    link_ = std::move(link);
    return {};
}

void replicator::impl::stop() {
    if (auto const link = std::exchange(link_, nullptr))
        link->stop();
    reset_exchange();
}

/// Back to what is on the disk; whoever waits for an apply hears how far it came.
void replicator::impl::reset_exchange() {
    timer_.cancel();
    events_.clear();
    ++life_;
    store_.drop_staged();
    exchange_ = replicate::exchange({settings_.self, settings_.timeout, store_.current_id()});
    arriving_.reset();
    auto const waiting = std::exchange(departing_, std::nullopt);
    auto const tell = std::exchange(done_, nullptr);
    if (!tell)
        return;
    if (waiting->id == store_.current_id())
        tell(outcome{false, "replication was stopped; the peer gets the configuration when it is back"});
    else
        tell(make_error(errc::refused, "replication was stopped; nothing was applied"));
}

void replicator::impl::apply(generation g, answer done) {
    if (departing_)
        return done(make_error(errc::refused, "another apply is under way; try again when it has ended"));
    if (auto r = replicate::check(g); !r)
        return done(r.error());
    if (auto const size = wr::prepare_size(g); size > settings_.max_message)
        return done(make_error(errc::invalid_configuration,
                               "the configuration's files are too large to replicate: " + std::to_string(size) + " bytes of " +
                                   std::to_string(settings_.max_message) + "; remove what does not belong there"));
    generation_id const id{g.version, hash_of(g)};
    departing_ = cargo{std::move(g), id};
    done_ = std::move(done);
    run(replicate::apply_requested{id});
}

void replicator::impl::set_document(shared_document d) {
    auto const copy = d;
    if (d.name.empty() || d.name.size() > wr::max_label || d.bytes.size() + envelope > settings_.max_message)
        return;
    if (documents.merge(std::move(d)) && link_)
        link_->send(wr::document{copy});
}

bool replicator::impl::send(std::string_view channel, std::string_view bytes) {
    if (!link_ || !link_->is_up() || link_->waiting() > settings_.max_message || channel.empty() ||
        channel.size() > wr::max_label || bytes.size() + envelope > settings_.max_message)
        return false;
    link_->send(wr::stream{std::string(channel), std::string(bytes)});
    return true;
}

void replicator::impl::set_keys(key_pair const& k) {
    settings_.key = k.sending;
    settings_.other_key = k.other;
    if (link_)
        link_->set_keys(k);
}

void replicator::impl::reconnect(std::string why) {
    if (link_)
        link_->drop(std::move(why));
}

replicator_status replicator::impl::status() const {
    replicator_status s;
    s.connected = link_ && link_->is_up();
    s.peer_address = link_ ? link_->peer_address() : std::string();
    s.peer_name = peer_name_;
    s.protocol = protocol_;
    s.peer_release = peer_release_;
    s.last_error = !link_ ? "replication is not started" : s.connected ? alarm_ : link_->last_error();
    s.peer_version = exchange_.peer().version;
    s.key = link_ ? link_->key_fingerprint() : 0;
    s.in_sync = s.connected && exchange_.in_sync();
    return s;
}

// ---- the connection ----

void replicator::impl::came_up(wr::hello const& h) {
    peer_name_ = h.name;
    protocol_ = std::min(h.highest, wr::highest_version);
    peer_release_ = h.release;
    for (auto& d : documents.all())
        link_->send(wr::document{std::move(d)});
    run(replicate::peer_greeted{h.holds});
    if (connected && link_ && link_->is_up())
        connected(true);
}

/// What to add to a refusal of a peer that runs another release: it may just not know what is new.
std::string replicator::impl::other_release() const {
    if (peer_release_ == settings_.release)
        return {};
    return " (" + peer_name_ + " runs " + (peer_release_.empty() ? "an older release" : "release " + peer_release_) +
           ", " + settings_.name + " " + settings_.release +
           ": what only one release knows can be applied when both nodes run it)";
}

void replicator::impl::went_down(std::string const& why) {
    run(replicate::peer_lost{why});
    if (connected)
        connected(false);
}

void replicator::impl::received(wr::message m) {
    using replicate::heard;
    using replicate::verb;
    if (auto* p = std::get_if<wr::prepare>(&m)) {
        generation_id const id{p->content.version, p->hash};
        arriving_ = cargo{std::move(p->content), id};
        run(heard{verb::prepare, id, {}});
    } else if (auto* prepared = std::get_if<wr::prepared>(&m)) {
        run(heard{verb::prepared, prepared->id, {}});
    } else if (auto* refused = std::get_if<wr::refused>(&m)) {
        run(heard{verb::refused, refused->id, refused->text + other_release()});
    } else if (auto* commit = std::get_if<wr::commit>(&m)) {
        run(heard{verb::commit, commit->id, {}});
    } else if (auto* done = std::get_if<wr::committed>(&m)) {
        run(heard{verb::committed, done->id, {}});
    } else if (auto* abandon = std::get_if<wr::abandon>(&m)) {
        run(heard{verb::abandon, abandon->id, {}});
    } else if (auto* d = std::get_if<wr::document>(&m)) {
        if (documents.merge(d->content) && document)
            document(d->content);
    } else if (auto* s = std::get_if<wr::stream>(&m)) {
        if (stream)
            stream(s->channel, s->bytes);
    } else if (auto* f = std::get_if<wr::farewell>(&m)) {
        link_->drop(f->text);
    } else {
        link_->drop("the peer greeted twice");
    }
}

// ---- the exchange ----

void replicator::impl::run(replicate::event e) {
    events_.push_back(std::move(e));
    if (running_)
        return;
    running_ = true;
    std::vector<replicate::action> actions;
    while (!events_.empty()) {
        auto const next = std::move(events_.front());
        events_.pop_front();
        actions.clear();
        exchange_.step(std::chrono::steady_clock::now(), next, actions);
        for (auto const& a : actions)
            std::visit([this](auto const& what) { perform(what); }, a);
    }
    running_ = false;
    if (auto const due = exchange_.deadline())
        wake_at(*due);
    else
        timer_.cancel();
}

void replicator::impl::wake_at(replicate::time_point when) {
    timer_.expires_at(when);
    timer_.async_wait([weak = std::weak_ptr<impl*>(self_)](boost::system::error_code cancelled) {
        auto const self = weak.lock();
        if (!self || cancelled)
            return;
        auto& me = **self;
        if (me.link_ && me.link_->has_unread()) // the answer may have come while we were busy: read it first
            me.wake_at(std::chrono::steady_clock::now() + milliseconds{10});
        else
            me.run(replicate::timer_expired{});
    });
}

void replicator::impl::perform(replicate::say const& a) {
    if (!link_)
        return;
    using replicate::verb;
    switch (a.what) {
    case verb::prepare: {
        auto const& content = departing_ && departing_->id == a.id ? departing_->content : *store_.current();
        if (wr::prepare_size(content) > settings_.max_message) {
            alarm_ = "the current configuration is larger than max_message and cannot be replicated; apply a smaller one";
            return;
        }
        return link_->send(wr::prepare{content, a.id.hash});
    }
    case verb::prepared: return link_->send(wr::prepared{a.id});
    case verb::refused: return link_->send(wr::refused{a.id, a.text});
    case verb::commit: return link_->send(wr::commit{a.id});
    case verb::committed: return link_->send(wr::committed{a.id});
    case verb::abandon: return link_->send(wr::abandon{a.id});
    }
}

result<> replicator::impl::stage_arrived(generation_id const& id) {
    auto const arrived = std::exchange(arriving_, std::nullopt);
    if (!arrived || arrived->id != id || hash_of(arrived->content) != id.hash)
        return make_error(errc::protocol_error, "it arrived damaged: the hash is not that of its files");
    if (auto r = replicate::check(arrived->content); !r) // before anybody makes paths of its names
        return r;
    auto const life = life_;
    if (prepare)
        if (auto r = prepare(arrived->content); !r)
            return r;
    if (life != life_) // the callback did it
        return make_error(errc::refused, "replication was stopped");
    return store_.stage(arrived->content);
}

void replicator::impl::perform(replicate::stage const& a) {
    auto const r = a.from_peer ? stage_arrived(a.id) : store_.stage(departing_->content);
    events_.push_back(replicate::stage_done{a.id, r ? std::nullopt : std::optional(r.error())});
}

void replicator::impl::perform(replicate::commit_staged const& a) {
    auto const r = store_.commit_staged(a.id);
    if (r && a.from_peer && committed)
        committed(*store_.current());
    events_.push_back(replicate::commit_done{a.id, r ? std::nullopt : std::optional(r.error())});
}

void replicator::impl::perform(replicate::drop_staged const&) { store_.drop_staged(); }

void replicator::impl::perform(replicate::answer_apply const& a) {
    departing_.reset();
    auto const tell = std::exchange(done_, nullptr);
    if (tell && a.failure)
        tell(*a.failure);
    else if (tell)
        tell(outcome{a.peer_committed, a.peer_text});
}

void replicator::impl::perform(replicate::alarm const& a) { alarm_ = a.text; }

void replicator::impl::perform(replicate::drop_connection const& a) {
    if (link_)
        link_->drop(a.why);
}

} // namespace cluster

// SPDX-License-Identifier: Apache-2.0
#include "conntrack/channel.hpp"
#include "conntrack/event_socket.hpp"
#include "conntrack/message.hpp"
#include "conntrack/pending.hpp"
#include "conntrack/restorer.hpp"

#include <balance/translation_sync.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace balance {

std::vector<address> snat_sources(configuration const& c) {
    std::vector<address> out;
    for (auto const& s : c.services) {
        auto const source = s.snat_source ? s.snat_source : s.address;
        if (s.mode == mode::snat && source && std::find(out.begin(), out.end(), *source) == out.end()) {
            out.push_back(*source);
        }
    }
    return out;
}

struct translation_sync::impl {
    impl(conntrack::event_socket e, std::unique_ptr<conntrack::channel> k)
        : events(std::move(e)), kernel(std::move(k)), restorer(*kernel) {}

    conntrack::event_socket events;
    std::unique_ptr<conntrack::channel> kernel;
    conntrack::restorer restorer;
    conntrack::pending_changes pending;
    std::vector<address> sources;
};

translation_sync::translation_sync(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
translation_sync::~translation_sync() = default;
translation_sync::translation_sync(translation_sync&&) noexcept = default;
translation_sync& translation_sync::operator=(translation_sync&&) noexcept = default;

result<translation_sync> translation_sync::open() {
    auto kernel = conntrack::channel::open();
    if (!kernel) {
        return kernel.error();
    }
    auto events = conntrack::event_socket::open();
    if (!events) {
        return events.error();
    }
    return translation_sync(std::make_unique<impl>(std::move(*events), std::move(*kernel)));
}

void translation_sync::set_sources(std::vector<address> sources) { impl_->sources = std::move(sources); }

void translation_sync::tell(bool on) {
    impl_->events.hear(on);
    impl_->pending.forget();
}

int translation_sync::descriptor() const noexcept { return impl_->events.descriptor(); }

bool translation_sync::read() {
    bool room = true;
    bool const complete = impl_->events.read([&](conntrack::change c) {
        if (conntrack::is_translated(c.entry, impl_->sources)) {
            room = impl_->pending.add(std::move(c)) && room;
        }
    });
    return complete && room;
}

std::vector<translation_sync::message> translation_sync::changes() {
    return conntrack::encode_changes(impl_->pending.take());
}

result<std::vector<translation_sync::message>> translation_sync::all() {
    auto entries = impl_->kernel->dump();
    if (!entries) {
        return entries.error();
    }
    bool const complete = entries->size() < conntrack::most_dumped;
    std::erase_if(*entries, [&](conntrack::entry const& e) {
        return !conntrack::is_translated(e, impl_->sources) || conntrack::is_over(e);
    });
    return conntrack::encode_all(*entries, complete);
}

result<translation_sync::outcome> translation_sync::restore(std::span<std::byte const> said, bool serving) {
    auto const understood = conntrack::decode_message(said);
    if (!understood) {
        return make_error(errc::protocol_error, "what the peer told of its translated connections was not understood");
    }
    auto const done = impl_->restorer.take(*understood, impl_->sources, serving);
    if (!done) {
        return done.error();
    }
    return outcome{done->entered, done->refused, done->why == 0 ? std::string() : std::strerror(done->why)};
}

} // namespace balance

// SPDX-License-Identifier: Apache-2.0
#include "core/sync_frame.hpp"
#include "firewall/program.hpp"
#include "ipvs/channel.hpp"
#include "ipvs/codec.hpp"
#include "ipvs/tap.hpp"

#include <balance/connection_sync.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace balance {
namespace {

using boost::asio::ip::address_v4;

/// Link-local addresses that only the two ends of the interface see; the second is the peer's.
constexpr std::array<std::uint32_t, 2> ends{0xa9fe'4279, 0xa9fe'427a}; // 169.254.66.121 and .122

constexpr std::size_t longest_frame = 2048;

/// Both daemons, whatever ran before: one that was started for an interface that is gone sends nowhere.
result<> run_daemons(std::string const& interface, std::uint8_t id) {
    auto const k = ipvs::channel::open();
    if (!k) {
        return k.error();
    }
    std::vector<ipvs::bytes> const stop{ipvs::encode_sync_stop(ipvs::sync_role::master),
                                        ipvs::encode_sync_stop(ipvs::sync_role::backup)};
    if (auto const stopped = (*k)->write(stop); !stopped) { // that there was none is fine
        return stopped.error();
    }
    if (interface.empty()) {
        return {};
    }
    std::vector<ipvs::bytes> const start{ipvs::encode_sync_start(ipvs::sync_role::master, interface, id),
                                         ipvs::encode_sync_start(ipvs::sync_role::backup, interface, id)};
    auto const started = (*k)->write(start);
    if (!started) {
        return started.error();
    }
    for (int const code : *started) {
        if (code != 0) {
            return make_error(errc::io_error, std::string("the kernel did not start its connection synchronisation: ") +
                                                  std::strerror(code));
        }
    }
    return {};
}

} // namespace

bool can_synchronise(configuration const& c) {
    return std::none_of(c.services.begin(), c.services.end(), [](virtual_service const& s) {
        if (s.mode != mode::tun || (!s.address && s.servers.empty())) {
            return false;
        }
        bool const v6 = s.address ? s.address->is_v6() : s.servers.front().address.is_v6();
        bool const other_fallback =
            s.fallback.mode == fallback::kind::server && s.fallback.target.address.is_v6() != v6;
        return other_fallback || std::any_of(s.servers.begin(), s.servers.end(),
                                             [&](real_server const& v) { return v.address.is_v6() != v6; });
    });
}

struct connection_sync::impl {
    impl(ipvs::tap t, address_v4 p) : link(std::move(t)), peer(p) {}
    impl(impl const&) = delete;
    impl& operator=(impl const&) = delete;
    ~impl() { run_daemons({}, 0); }

    ipvs::tap link;
    address_v4 peer;
};

connection_sync::connection_sync(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
connection_sync::~connection_sync() = default;
connection_sync::connection_sync(connection_sync&&) noexcept = default;
connection_sync& connection_sync::operator=(connection_sync&&) noexcept = default;

result<connection_sync> connection_sync::start(settings s) {
    if (auto const k = ipvs::channel::open(); !k) { // before an interface is made for nothing
        return k.error();
    }
    address_v4 const local(s.first ? ends[0] : ends[1]);
    auto link = ipvs::tap::open(s.interface, local);
    if (!link && link.error().code == errc::not_supported && firewall::load_module("tun")) {
        link = ipvs::tap::open(s.interface, local);
    }
    if (!link) {
        return link.error();
    }
    auto made = std::make_unique<impl>(std::move(*link), address_v4(s.first ? ends[1] : ends[0]));
    if (auto const running = run_daemons(s.interface, s.id); !running) {
        return running.error();
    }
    return connection_sync(std::move(made));
}

int connection_sync::descriptor() const noexcept { return impl_->link.descriptor(); }

std::optional<std::vector<std::byte>> connection_sync::read() {
    std::array<std::byte, longest_frame> frame;
    for (;;) {
        auto const size = ::read(descriptor(), frame.data(), frame.size());
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            return std::nullopt;
        }
        if (auto const d = ipvs::sync_datagram_of(std::span(frame).first(static_cast<std::size_t>(size)))) {
            return std::vector(d->begin(), d->end());
        }
    }
}

void connection_sync::deliver(std::span<std::byte const> datagram) {
    auto const frame = ipvs::sync_frame_of(datagram, impl_->peer);
    // A frame that the kernel has no room for is lost, as on any network.
    [[maybe_unused]] auto const written = frame.empty() ? 0 : ::write(descriptor(), frame.data(), frame.size());
}

} // namespace balance

// SPDX-License-Identifier: Apache-2.0
#include "ipvs/edit_tap.hpp"
#include "ipvs/network_events.hpp"

#include <balance/layer4_watch.hpp>

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace balance {

struct layer4_watch::impl {
    impl(ipvs::edit_tap e, ipvs::network_events n) noexcept : edits(std::move(e)), network(std::move(n)) {}
    impl(impl const&) = delete;
    impl& operator=(impl const&) = delete;
    ~impl() {
        if (all >= 0) {
            ::close(all);
        }
    }

    ipvs::edit_tap edits;
    ipvs::network_events network;
    int all = ::epoll_create1(EPOLL_CLOEXEC);
};

layer4_watch::layer4_watch(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
layer4_watch::~layer4_watch() = default;
layer4_watch::layer4_watch(layer4_watch&&) noexcept = default;
layer4_watch& layer4_watch::operator=(layer4_watch&&) noexcept = default;

result<layer4_watch> layer4_watch::open(settings s) {
    auto edits = ipvs::edit_tap::open(s.interface);
    if (!edits) {
        return edits.error();
    }
    auto network = ipvs::network_events::open();
    if (!network) {
        return network.error();
    }
    auto made = std::make_unique<impl>(std::move(*edits), std::move(*network));
    for (int const fd : {made->edits.descriptor(), made->network.routes(), made->network.rules()}) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
        if (::epoll_ctl(made->all, EPOLL_CTL_ADD, fd, &event) != 0) {
            return make_error(errc::io_error, std::string("watching layer 4: ") + std::strerror(errno));
        }
    }
    return layer4_watch(std::move(made));
}

int layer4_watch::descriptor() const noexcept { return impl_->all; }

bool layer4_watch::blind() const noexcept { return impl_->edits.blind(); }

bool layer4_watch::changed() {
    bool const edited = impl_->edits.drain();
    return impl_->network.drain() || edited;
}

} // namespace balance

// SPDX-License-Identifier: Apache-2.0
#include "probe/environment.hpp"

#include "probe/clockwork.hpp"
#include "probe/ping_socket.hpp"
#include "probe/quick_socket.hpp"
#include "probe/tls_contexts.hpp"

#include <utility>

namespace balance::probe {

environment::environment(boost::asio::any_io_executor executor, checker::settings s)
    : executor_(std::move(executor)), settings_(s), times_(std::make_shared<clockwork>(executor_)),
      programs_(std::make_shared<program_slots>(s.max_external)) {}

environment::~environment() {
    times_->rest();
    for (auto const& socket : {ping_v4_, ping_v6_})
        if (socket)
            socket->close();
    if (sockets_)
        sockets_->close();
}

std::shared_ptr<ping_socket> environment::ping(bool v6) {
    auto& socket = v6 ? ping_v6_ : ping_v4_;
    if (!socket)
        socket = std::make_shared<ping_socket>(executor_, v6, v6 ? settings_.icmp_v6 : settings_.icmp_v4);
    return socket;
}

std::shared_ptr<socket_line> environment::line() {
    if (!sockets_)
        sockets_ = socket_set::make(executor_, settings_.max_kept_sockets);
    return std::make_shared<socket_line>(sockets_);
}

tls_contexts& environment::tls() {
    if (!tls_)
        tls_ = std::make_unique<tls_contexts>();
    return *tls_;
}

} // namespace balance::probe

// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener_book.hpp"

#include <utility>

namespace balance::layer7 {

void listener_book::hand_in(listener const& l) {
    auto socket = std::make_shared<listening_socket>(l.local, l.descriptor);
    auto const it = active_.find(l.local);
    if (it == active_.end()) {
        waiting_[l.local] = std::move(socket);
        return;
    }
    auto const where = it->second.where;
    remove(it);
    add(std::move(socket), where);
}

std::map<std::string, std::string> listener_book::want(std::map<endpoint, place> const& wanted) {
    std::map<std::string, std::string> refused;
    for (auto it = active_.begin(); it != active_.end();) {
        auto const next = std::next(it);
        auto const w = wanted.find(it->first);
        if (w == wanted.end()) {
            remove(it);
        } else if (w->second != it->second.where) { // the endpoint now belongs to another service: the socket stays
            auto const socket = it->second.socket;
            remove(it);
            waiting_[socket->local()] = socket;
        }
        it = next;
    }
    for (auto const& [local, where] : wanted) {
        if (active_.contains(local))
            continue;
        if (auto node = waiting_.extract(local)) {
            add(std::move(node.mapped()), where);
        } else if (auto opened = listen_on(local)) {
            add(std::move(*opened), where);
        } else if (auto& text = refused[where.name]; text.empty()) {
            text = opened.error().detail;
        }
    }
    waiting_.clear();
    return refused;
}

void listener_book::close_all() {
    while (!active_.empty())
        remove(active_.begin());
    waiting_.clear();
}

void listener_book::add(std::shared_ptr<listening_socket> socket, place where) {
    for (auto const& w : crew_.workers)
        w->accept_on(socket, where);
    endpoint const local = socket->local();
    active_[local] = {std::move(socket), std::move(where)};
}

void listener_book::remove(std::map<endpoint, entry>::iterator it) {
    for (auto const& w : crew_.workers)
        w->stop_accepting(it->second.socket);
    active_.erase(it);
}

} // namespace balance::layer7

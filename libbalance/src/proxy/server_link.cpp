// SPDX-License-Identifier: Apache-2.0
#include "proxy/server_link.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

namespace balance::layer7 {

void server_link::ready(std::uint32_t events) {
    if (!socket.is_open())
        return; // closed earlier in this batch
    bool const news = (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0;
    end.note(events);
    if (user != nullptr)
        user->server_ready(events);
    else if (news)
        home_.broken(*this);
}

std::unique_ptr<server_link> link_pool::take(backend const& server, wish const& w) {
    auto const found = idle_.find(&server);
    if (found == idle_.end())
        return nullptr;
    auto& list = found->second;
    auto const life = server.life.load(std::memory_order_relaxed);
    while (true) {
        auto const fits = std::find_if(list.rbegin(), list.rend(), [&](auto const& l) {
            return l->port == w.port && l->life == life && (l->tls != nullptr) == w.tls && l->told == w.told && l->source == w.source &&
                   (w.only_of == 0 || l->last_user == w.only_of);
        });
        if (fits == list.rend())
            return nullptr; // an empty list stays for the next, until it is swept
        auto out = std::move(*fits);
        list.erase(std::next(fits).base());
        out->end.readable = true; // perhaps: the last epoll_wait knew nothing of what came since
        if (is_silent(out->end))
            return out;
        close(std::move(out));
    }
}

void link_pool::keep(std::unique_ptr<server_link> link) {
    link->user = nullptr;
    link->used_before = true;
    link->idle_since_ = loop_.now();
    auto& list = idle_[link->server.get()];
    if (list.size() == most_idle) {
        closed_.push_back(std::move(list.front()));
        closed_.back()->socket.reset();
        list.erase(list.begin());
    }
    list.push_back(std::move(link));
}

void link_pool::close(std::unique_ptr<server_link> link) {
    link->user = nullptr;
    link->socket.reset();
    closed_.push_back(std::move(link));
}

void link_pool::broken(server_link& link) {
    auto const found = idle_.find(link.server.get());
    if (found == idle_.end())
        return;
    auto& list = found->second;
    auto const at = std::find_if(list.begin(), list.end(), [&](auto const& l) { return l.get() == &link; });
    if (at == list.end())
        return;
    close(std::move(*at));
    list.erase(at);
}

void link_pool::sweep(std::chrono::milliseconds longest) {
    for (auto it = idle_.begin(); it != idle_.end();) {
        auto& list = it->second;
        if (list.empty()) { // perhaps of a server that is no more
            it = idle_.erase(it);
            continue;
        }
        auto const life = it->first->life.load(std::memory_order_relaxed);
        auto const old = std::stable_partition(list.begin(), list.end(), [&](auto const& l) {
            return l->life == life && loop_.now() - l->idle_since_ < longest;
        });
        std::for_each(old, list.end(), [this](auto& l) { close(std::move(l)); });
        list.erase(old, list.end());
        ++it;
    }
}

void link_pool::close_all() {
    for (auto& [server, list] : idle_)
        for (auto& link : list)
            close(std::move(link));
    idle_.clear();
}

} // namespace balance::layer7

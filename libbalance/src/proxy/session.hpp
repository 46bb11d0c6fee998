// SPDX-License-Identifier: Apache-2.0
// What the sessions of all modes have in common.
#pragma once

#include "proxy/admission.hpp"
#include "proxy/descriptor.hpp"
#include "proxy/service.hpp"
#include "proxy/tls.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace balance::layer7 {

/// A client just accepted.
struct arrival {
    descriptor socket;
    endpoint client;
    endpoint local;         ///< that the client connected to
    std::uint16_t port = 0; ///< at servers without one of their own: that the client connected to; with TLS the service's first clear port, where it has one
    std::shared_ptr<tls_context const> tls; ///< null: the client comes in clear
    std::shared_ptr<layer7::service> service;
    admission place{};      ///< within the service's limits
    bool unwelcome = false; ///< mode http: one too many of its source; gets an answer that says so
};

/// Something whose turn was over though it had more to do.
class resumable {
public:
    virtual void resume() = 0;

protected:
    ~resumable() = default;
};

/// Sessions that their worker walks through; each knows its place, so that adding and taking out cost the same always.
template <class Session>
class session_list {
public:
    void add(Session& s) {
        s.slot_ = sessions_.size();
        sessions_.push_back(&s);
    }
    void remove(Session const& s) noexcept {
        sessions_.back()->slot_ = s.slot_;
        sessions_[s.slot_] = sessions_.back();
        sessions_.pop_back();
    }
    [[nodiscard]] bool empty() const noexcept { return sessions_.empty(); }

    /// Calls `f` with each; `f` may take its session out of the list, and no other.
    template <class F>
    void for_each(F&& f) {
        for (std::size_t i = sessions_.size(); i-- > 0;)
            f(*sessions_[i]);
    }

private:
    std::vector<Session*> sessions_;
};

/// Sessions of one mode, used again and again. One that has ended may still be named by the running batch of events, so
/// it is free only after that.
template <class Session>
class session_pool {
public:
    template <class Owner>
    Session& take(Owner& owner) {
        if (free_.empty()) {
            all_.push_back(std::make_unique<Session>(owner));
            free_.push_back(all_.back().get());
        }
        Session& s = *free_.back();
        free_.pop_back();
        return s;
    }
    void retire(Session& s) { retired_.push_back(&s); }
    void after_batch() {
        free_.insert(free_.end(), retired_.begin(), retired_.end());
        retired_.clear();
    }

private:
    std::vector<std::unique_ptr<Session>> all_;
    std::vector<Session*> free_;
    std::vector<Session*> retired_;
};

} // namespace balance::layer7

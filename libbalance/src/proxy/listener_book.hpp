// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/listening_socket.hpp"
#include "proxy/service.hpp"
#include "proxy/worker.hpp"

#include <balance/proxy.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace balance::layer7 {

/// Which sockets the threads accept on, and for which service.
class listener_book {
public:
    explicit listener_book(crew& c) : crew_(c) {}

    /// A socket given from outside; replaces the one in use for the same endpoint at once.
    void hand_in(listener const& l);

    /// Accepts on exactly these endpoints; opens what was not handed in, closes what is no longer wanted. Returns what
    /// could not be opened, with the reason, by service name.
    std::map<std::string, std::string> want(std::map<endpoint, place> const& wanted);

    void close_all();

private:
    struct entry {
        std::shared_ptr<listening_socket> socket;
        place where;
    };

    void add(std::shared_ptr<listening_socket> socket, place where);
    void remove(std::map<endpoint, entry>::iterator it);

    crew& crew_;
    std::map<endpoint, entry> active_;
    std::map<endpoint, std::shared_ptr<listening_socket>> waiting_; ///< handed in, not named by a service yet
};

} // namespace balance::layer7

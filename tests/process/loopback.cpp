// SPDX-License-Identifier: Apache-2.0
#include "loopback.hpp"

#include "guardian/listeners.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>

#include <chrono>

namespace test {

std::vector<balance::endpoint> free_endpoints(std::size_t n) {
    std::vector<dyad::ipc::descriptor> held;
    std::vector<balance::endpoint> free;
    while (free.size() < n) {
        held.push_back(dyad::open_listener({boost::asio::ip::make_address("127.0.0.1"), 0}).value());
        boost::asio::ip::tcp::endpoint local;
        auto size = static_cast<socklen_t>(local.capacity());
        ::getsockname(held.back().get(), local.data(), &size);
        free.push_back({local.address(), local.port()});
    }
    return free;
}

std::string ask(balance::endpoint const& where, std::string const& request) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::socket socket(io);
    boost::system::error_code ec;
    socket.connect({where.address, where.port}, ec);
    if (ec) {
        return {};
    }
    boost::asio::write(socket, boost::asio::buffer(request), ec);
    std::string answer;
    boost::asio::async_read(socket, boost::asio::dynamic_buffer(answer), [](auto...) {});
    io.run_for(std::chrono::seconds(5));
    return answer;
}

} // namespace test

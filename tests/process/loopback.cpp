// SPDX-License-Identifier: Apache-2.0
#include "loopback.hpp"

#include "support/free_port.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <chrono>

namespace test {

std::vector<balance::endpoint> free_endpoints(std::size_t n) {
    std::vector<balance::endpoint> free(n);
    for (auto& endpoint : free) {
        endpoint = {boost::asio::ip::make_address("127.0.0.1"), free_port({"127.0.0.1"})};
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

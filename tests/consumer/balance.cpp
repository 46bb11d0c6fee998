// SPDX-License-Identifier: Apache-2.0
// Relays 127.0.0.1:8104 to a real server for as long as its port answers, and says when that changes.
#include <balance/balancer.hpp>
#include <balance/text.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
    auto const port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 104);
    balance::virtual_service dicom{.name = "dicom", .mode = balance::mode::tcp, .address = {}, .ports = {{8104, 8104}}};
    dicom.address = balance::parse_address("127.0.0.1").value();
    dicom.balance = "wrr";
    dicom.servers = {{.name = "pacs1", .address = *dicom.address, .port = port}};

    boost::asio::io_context io;
    balance::balancer lb(io.get_executor());
    lb.on_event([](balance::health_event const& e) {
        std::cout << e.key.server << " is " << to_string(e.health) << ": " << e.last.reason << std::endl;
    });
    lb.apply({.services = {dicom}, .marks = {}}).value();
    io.run();
}

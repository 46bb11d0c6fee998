// SPDX-License-Identifier: Apache-2.0
// One node of a pair on the addresses given, without floating addresses: shows who becomes active. Ctrl-C hands over.
#include <cluster/node.hpp>

#include <csignal>
#include <iostream>

int main(int argc, char** argv) {
    if (argc != 5) {
        std::cerr << "usage: node primary|secondary LOCAL PEER KEYFILE\n";
        return 2;
    }
    cluster::node_settings s{.self = argv[1][0] == 'p' ? cluster::node_id::primary : cluster::node_id::secondary};
    s.name = argv[1];
    s.links = {{.name = "data", .interface = "", .local = boost::asio::ip::make_address(argv[2]),
                .peer = boost::asio::ip::make_address(argv[3])}};
    s.key = cluster::key::load(argv[4]).value();
    cluster::node node(std::move(s));
    node.on_event([](cluster::node_event const& e) { std::cout << e.text << std::endl; });
    sigset_t interrupt{};
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, nullptr); // before the node's thread is there
    node.start().value();
    node.set_local_health({.ready = true, .synchronised = true});
    int received = 0;
    sigwait(&interrupt, &received);
    node.leave();
}

// SPDX-License-Identifier: Apache-2.0
#include "guardian/listeners.hpp"
#include "ipc/records.hpp"
#include "ipc/values.hpp"
#include "loopback.hpp"
#include "proxy/process.hpp"
#include "support/event_wait.hpp"
#include "support/tcp_client.hpp"
#include "support/temporary_directory.hpp"
#include "worker_seat.hpp"

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>

using test::ask;
using test::free_endpoints;
using test::named_server;
using test::worker_seat;
namespace json = boost::json;

namespace {

std::string service(std::string const& name, std::uint16_t port, std::uint16_t server_port,
                    std::string const& more = {}) {
    return "[service." + name + "]\nmode = \"tcp\"\naddress = \"127.0.0.1\"\nports = [" + std::to_string(port) +
           "]\nbalance = \"wrr\"\ncheck = { type = \"connect\" }\n" + more + "[service." + name +
           ".server.A]\naddress = \"127.0.0.1\"\nport = " + std::to_string(server_port) + "\n";
}

json::array up(std::vector<std::string> const& services) {
    json::array states;
    for (auto const& name : services) {
        states.push_back(dyad::ipc::pack(balance::server_state{{name, "A"}, balance::health::up, {}}));
    }
    return states;
}

json::object relay_configuration(std::string const& services, json::array states) {
    return {{"type", "configure"},
            {"cluster_toml", "format = 1\n" + services},
            {"marks", json::array()},
            {"page_port", 9081},
            {"states", std::move(states)}};
}

/// Says nothing to those who connect.
class silent_server {
public:
    silent_server() : where_(free_endpoints(1)[0]), socket_(*dyad::open_listener(where_)) {}
    [[nodiscard]] std::uint16_t port() const noexcept { return where_.port; }
    /// Ends all connections.
    void hang_up() {
        for (int client = 0; (client = ::accept(socket_.get(), nullptr, nullptr)) >= 0;) {
            ::close(client);
        }
    }

private:
    balance::endpoint where_;
    dyad::ipc::descriptor socket_;
};

/// Waits for a status in which the service is as described.
bool reports(worker_seat& seat, std::string const& name,
             std::function<bool(balance::service_status const&)> const& so) {
    return seat
        .heard([&](json::object const& m) {
            if (m.at("type") != "status") {
                return false;
            }
            for (auto const& s : dyad::ipc::unpack_all<balance::service_status>(m, "services").value()) {
                if (s.name == name && so(s)) {
                    return true;
                }
            }
            return false;
        })
        .has_value();
}

} // namespace

TEST_CASE("the proxy process relays on the sockets it is given") {
    named_server const server("anna");
    auto const where = free_endpoints(1)[0];
    auto const socket = *dyad::open_listener(where);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    SECTION("sockets before the configuration") {
        seat.give({where}, {socket.get()});
        seat.say_as_cluster(relay_configuration(service("a", where.port, server.port()), up({"a"})));
    }
    SECTION("the configuration before its sockets") {
        seat.say_as_cluster(relay_configuration(service("a", where.port, server.port()), up({"a"})));
        seat.give({where}, {socket.get()});
    }
    CHECK(ask(where) == "anna");
    CHECK(reports(seat, "a", [](auto const& s) { return s.not_served.empty() && s.counters.connections == 1; }));
}

TEST_CASE("the access log goes into the file that the cluster process gives") {
    named_server const server("anna");
    auto const where = free_endpoints(1)[0];
    auto const socket = *dyad::open_listener(where);
    test::temporary_directory const directory;
    auto const path = directory.path() / "access.log";
    auto const text = [&] {
        std::ifstream in(path);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    seat.give({where}, {socket.get()});
    int const file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    seat.say_as_cluster({{"type", "access_log"}, {"journal", false}, {"rate", 100}}, std::array{file});
    ::close(file);
    seat.say_as_cluster(relay_configuration("[layer7]\naccess_log = { to = \"/x\" }\n" + service("a", where.port, server.port()), up({"a"})));
    CHECK(ask(where) == "anna");
    CHECK(test::eventually([&] { return text().find("service=\"a\" server=\"A\"") != std::string::npos; }));
}

TEST_CASE("the page answers clients of mode tcp when no server is left") {
    named_server const server("anna");
    auto const where = free_endpoints(2);
    auto const socket = *dyad::open_listener(where[0]);
    auto const page = *dyad::open_listener(where[1]);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    auto wanted = relay_configuration(service("a", where[0].port, server.port(), "fallback = \"local\"\n"), json::array());
    wanted["page_port"] = where[1].port;
    seat.say_as_cluster(wanted);
    seat.give(where, {socket.get(), page.get()});
    CHECK(ask(where[0], "GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    seat.say_as_cluster({{"type", "states"}, {"states", up({"a"})}});
    CHECK(reports(seat, "a", [](auto const& s) { return s.counters.connections == 1; }));
    CHECK(test::eventually([&] { return ask(where[0]) == "anna"; }));
}

TEST_CASE("the page answers for layer-4 services without servers, and only while they want it") {
    auto const where = free_endpoints(1)[0];
    auto const socket = *dyad::open_listener(where);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    std::string const layer4 = "[service.a]\nmode = \"nat\"\naddress = \"127.0.0.1\"\nports = [80]\n"
                               "check = { type = \"on\" }\n";
    auto with_page = relay_configuration(layer4 + "fallback = \"local\"\n", json::array());
    with_page["page_port"] = where.port;
    seat.say_as_cluster(with_page);
    seat.give({where}, {socket.get()});
    auto const answer = ask(where, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK(answer.find("Retry-After: 10\r\n") != std::string::npos);
    CHECK(answer.ends_with("</html>\n"));
    auto const head = ask(where, "HEAD / HTTP/1.0\r\n\r\n");
    CHECK(head.ends_with("\r\n\r\n"));
    CHECK(ask(where, "\x16\x03\x01 not HTTP\r\n\r\n").empty());
    CHECK(ask(where, "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x')).empty());
}

TEST_CASE("a proxy process follows the servers' states") {
    named_server const server("anna");
    auto const where = free_endpoints(1)[0];
    auto const socket = *dyad::open_listener(where);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    seat.give({where}, {socket.get()});
    seat.say_as_cluster(relay_configuration(service("a", where.port, server.port()), json::array()));
    CHECK(ask(where).empty()); // never checked: not used
    seat.say_as_cluster({{"type", "states"}, {"states", up({"a"})}});
    std::string answer;
    for (int i = 0; i < 100 && answer.empty(); ++i) { // the message may be on its way still
        answer = ask(where);
    }
    CHECK(answer == "anna");
}

TEST_CASE("a proxy process serves on after the cluster process died, and gives the next one its tables") {
    named_server const server("anna");
    auto const where = free_endpoints(1)[0];
    auto const socket = *dyad::open_listener(where);
    auto const sticky =
        service("a", where.port, server.port(), "persistence = { mode = \"source_ip\", timeout = \"300s\" }\n");
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    seat.give({where}, {socket.get()});
    seat.say_as_cluster(relay_configuration(sticky, up({"a"})));
    CHECK(ask(where) == "anna");
    auto const delta = seat.heard("records");
    REQUIRE(delta.has_value());
    auto const records = dyad::ipc::records_in(*delta).value();
    auto const& entries = records.entries;
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].server == "A");
    CHECK(entries[0].client.to_string() == "127.0.0.1");

    seat.lose_cluster();
    CHECK(ask(where) == "anna");
    seat.attach();
    seat.say_as_cluster(relay_configuration(sticky, up({"a"})));
    auto const snapshot = seat.heard("records");
    REQUIRE(snapshot.has_value());
    CHECK(dyad::ipc::records_in(*snapshot).value().entries.size() == 1);
}

TEST_CASE("a fresh proxy process takes over the tables of its predecessor") {
    named_server const server_a("anna");
    named_server const server_b("berta");
    auto const where = free_endpoints(1)[0];
    auto const socket = *dyad::open_listener(where);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    seat.give({where}, {socket.get()});
    auto const text =
        service("a", where.port, server_a.port(), "persistence = { mode = \"source_ip\", timeout = \"300s\" }\n") +
        "[service.a.server.B]\naddress = \"127.0.0.1\"\nport = " + std::to_string(server_b.port()) + "\n";
    auto states = up({"a"});
    states.push_back(dyad::ipc::pack(balance::server_state{{"a", "B"}, balance::health::up, {}}));
    balance::persistence_entry const known{"a", boost::asio::ip::make_address("127.0.0.1"), "B", 7,
                                           balance::milliseconds(60'000)};
    balance::persistence_writer writer;
    writer.add(balance::as_record(known));
    seat.say_as_cluster(dyad::ipc::records_message(writer.take()));
    seat.say_as_cluster(relay_configuration(text, states));
    for (int i = 0; i < 4; ++i) {
        CHECK(ask(where) == "berta");
    }
}

TEST_CASE("a socket that the guardian could not open leaves the other services alone") {
    named_server const server("anna");
    auto const two = free_endpoints(2);
    auto const& good = two[0];
    auto const& taken = two[1];
    auto const socket = *dyad::open_listener(good);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    seat.give({good}, {socket.get()}, {}, {taken});
    seat.say_as_cluster(relay_configuration(
        service("a", good.port, server.port()) + service("b", taken.port, server.port()), up({"a", "b"})));
    CHECK(ask(good) == "anna");
    CHECK(reports(seat, "b", [](auto const& s) { return s.not_served == "taken by another program"; }));
    CHECK(ask(taken).empty());
    auto const freed = *dyad::open_listener(taken);
    seat.give({taken}, {freed.get()});
    CHECK(ask(taken) == "anna");
    CHECK(reports(seat, "b", [](auto const& s) { return s.not_served.empty(); }));
}

TEST_CASE("a faulty configuration leaves what is served as it is") {
    named_server const server("anna");
    auto const where = free_endpoints(1)[0];
    auto const socket = *dyad::open_listener(where);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    seat.give({where}, {socket.get()});
    seat.say_as_cluster(relay_configuration(service("a", where.port, server.port()), up({"a"})));
    CHECK(ask(where) == "anna");
    seat.say_as_cluster(relay_configuration("[service.a]\nmode = \"fast\"\n", up({"a"})));
    seat.say_as_cluster({{"type", "configure"}});
    seat.say_as_cluster({{"type", "states"}, {"states", 5}});
    seat.say_as_cluster({{"type", "dance"}});
    seat.give({where}, {});
    CHECK(seat.heard("status").has_value());
    CHECK(ask(where) == "anna");
}

TEST_CASE("errors that clients meet at a server are told once there are as many as its service wants") {
    named_server const server("anna");
    auto const where = free_endpoints(2);
    auto const socket = *dyad::open_listener(where[0]);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    seat.give({where[0]}, {socket.get()});
    auto const broken = service("a", where[0].port, where[1].port, "observe = { errors = 3, on_error = \"down\" }\n"); // nobody listens there
    seat.say_as_cluster(relay_configuration(broken, up({"a"})));
    CHECK(reports(seat, "a", [](auto const& s) { return s.not_served.empty(); }));
    for (int i = 0; i < 3; ++i) {
        CHECK(ask(where[0]).empty());
    }
    auto const told = seat.heard("errors");
    REQUIRE(told.has_value());
    auto const all = dyad::ipc::unpack_all<dyad::ipc::error_report>(*told, "reports").value();
    REQUIRE(all.size() == 1);
    CHECK(all[0].key == balance::server_key{"a", "A"});
    CHECK(all[0].reason == "3 errors of clients' connections within 10 s");
    CHECK(all[0].take_down);
    CHECK(reports(seat, "a", [](auto const& s) { return s.exchanges.unreachable == 3; }));
}

TEST_CASE("a proxy process ends with its guardian and with SIGTERM") {
    worker_seat first(dyad::run_proxy_process);
    auto const how = first.after_guardian_is_gone();
    REQUIRE(how.has_value());
    CHECK(how->clean());
    worker_seat second(dyad::run_proxy_process);
    second.attach();
    second.say_as_cluster(relay_configuration("", {}));
    REQUIRE(second.heard("status").has_value()); // its handlers are in place
    auto const ended = second.after_signal(SIGTERM);
    REQUIRE(ended.has_value());
    CHECK(ended->clean());
}

TEST_CASE("a proxy process that is replaced finishes what it has, and ends") {
    silent_server server;
    auto const where = free_endpoints(2);
    auto const socket = *dyad::open_listener(where[0]);
    auto const page = *dyad::open_listener(where[1]);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    seat.give(where, {socket.get(), page.get()});
    auto const sticky = "persistence = { mode = \"source_ip\" }\nfallback = \"local\"\n";
    auto wanted = relay_configuration(service("a", where[0].port, server.port(), sticky), up({"a"}));
    wanted["page_port"] = where[1].port;
    seat.say_as_cluster(wanted);
    auto const serving = seat.told_guardian("serving");
    REQUIRE(serving);
    CHECK(serving->at("version").as_string() == DYAD_VERSION);
    test::tcp_client client(where[0].port, "127.0.0.1", "127.0.0.1");
    REQUIRE(reports(seat, "a", [](auto const& s) { return s.servers.at(0).active_connections == 1; }));
    seat.say_as_guardian({{"type", "retire"}, {"finish_within_ms", 60'000}});
    auto const retiring = seat.told_guardian("retiring");
    REQUIRE(retiring);
    CHECK(retiring->at("connections") == 1);
    seat.say_as_cluster(wanted); // it listens on nothing again
    for (auto const& e : where) {
        auto const left_waiting = test::tcp_client(e.port, "127.0.0.1", "127.0.0.1"); // in the queue of the guardian's socket
        CHECK(left_waiting.error() == 0);
    }

    SECTION("when the last connection ends; the last counters are told") {
        server.hang_up();
        CHECK(client.receive(1).empty());
        CHECK(client.error() == 0);
        client.close();
        CHECK(reports(seat, "a", [](auto const& s) { return s.servers.at(0).active_connections == 0 && s.counters.connections == 1; }));
    }
    SECTION("at its server's halt") {
        auto halted = balance::server_state{{"a", "A"}, balance::health::up, balance::admin_state::halt};
        seat.say_as_cluster({{"type", "states"}, {"states", json::array{dyad::ipc::pack(halted)}}});
        CHECK(client.receive(1).empty());
        CHECK(client.error() == ECONNRESET);
    }
    SECTION("at the reset of all clients") {
        seat.say_as_cluster({{"type", "reset_clients"}});
        CHECK(client.receive(1).empty());
        CHECK(client.error() == ECONNRESET);
    }
    SECTION("with SIGTERM") { CHECK(seat.after_signal(SIGTERM)->clean()); return; }
    auto const how = seat.end();
    REQUIRE(how);
    CHECK(how->clean());
}

TEST_CASE("a proxy process that is replaced cuts what does not end in time") {
    silent_server const server;
    auto const where = free_endpoints(1)[0];
    auto const socket = *dyad::open_listener(where);
    worker_seat seat(dyad::run_proxy_process);
    seat.attach();
    seat.give({where}, {socket.get()});
    seat.say_as_cluster(relay_configuration(service("a", where.port, server.port()), up({"a"})));
    REQUIRE(seat.told_guardian("serving"));
    test::tcp_client client(where.port, "127.0.0.1", "127.0.0.1");
    REQUIRE(reports(seat, "a", [](auto const& s) { return s.servers.at(0).active_connections == 1; }));
    seat.say_as_guardian({{"type", "retire"}, {"finish_within_ms", 300}});
    CHECK(client.receive(1).empty());
    CHECK(client.error() == ECONNRESET);
    CHECK(seat.end()->clean());
}

// SPDX-License-Identifier: Apache-2.0
#include "worker_seat.hpp"

#include "guardian/listeners.hpp"
#include "ipc/values.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/json/array.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace test {

namespace json = boost::json;
using dyad::ipc::channel;

worker_seat::worker_seat(dyad::child_entry const& entry)
    : child_(dyad::start_child({"worker", entry, {}, nullptr}).value()),
      guardian_(io_.get_executor(), std::move(child_.socket)) {
    guardian_.on_message([this](json::object m, auto&&) { to_guardian_.push_back(std::move(m)); });
    guardian_.start();
}

worker_seat::~worker_seat() {
    if (child_.pid > 0) {
        ::kill(child_.pid, SIGKILL);
        dyad::reap(child_);
    }
}

void worker_seat::attach() {
    auto sockets = dyad::ipc::socket_pair().value();
    int const theirs = sockets.second.get();
    guardian_.send({{"type", "attach"}, {"role", "worker"}, {"pid", child_.pid}, {"restarts", 0}}, {&theirs, 1});
    cluster_ = channel(io_.get_executor(), std::move(sockets.first));
    cluster_.on_message([this](json::object m, auto&&) { messages_.push_back(std::move(m)); });
    cluster_.start();
}

void worker_seat::give(std::vector<balance::endpoint> const& add, std::vector<int> const& sockets,
                       std::vector<balance::endpoint> const& remove, std::vector<balance::endpoint> const& failed) {
    auto failures = dyad::ipc::pack_all(failed);
    for (auto& failure : failures) {
        failure.get_object()["error"] = "taken by another program";
    }
    guardian_.send({{"type", "listeners"},
                    {"add", dyad::ipc::pack_all(add)},
                    {"remove", dyad::ipc::pack_all(remove)},
                    {"failed", std::move(failures)}},
                   sockets);
}

std::optional<json::object> worker_seat::heard(std::function<bool(json::object const&)> const& wanted) {
    return first_of(messages_, wanted);
}

std::optional<json::object> worker_seat::told_guardian(std::string const& type) {
    return first_of(to_guardian_, [&](json::object const& m) { return m.at("type").as_string() == type; });
}

std::optional<json::object> worker_seat::first_of(messages& heard, std::function<bool(json::object const&)> const& wanted) {
    auto const limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < limit) {
        auto const found = std::ranges::find_if(heard, wanted);
        if (found != heard.end()) {
            auto message = std::move(*found);
            heard.erase(found);
            return message;
        }
        io_.restart();
        io_.run_one_until(limit);
    }
    return std::nullopt;
}

std::optional<json::object> worker_seat::heard(std::string const& type) {
    return heard([&](json::object const& m) { return m.at("type").as_string() == type; });
}

std::optional<dyad::child_end> worker_seat::end() {
    pollfd ended{child_.pidfd.get(), POLLIN, 0};
    if (::poll(&ended, 1, 5000) != 1) {
        return std::nullopt;
    }
    auto const how = dyad::reap(child_);
    child_.pid = -1;
    return how;
}

std::optional<dyad::child_end> worker_seat::after_guardian_is_gone() {
    guardian_.close();
    return end();
}

std::optional<dyad::child_end> worker_seat::after_signal(int number) {
    ::kill(child_.pid, number);
    return end();
}

named_server::named_server(std::string name) {
    auto const socket = dyad::open_listener({boost::asio::ip::make_address("127.0.0.1"), 0}).value();
    boost::asio::ip::tcp::endpoint local;
    auto size = static_cast<socklen_t>(local.capacity());
    ::getsockname(socket.get(), local.data(), &size);
    port_ = local.port();
    int const fd = socket.get();
    auto const serve = [fd, name = std::move(name)](dyad::child_context) {
        pollfd client{fd, POLLIN, 0};
        while (::poll(&client, 1, -1) == 1) {
            dyad::ipc::descriptor const accepted(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
            ::send(accepted.get(), name.data(), name.size(), MSG_NOSIGNAL);
        }
        return 0;
    };
    child_ = dyad::start_child({"server", serve, {fd}, nullptr}).value();
}

named_server::~named_server() {
    ::kill(child_.pid, SIGKILL);
    dyad::reap(child_);
}

} // namespace test

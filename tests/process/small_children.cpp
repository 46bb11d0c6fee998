// SPDX-License-Identifier: Apache-2.0
#include "small_children.hpp"

#include "ipc/channel.hpp"
#include "ipc/values.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/json/serialize.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <map>
#include <memory>
#include <thread>

namespace test {

using dyad::ipc::channel;
using dyad::ipc::descriptor;
namespace json = boost::json;
namespace asio = boost::asio;

namespace {

std::string type_of(json::object const& m) { return std::string(m.at("type").as_string()); }

/// The rest of a message after its type, for the journal.
std::string details(json::object const& m) {
    json::object rest; // erase() would change the order
    for (auto const& [name, value] : m) {
        if (name != "type") {
            rest[name] = value;
        }
    }
    return json::serialize(rest);
}

void beat(std::atomic<std::uint64_t>& word) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    word.store(static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec));
}

} // namespace

int small_cluster(dyad::child_context ctx, cluster_manners const& manners, journal const& out) {
    out.write("cluster started " + std::to_string(::getpid()));
    if (manners.ends_at_once) {
        return *manners.ends_at_once;
    }
    asio::io_context io;
    channel guardian(io.get_executor(), descriptor(ctx.guardian_fd));
    std::map<std::int64_t, channel> workers; ///< by pid
    guardian.on_message([&](json::object m, std::vector<descriptor> descriptors) {
        out.write("cluster got " + type_of(m) + " " + details(m));
        if (type_of(m) == "attach") {
            auto const role = std::string(m.at("role").as_string());
            auto& worker = workers[m.at("pid").as_int64()] = channel(io.get_executor(), std::move(descriptors.at(0)));
            worker.on_message([&out, role](json::object, auto&&) { out.write("cluster linked to " + role); });
            worker.start();
            worker.send({{"type", "hello"}});
        } else if (type_of(m) == "reload") {
            guardian.send({{"type", "replace_proxy"}, {"id", 7}, {"finish_within_ms", 60'000}});
        } else if (type_of(m) == "stop" && !manners.ignores_stop) {
            guardian.send({{"type", "leaving"}});
            io.stop();
        }
    });
    guardian.on_closed([&](std::string const&) {
        out.write("cluster lost its guardian");
        io.stop();
    });
    guardian.start();
    for (auto const& message : manners.says) {
        guardian.send(message);
    }
    std::atomic<bool> done{false};
    std::thread heart([&] {
        while (manners.deadtime.count() > 0 && !done) {
            beat(*ctx.liveness);
            std::this_thread::sleep_for(manners.deadtime / 20);
        }
    });
    if (manners.deadtime.count() > 0) {
        guardian.send({{"type", "deadtime"}, {"ms", manners.deadtime.count()}});
    }
    io.run();
    done = true;
    heart.join();
    out.write("cluster ended");
    return 0;
}

namespace {

/// Accepts on one socket, one client after another.
struct door : std::enable_shared_from_this<door> {
    door(asio::io_context& io, int fd) : socket(io, fd) {}

    void open() {
        socket.async_wait(socket.wait_read, [self = shared_from_this()](boost::system::error_code ec) {
            if (ec) {
                return;
            }
            descriptor const client(::accept(self->socket.native_handle(), nullptr, nullptr));
            auto const line = std::to_string(::getpid());
            ::send(client.get(), line.data(), line.size(), MSG_NOSIGNAL);
            self->open();
        });
    }
    asio::posix::stream_descriptor socket;
};

} // namespace

int small_worker(dyad::child_context ctx, std::string const& name, journal const& out, bool serves) {
    out.write(name + " started " + std::to_string(::getpid()));
    asio::io_context io;
    channel guardian(io.get_executor(), descriptor(ctx.guardian_fd));
    channel cluster;
    std::map<balance::endpoint, std::shared_ptr<door>> doors;
    guardian.on_message([&](json::object m, std::vector<descriptor> descriptors) {
        out.write(name + " got " + type_of(m) + " " + details(m));
        if (type_of(m) == "attach") {
            cluster = channel(io.get_executor(), std::move(descriptors.at(0)));
            cluster.on_message([&](json::object, auto&&) { out.write(name + " linked"); });
            cluster.start();
            cluster.send({{"type", "hello"}});
            if (serves) {
                guardian.send({{"type", "serving"}, {"version", "4.5.6"}});
            }
            return;
        }
        if (type_of(m) == "retire") {
            for (auto const& [where, d] : doors) {
                ::close(d->socket.release()); // others have it too
            }
            doors.clear();
            guardian.send({{"type", "retiring"}, {"connections", 17}});
            return;
        }
        if (type_of(m) == "accept_anew") {
            return;
        }
        for (auto const& old : dyad::ipc::unpack_all<balance::endpoint>(m, "remove").value()) {
            doors.at(old)->socket.close();
            doors.erase(old);
        }
        auto const added = dyad::ipc::unpack_all<balance::endpoint>(m, "add").value();
        for (std::size_t i = 0; i < added.size(); ++i) {
            doors[added[i]] = std::make_shared<door>(io, descriptors.at(i).release());
            doors[added[i]]->open();
        }
        out.write(name + " has " + std::to_string(doors.size()) + " listeners");
    });
    guardian.on_closed([&](std::string const&) { io.stop(); });
    guardian.start();
    io.run();
    return 0;
}

} // namespace test

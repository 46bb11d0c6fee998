// SPDX-License-Identifier: Apache-2.0
#include "api/server.hpp"
#include "support/temporary_directory.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

namespace asio = boost::asio;

namespace {

/// A server on a socket of its own, run by a thread; what it answers is the request it understood.
struct fixture {
    test::temporary_directory directory;
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    dyad::api::server server{
        io.get_executor(),
        [](dyad::api::request r, dyad::api::respond done) {
            auto const wait = r.query.contains("wait") ? r.query["wait"] : "";
            done({200, {{"method", r.method}, {"path", r.path}, {"wait", wait}, {"body", r.body}, {"uid", r.who.uid}}});
        },
        {.max_body = 1000}};
    std::thread thread;

    fixture() {
        REQUIRE(server.listen(directory.path() / "rw", false));
        REQUIRE(server.listen(directory.path() / "ro", true));
        thread = std::thread([this] { io.run(); });
    }
    ~fixture() {
        asio::post(io, [this] { server.stop(); });
        work.reset();
        io.stop();
        thread.join();
    }

    std::string exchange(char const* socket_name, std::string const& bytes) {
        asio::io_context client_io;
        asio::local::stream_protocol::socket socket(client_io);
        socket.connect((directory.path() / socket_name).string());
        boost::system::error_code ec;
        asio::write(socket, asio::buffer(bytes), ec);
        std::string answer;
        asio::read(socket, asio::dynamic_buffer(answer), ec);
        return answer;
    }
};

std::string const one_shot = "Host: x\r\nConnection: close\r\n";

} // namespace

TEST_CASE("a request comes through with its query, body and the caller's uid") {
    fixture f;
    auto const got = f.exchange("rw", "GET /v1/status?wait=5&x HTTP/1.1\r\n" + one_shot + "\r\n");
    CHECK(got.find("200 OK") != std::string::npos);
    CHECK(got.find(R"("path":"/v1/status","wait":"5")") != std::string::npos);
    CHECK(got.find("\"uid\":" + std::to_string(::getuid())) != std::string::npos);

    for (auto const& [sent, read] : {std::pair{"a%20b%2Fc", "a b/c"}, std::pair{"%c3%9c", "\xc3\x9c"},
                                     std::pair{"100%", "100%"}, std::pair{"%4", "%4"}, std::pair{"%4x", "%4x"}}) {
        auto const escaped = f.exchange("rw", std::string("GET /?wait=") + sent + " HTTP/1.1\r\n" + one_shot + "\r\n");
        CHECK(escaped.find(std::string(R"("wait":")") + read + "\"") != std::string::npos);
    }

    auto const posted = f.exchange("rw", "POST /v1/x HTTP/1.1\r\n" + one_shot + "Content-Length: 7\r\n\r\n{\"a\":1}");
    CHECK(posted.find(R"("body":{"a":1})") != std::string::npos);
}

TEST_CASE("the read-only socket refuses everything but GET") {
    fixture f;
    CHECK(f.exchange("ro", "GET / HTTP/1.1\r\n" + one_shot + "\r\n").find("200 OK") != std::string::npos);
    CHECK(f.exchange("ro", "POST / HTTP/1.1\r\n" + one_shot + "\r\n").find("403 ") != std::string::npos);
}

TEST_CASE("bad requests are refused and cost nobody else anything") {
    fixture f;
    CHECK(f.exchange("rw", "POST / HTTP/1.1\r\n" + one_shot + "Content-Length: 4\r\n\r\nnope").find("400 ") !=
          std::string::npos);
    CHECK(f.exchange("rw", "DELETE / HTTP/1.1\r\n" + one_shot + "\r\n").find("405 ") != std::string::npos);
    CHECK(f.exchange("rw", "complete nonsense\r\n\r\n").find("200 OK") == std::string::npos);
    auto const large = "POST / HTTP/1.1\r\n" + one_shot + "Content-Length: 2000\r\n\r\n" + std::string(2000, ' ');
    CHECK(f.exchange("rw", large).find("200 OK") == std::string::npos);
    CHECK(f.exchange("rw", "GET / HTTP/1.1\r\n" + one_shot + "\r\n").find("200 OK") != std::string::npos);
}

TEST_CASE("the sockets are not for everybody") {
    fixture f;
    struct stat info {};
    REQUIRE(::stat((f.directory.path() / "rw").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0660);
}

TEST_CASE("a path that is too long for a socket is refused with the remedy") {
    asio::io_context io;
    dyad::api::server server(io.get_executor(), [](auto const&, auto const&) {});
    auto const refused = server.listen("/tmp/" + std::string(200, 'x'), false);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.find("--run-dir") != std::string::npos);
}

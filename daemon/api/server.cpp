// SPDX-License-Identifier: Apache-2.0
#include "api/server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace dyad::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using local = asio::local::stream_protocol;
using stream = beast::basic_stream<local, asio::any_io_executor>;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::deferred);

caller peer_of(local::socket& socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return {static_cast<std::uint32_t>(-1), 0};
    }
    return {credentials.uid, credentials.pid};
}

/// RFC 3986 §2.1. What is no escape stays as it is.
std::string unescaped(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        unsigned code = 0;
        bool const escape = text.front() == '%' && text.size() > 2;
        auto const digits = text.substr(1, 2);
        auto const read = escape ? std::from_chars(digits.data(), digits.data() + 2, code, 16).ptr : digits.data();
        bool const whole = escape && read == digits.data() + 2;
        out += whole ? static_cast<char>(code) : text.front();
        text.remove_prefix(whole ? 3 : 1);
    }
    return out;
}

std::map<std::string, std::string> parse_query(std::string_view text) {
    std::map<std::string, std::string> query;
    while (!text.empty()) {
        auto const item = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), item.size() + 1));
        auto const equals = item.find('=');
        query.emplace(item.substr(0, equals), equals == item.npos ? "" : unescaped(item.substr(equals + 1)));
    }
    return query;
}

/// The request in our own words, or what is wrong with it.
std::optional<response> understand(http::request<http::string_body> const& raw, bool read_only, request& out) {
    auto const target = std::string_view(raw.target());
    auto const question = target.find('?');
    out.method = std::string(std::string_view(raw.method_string()));
    out.path = std::string(target.substr(0, question));
    out.query = parse_query(question == target.npos ? std::string_view{} : target.substr(question + 1));
    if (raw.method() == http::verb::get) {
        return std::nullopt;
    }
    if (raw.method() != http::verb::post) {
        return refused(405, "the control API knows GET and POST only");
    }
    if (read_only) {
        return refused(403, "this socket only reads; use dyad.sock, which needs root or membership of group dyad");
    }
    if (raw.body().empty()) {
        return std::nullopt;
    }
    boost::system::error_code ec;
    auto value = boost::json::parse(raw.body(), ec);
    if (ec || !value.is_object()) {
        return refused(400, "the body of a POST must be a JSON object");
    }
    out.body = std::move(value.get_object());
    return std::nullopt;
}

template <class Token>
auto async_answer(handler const& handle, request r, asio::any_io_executor executor, Token&& token) {
    return asio::async_initiate<Token, void(response)>(
        [&handle, executor](auto done, request asked) {
            auto shared = std::make_shared<decltype(done)>(std::move(done));
            handle(std::move(asked), [shared, executor](response answer) {
                asio::post(executor, [shared, answer = std::move(answer)]() mutable { (*shared)(std::move(answer)); });
            });
        },
        token, std::move(r));
}

} // namespace

struct server::impl : std::enable_shared_from_this<impl> {
    impl(asio::any_io_executor e, handler h, server_settings s)
        : executor(std::move(e)), handle(std::move(h)), settings(s) {}

    /// Serves one connection; `place` is its place among those that its socket may have.
    asio::awaitable<void> serve(local::socket socket, bool read_only, std::shared_ptr<void> place);
    asio::awaitable<void> accept(std::shared_ptr<local::acceptor> acceptor, bool read_only);

    asio::any_io_executor executor;
    handler handle;
    server_settings settings;
    std::vector<std::pair<std::shared_ptr<local::acceptor>, std::filesystem::path>> acceptors;
    bool stopped = false;
};

asio::awaitable<void> server::impl::serve(local::socket socket, bool read_only, std::shared_ptr<void>) {
    auto const self = shared_from_this();
    auto const who = peer_of(socket);
    stream connection(std::move(socket));
    beast::flat_buffer buffer;
    for (bool keep = true; keep && !stopped;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(settings.max_body);
        connection.expires_after(settings.idle_timeout);
        auto [read_error, read_bytes] = co_await http::async_read(connection, buffer, parser, no_throw);
        if (read_error) {
            break;
        }
        connection.expires_never(); // a long poll may take its time
        request asked;
        asked.who = who;
        auto const fault = understand(parser.get(), read_only, asked);
        response answer;
        if (fault) {
            answer = *fault;
        } else {
            answer = co_await async_answer(handle, std::move(asked), executor, asio::deferred);
        }
        http::response<http::string_body> reply(http::int_to_status(answer.status), parser.get().version());
        reply.set(http::field::content_type, "application/json");
        reply.keep_alive(parser.get().keep_alive());
        reply.body() = boost::json::serialize(answer.body);
        reply.prepare_payload();
        keep = reply.keep_alive();
        connection.expires_after(settings.idle_timeout);
        auto [write_error, written] = co_await http::async_write(connection, reply, no_throw);
        if (write_error) {
            break;
        }
    }
}

asio::awaitable<void> server::impl::accept(std::shared_ptr<local::acceptor> acceptor, bool read_only) {
    auto const self = shared_from_this();
    asio::steady_timer pause(executor);
    auto const seats = std::make_shared<char>(); // its owners are the connections, and this function
    while (acceptor->is_open()) {
        if (static_cast<std::size_t>(seats.use_count()) > settings.max_connections) {
            pause.expires_after(std::chrono::milliseconds(20));
            co_await pause.async_wait(no_throw);
            continue;
        }
        auto [ec, socket] = co_await acceptor->async_accept(no_throw);
        if (ec == asio::error::operation_aborted) {
            break;
        }
        if (ec) {
            pause.expires_after(std::chrono::milliseconds(100)); // out of descriptors, most likely
            co_await pause.async_wait(no_throw);
            continue;
        }
        asio::co_spawn(executor, serve(std::move(socket), read_only, seats), asio::detached);
    }
}

server::server(asio::any_io_executor executor, handler h, server_settings s)
    : impl_(std::make_shared<impl>(std::move(executor), std::move(h), s)) {}

server::~server() {
    if (impl_) {
        stop();
    }
}

server::server(server&&) noexcept = default;
server& server::operator=(server&&) noexcept = default;

balance::result<> server::listen(std::filesystem::path const& path, bool read_only) {
    auto const failed = [&](char const* what) {
        return balance::make_error(balance::errc::io_error,
                                   "control socket " + path.string() + ": " + what + ": " + std::strerror(errno));
    };
    if (path.native().size() >= sizeof(sockaddr_un::sun_path)) {
        return balance::make_error(balance::errc::invalid_configuration,
                                   "control socket " + path.string() +
                                       ": the path is longer than a unix socket's may be; choose a shorter --run-dir");
    }
    ::unlink(path.c_str());
    auto acceptor = std::make_shared<local::acceptor>(impl_->executor);
    boost::system::error_code ec;
    acceptor->open(local(), ec);
    auto const old_mask = ::umask(0117);
    acceptor->bind(local::endpoint(path.string()), ec);
    ::umask(old_mask);
    if (ec) {
        return balance::make_error(balance::errc::io_error, "control socket " + path.string() + ": " + ec.message());
    }
    if (auto const* group = ::getgrnam("dyad"); group && ::chown(path.c_str(), static_cast<uid_t>(-1), group->gr_gid)) {
        return failed("cannot give it to group dyad");
    }
    acceptor->listen(64, ec);
    if (ec) {
        return balance::make_error(balance::errc::io_error, "control socket " + path.string() + ": " + ec.message());
    }
    impl_->acceptors.emplace_back(acceptor, path);
    asio::co_spawn(impl_->executor, impl_->accept(acceptor, read_only), asio::detached);
    return {};
}

void server::stop() {
    impl_->stopped = true;
    for (auto const& [acceptor, path] : std::exchange(impl_->acceptors, {})) {
        boost::system::error_code ignored;
        acceptor->close(ignored);
        ::unlink(path.c_str());
    }
}

} // namespace dyad::api

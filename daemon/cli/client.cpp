// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cli/client.hpp>

#include <optional>

namespace dyad::cli {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using balance::errc;
using balance::make_error;
using boost::system::error_code;
using unix_socket = asio::local::stream_protocol::socket;

constexpr std::uint64_t largest_answer = 64u << 20;

/// One request on a connected socket.
class exchange {
public:
    exchange(asio::io_context& io, unix_socket& socket, http::request<http::string_body> request)
        : io_(io), socket_(socket), request_(std::move(request)) {
        parser_.body_limit(largest_answer);
    }

    error_code run() {
        http::async_write(socket_, request_, [this](error_code ec, std::size_t) {
            if (ec) {
                result_ = ec;
                return;
            }
            http::async_read(socket_, buffer_, parser_, [this](error_code read_ec, std::size_t) { result_ = read_ec; });
        });
        io_.run_for(client::patience);
        return result_.value_or(asio::error::timed_out);
    }

    [[nodiscard]] unsigned status() const { return parser_.get().result_int(); }
    [[nodiscard]] std::string const& body() const { return parser_.get().body(); }

private:
    asio::io_context& io_;
    unix_socket& socket_;
    http::request<http::string_body> request_;
    boost::beast::flat_buffer buffer_;
    http::response_parser<http::string_body> parser_;
    std::optional<error_code> result_;
};

/// Connects to dyad.sock; a reader who may not falls back to dyad-ro.sock.
error_code connect(unix_socket& socket, std::filesystem::path const& run_dir, bool reading) {
    error_code ec;
    for (auto const* name : {"dyad.sock", "dyad-ro.sock"}) {
        auto const path = (run_dir / name).string();
        if (path.size() >= sizeof(sockaddr_un{}.sun_path)) {
            return asio::error::name_too_long;
        }
        socket.close(ec);
        socket.connect({path}, ec);
        if (ec != asio::error::access_denied || !reading) {
            break;
        }
    }
    return ec;
}

balance::error not_connected(error_code ec, std::filesystem::path const& run_dir) {
    auto const socket = (run_dir / "dyad.sock").string();
    if (ec == asio::error::access_denied) {
        return make_error(errc::not_permitted, "you may not use " + socket + "; run as root, or join the group dyad");
    }
    if (ec == asio::error::connection_refused || ec == boost::system::errc::no_such_file_or_directory ||
        ec == boost::system::errc::not_a_directory) {
        return make_error(errc::not_found,
                          "no daemon answers on " + socket +
                              "; start it with `systemctl start dyadd`, or name its directory with --run-dir");
    }
    return make_error(errc::io_error, socket + ": " + ec.message());
}

balance::error refusal(unsigned status, json::value const& document) {
    std::string text;
    auto const* object = document.if_object();
    auto const add = [&text](json::value const& line) {
        if (auto const* s = line.if_string()) {
            text += (text.empty() ? "" : "\n") + std::string(*s);
        }
    };
    if (auto const* faults = object != nullptr ? object->if_contains("faults") : nullptr;
        faults != nullptr && faults->is_array()) {
        for (auto const& f : faults->get_array()) {
            add(f);
        }
    }
    if (auto const* error = object != nullptr ? object->if_contains("error") : nullptr) {
        add(*error);
    }
    return make_error(errc::refused,
                      text.empty() ? "the daemon answered HTTP " + std::to_string(status) + " without a reason" : text);
}

balance::result<json::object> ask(std::filesystem::path const& run_dir, http::verb verb, std::string const& target,
                                  std::string body) {
    asio::io_context io;
    unix_socket socket(io);
    if (auto const ec = connect(socket, run_dir, verb == http::verb::get)) {
        return not_connected(ec, run_dir);
    }
    http::request<http::string_body> request(verb, target, 11);
    request.set(http::field::host, "dyad");
    request.set(http::field::connection, "close");
    if (verb != http::verb::get) {
        request.set(http::field::content_type, "application/json");
        request.body() = std::move(body);
    }
    request.prepare_payload();
    exchange one(io, socket, std::move(request));
    if (auto const ec = one.run(); ec == asio::error::timed_out) {
        return make_error(errc::timed_out,
                          "the daemon did not answer within " + std::to_string(client::patience.count()) + " s");
    } else if (ec) {
        return make_error(errc::protocol_error, "the daemon broke the connection off: " + ec.message());
    }
    error_code ec;
    auto document = json::parse(one.body(), ec);
    if (one.status() >= 400) {
        return refusal(one.status(), document);
    }
    if (ec || !document.is_object()) {
        return make_error(errc::protocol_error,
                          "the daemon's answer is no JSON object; are `dyad` and `dyadd` of one version?");
    }
    return std::move(document.get_object());
}

} // namespace

std::string escaped(std::string_view value) {
    std::string out;
    for (char const c : value) {
        auto const u = static_cast<unsigned char>(c);
        bool const plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                           c == '-' || c == '.' || c == '~';
        if (plain) {
            out += c;
        } else {
            out.append("%").append(1, "0123456789ABCDEF"[u >> 4]).append(1, "0123456789ABCDEF"[u & 15]);
        }
    }
    return out;
}

balance::result<json::object> client::get(std::string const& target) const {
    return ask(run_dir_, http::verb::get, target, {});
}

balance::result<json::object> client::post(std::string const& target, json::object const& body) const {
    return ask(run_dir_, http::verb::post, target, json::serialize(body));
}

} // namespace dyad::cli

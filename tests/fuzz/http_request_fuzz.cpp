// SPDX-License-Identifier: Apache-2.0
// Whatever a client sends over a connection of mode http, read as a session reads it: the same requests in whatever pieces it
// comes, and each that is passed on is one request to those behind us, with the body that we saw. The first byte chooses.
#include "core/http_body.hpp"
#include "core/http_forward.hpp"
#include "fuzz/insist.hpp"
#include "fuzz/other_readers.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace http = balance::core::http;
using fuzz::insist;
using finding = http::head_finder::outcome;

constexpr std::size_t longest_head = 2048;
constexpr std::size_t most_added = 8; ///< fields that a proxy puts of its own
constexpr std::string_view own_cookie = "SERVERID";

struct passed_on {
    std::string head; ///< as it came
    std::string body; ///< with its chunk sizes
    bool whole = false;

    bool operator==(passed_on const&) const = default;
};

struct conversation {
    std::vector<passed_on> requests;
    bool refused = false;

    bool operator==(conversation const&) const = default;
};

/// One connection, whose bytes come in pieces of that size.
class session {
public:
    void feed(std::string_view piece) {
        unread_ += piece;
        while (!said_.refused && step()) {
        }
    }
    [[nodiscard]] conversation const& said() const noexcept { return said_; }

private:
    /// True when there may be more to do with what is there.
    bool step() {
        if (within_body_) {
            auto const n = body_.take(unread_);
            insist(n <= unread_.size());
            said_.requests.back().body += unread_.substr(0, n);
            unread_.erase(0, n);
            said_.refused = body_.failed();
            if (!body_.complete())
                return false;
            said_.requests.back().whole = true;
            within_body_ = false;
        }
        auto const found = finder_.look(unread_);
        if ((found == finding::complete ? finder_.end() : unread_.size()) > longest_head || found == finding::malformed) {
            said_.refused = true;
            return false;
        }
        return found == finding::complete && take_request();
    }

    bool take_request() {
        insist(finder_.begin() < finder_.end() && finder_.end() <= unread_.size());
        std::string const head = unread_.substr(finder_.begin(), finder_.end() - finder_.begin());
        http::request r;
        auto const status = http::parse(head, r);
        insist(status == 0 || (status >= 400 && status <= 505));
        if (status != 0) {
            said_.refused = true;
            return false;
        }
        body_.start(r);
        said_.requests.push_back({head, {}, false});
        unread_.erase(0, finder_.end());
        finder_.reset();
        within_body_ = true;
        return true;
    }

    std::string unread_;
    http::head_finder finder_;
    http::body_reader body_;
    bool within_body_ = false;
    conversation said_;
};

std::string printed(http::request const& r, http::onward_request const& how) {
    std::array<char, 3 * longest_head> space;
    http::writer out(space);
    http::write(out, r, how);
    insist(!out.overflow());
    return {space.data(), out.size()};
}

/// Fields of one connection alone, and those that only a proxy may say.
void check_fields(http::request const& r, http::onward_request const& how) {
    for (auto const& f : r.fields.all()) {
        insist(http::is_token(f.name) && http::is_field_value(f.value));
        for (std::string_view const gone : {"te", "keep-alive", "proxy-connection", "http2-settings", "proxy-authorization"})
            insist(!http::same(f.name, gone));
        insist(!http::same(f.name, "forwarded") || !how.forwarded.empty() || how.keeps_forwarded);
        insist(!http::same(f.name, "x-forwarded-proto") || f.value == "https");
    }
    insist(how.own_cookie.empty() || (http::cookie_number(r.fields, own_cookie) == 0 && http::cookie_value(r.fields, own_cookie).empty()));
    insist(!http::offers_h2c(r.fields));
}

/// What the server gets says the same as what came, whoever reads it.
void check_printed(passed_on const& p, http::onward_request const& how) {
    http::request r;
    insist(http::parse(p.head, r) == 0);
    auto const head = printed(r, how);
    if (r.fields.all().size() + most_added > http::field_list::most)
        return;
    http::head_finder finder;
    insist(finder.look(head) == finding::complete && finder.begin() == 0 && finder.end() == head.size());
    http::request again;
    insist(http::parse(head, again) == 0);
    insist(again.method == r.method && again.target == r.target && again.minor == r.minor);
    insist(again.host == r.host && again.framing == r.framing && again.length == r.length);
    insist(again.expects_continue == r.expects_continue && again.upgrade == http::asks_upgrade(r));
    check_fields(again, how);
    if (how.forwarded.empty() && how.forwarded_for.empty() && !how.secure)
        insist(printed(again, {.keeps_forwarded = true, .close = again.close}) == head);
    if (!p.whole)
        return;
    for (auto const h : fuzz::habits) {
        auto const behind_us = head + p.body;
        auto const m = fuzz::other_reader(behind_us + "GET /next HTTP/1.1\r\n\r\n", h).read(fuzz::unsaid::no_body, false);
        insist(m && m->size == behind_us.size());
        insist(m->head == head.size());
        insist(m->first_line == head.substr(0, head.find('\r')));
    }
}

conversation held_in_pieces(std::string_view bytes, std::size_t piece) {
    session s;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
        s.feed(bytes.substr(at, piece));
    return s.said();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    constexpr std::size_t most = 8192;
    if (size == 0 || size > most)
        return 0;
    unsigned const choice = data[0];
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    auto const whole = held_in_pieces(bytes, std::max<std::size_t>(bytes.size(), 1));
    insist(held_in_pieces(bytes, 1) == whole);
    insist(held_in_pieces(bytes, 2 + choice % 61) == whole);
    http::onward_request const how{.forwarded_for = (choice & 1) != 0 ? "192.0.2.1" : "",
                                   .only_client = (choice & 2) != 0,
                                   .forwarded = (choice & 4) != 0 ? "2001:db8::1" : "",
                                   .keeps_forwarded = (choice & 8) != 0,
                                   .close = (choice & 16) != 0,
                                   .own_cookie = (choice & 32) != 0 ? own_cookie : "",
                                   .secure = (choice & 64) != 0};
    for (auto const& p : whole.requests)
        check_printed(p, how);
    return 0;
}

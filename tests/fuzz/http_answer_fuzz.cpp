// SPDX-License-Identifier: Apache-2.0
// Whatever a real server answers in mode http, read as a session reads it: the same in whatever pieces it comes, and what the
// client gets is one answer to it, with the body that we saw. The first byte chooses.
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
constexpr unsigned switching = 101;

struct answers {
    std::vector<std::string> heads; ///< as they came, interim ones too; the last is the answer when `final`
    bool final = false;
    std::string body; ///< with its chunk sizes
    bool whole = false;
    bool refused = false;

    bool operator==(answers const&) const = default;
};

class session {
public:
    explicit session(bool to_head) : to_head_(to_head) {}

    void feed(std::string_view piece) {
        unread_ += piece;
        while (!said_.refused && !said_.whole && step()) {
        }
    }
    answers ended() {
        if (said_.final && body_.ends_with_connection())
            said_.whole = true;
        return said_;
    }

private:
    bool step() {
        if (said_.final) {
            auto const n = body_.take(unread_);
            insist(n <= unread_.size());
            said_.body += unread_.substr(0, n);
            unread_.erase(0, n);
            said_.refused = body_.failed();
            said_.whole = body_.complete();
            return false;
        }
        auto const found = finder_.look(unread_);
        if ((found == finding::complete ? finder_.end() : unread_.size()) > longest_head || found == finding::malformed)
            said_.refused = true;
        return found == finding::complete && !said_.refused && take_answer();
    }

    bool take_answer() {
        std::string const head = unread_.substr(finder_.begin(), finder_.end() - finder_.begin());
        http::response r;
        said_.refused = !http::parse(head, to_head_, r);
        if (said_.refused)
            return false;
        insist(r.status >= 100 && r.status <= 599);
        insist(!(to_head_ || r.status < 200 || r.status == 204 || r.status == 304) || r.framing == http::framing::none);
        insist(r.framing != http::framing::chunked || r.minor == 1);
        said_.heads.push_back(head);
        said_.final = r.status >= 200 || r.status == switching;
        body_.start(r);
        unread_.erase(0, finder_.end());
        finder_.reset();
        return true;
    }

    bool to_head_;
    std::string unread_;
    http::head_finder finder_;
    http::body_reader body_;
    answers said_;
};

std::string printed(http::response const& r, http::onward_response const& how) {
    std::array<char, 3 * longest_head> space;
    http::writer out(space);
    http::write(out, r, how);
    insist(!out.overflow());
    return {space.data(), out.size()};
}

/// The client can take it for what it is and nothing else; returns what it gets.
std::string check_printed(std::string const& came, bool to_head, http::onward_response const& how) {
    http::response r;
    insist(http::parse(came, to_head, r));
    auto head = printed(r, how);
    if (r.fields.all().size() + most_added > http::field_list::most)
        return head;
    http::head_finder finder;
    insist(finder.look(head) == finding::complete && finder.begin() == 0 && finder.end() == head.size());
    http::response again;
    insist(http::parse(head, to_head, again));
    insist(again.status == r.status && again.reason == r.reason && again.framing == r.framing);
    insist(again.length == r.length || again.framing == http::framing::chunked || r.status < 200 || r.status == 204);
    insist(r.status < 200 || again.close == how.close);
    unsigned lengths = 0;
    for (auto const& f : again.fields.all())
        if (http::same(f.name, "content-length") || (http::same(f.name, "transfer-encoding") && again.framing == http::framing::chunked))
            ++lengths;
    insist(lengths < 2);
    if (!how.cookie.empty() && r.status >= 200)
        insist(http::set_cookie_value(again.fields, how.cookie).size() == 16);
    return head;
}

answers held_in_pieces(std::string_view bytes, bool to_head, std::size_t piece) {
    session s(to_head);
    for (std::size_t at = 0; at < bytes.size(); at += piece)
        s.feed(bytes.substr(at, piece));
    return s.ended();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    constexpr std::size_t most = 8192;
    if (size == 0 || size > most)
        return 0;
    unsigned const choice = data[0];
    bool const to_head = (choice & 1) != 0;
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    auto const whole = held_in_pieces(bytes, to_head, std::max<std::size_t>(bytes.size(), 1));
    insist(held_in_pieces(bytes, to_head, 1) == whole);
    insist(held_in_pieces(bytes, to_head, 2 + choice % 61) == whole);
    http::onward_response const how{.client_minor = (choice & 2) != 0 ? 0u : 1u,
                                    .close = (choice & 4) != 0,
                                    .cookie = (choice & 8) != 0 ? "SERVERID" : "",
                                    .cookie_number = 0x0123456789abcdef,
                                    .secure = (choice & 16) != 0,
                                    .hsts = std::chrono::seconds((choice & 32) != 0 ? 600 : 0)};
    for (std::size_t i = 0; i < whole.heads.size(); ++i) {
        auto const head = check_printed(whole.heads[i], to_head, how);
        if (i + 1 != whole.heads.size() || !whole.final || !whole.whole)
            continue;
        http::response r;
        insist(http::parse(whole.heads[i], to_head, r));
        for (auto const h : fuzz::habits) {
            auto const m = fuzz::other_reader(head + whole.body, h).read(fuzz::unsaid::to_the_end, r.framing == http::framing::none);
            insist(m && m->head == head.size() && m->size == head.size() + whole.body.size());
        }
    }
    return 0;
}

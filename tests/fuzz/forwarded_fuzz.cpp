// SPDX-License-Identifier: Apache-2.0
// Whatever a client says in X-Forwarded-For and Forwarded: only relays that are trusted are believed, however the list is cut
// into fields, and what we append to Forwarded cannot be swallowed by what stands before. Lines of the input are fields.
#include "core/forwarded_client.hpp"
#include "core/subnet.hpp"
#include "fuzz/insist.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace http = balance::core::http;
using balance::address;
using balance::subnet;
using boost::asio::ip::make_address;
using fuzz::insist;

std::vector<std::string_view> cut(std::string_view text, char at) {
    std::vector<std::string_view> out;
    while (true) {
        auto const end = text.find(at);
        out.push_back(text.substr(0, end));
        if (end == text.npos)
            return out;
        text.remove_prefix(end + 1);
    }
}

address client_of(std::vector<std::string_view> const& values, address const& from, std::vector<subnet> const& trusted) {
    http::field_list fields;
    for (auto const v : values)
        insist(fields.add({"X-Forwarded-For", v}));
    return http::forwarded_client(fields, from, trusted);
}

void check_list(std::vector<std::string_view> const& values) {
    static std::vector<subnet> const trusted{{make_address("10.0.0.0"), 8}, {make_address("fd00::"), 8}};
    auto const relay = make_address("10.1.2.3");
    auto const stranger = make_address("192.0.2.7");
    insist(client_of(values, stranger, trusted) == stranger);
    insist(client_of(values, relay, {}) == relay);
    auto const client = client_of(values, relay, trusted);
    insist(!client.is_v6() || !client.to_v6().is_v4_mapped());
    std::string all;
    std::vector<std::string_view> words;
    for (auto const v : values) {
        all.append(all.empty() && &v == &values.front() ? "" : ",").append(v);
        for (auto const word : cut(v, ','))
            words.push_back(word);
    }
    bool const says_nothing = std::any_of(words.begin(), words.end(), [](auto w) { return w.empty(); });
    if (!says_nothing && words.size() <= http::field_list::most) {
        insist(client_of({all}, relay, trusted) == client);
        insist(client_of(words, relay, trusted) == client);
    }
    // Whoever speaks before a relay of ours speaks for what comes before: a stranger at the end of the list is the client.
    insist(client_of({all, "192.0.2.9"}, relay, trusted) == make_address("192.0.2.9"));
    insist(client_of({all, "unknown"}, relay, trusted) == relay);
    if (!says_nothing)
        insist(client_of({all, "10.9.9.9"}, relay, trusted) == (client == relay ? client_of({all}, make_address("10.9.9.9"), trusted) : client));
}

/// Is the end of the text outside of quotes, for one who reads nothing but quotes and backslashes?
bool ends_outside_quotes(std::string_view text) {
    bool within = false;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (within && text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            within = !within;
    return !within;
}

void check_forwarded(std::string_view value) {
    if (!http::is_whole_forwarded(value))
        return;
    insist(ends_outside_quotes(value));
    insist(http::is_whole_forwarded(std::string(value) + ", for=192.0.2.1;proto=http"));
    insist(!http::is_whole_forwarded(std::string(value) + ", for=\"192.0.2.1"));
    insist(http::is_whole_forwarded("for=192.0.2.1," + std::string(value)));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    constexpr std::size_t most = 4096;
    if (size > most)
        return 0;
    std::vector<std::string_view> values;
    for (auto line : cut({reinterpret_cast<char const*>(data), size}, '\n')) {
        if (!http::is_field_value(line) || values.size() == http::field_list::most)
            continue;
        values.push_back(line);
        check_forwarded(line);
    }
    if (!values.empty())
        check_list(values);
    return 0;
}

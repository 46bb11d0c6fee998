// SPDX-License-Identifier: Apache-2.0
#include "wire/pairing_codec.hpp"

#include "wire/replication_bytes.hpp"

#include <optional>
#include <utility>

namespace cluster::wire::pairing {
namespace {

using replication::reader;
using replication::writer;

void write_body(writer& w, ask const& m) {
    w.number(m.lowest);
    w.number(m.highest);
    w.text(m.name, max_name);
    w.number(m.heartbeat_port);
    w.number(m.replication_port);
    auto const count = std::min(m.links.size(), max_links);
    w.number(static_cast<std::uint8_t>(count));
    for (std::size_t i = 0; i < count; ++i)
        w.text(m.links[i], max_name);
}
void write_body(writer& w, answer const& m) {
    w.text(m.name, max_name);
    w.text(m.refusal, max_text);
}
void write_body(writer& w, secret const& m) { w.raw({reinterpret_cast<char const*>(m.key.data()), m.key.size()}); }
void write_body(writer& w, stored const& m) { w.text(m.failure, max_text); }

ask read_ask(reader& r) {
    ask m;
    m.lowest = r.number<std::uint16_t>();
    m.highest = r.number<std::uint16_t>();
    m.name = r.text(max_name);
    m.heartbeat_port = r.number<std::uint16_t>();
    m.replication_port = r.number<std::uint16_t>();
    auto const count = r.number<std::uint8_t>();
    if (count > max_links)
        r.fail();
    for (std::size_t i = 0; i < count && r.ok(); ++i)
        m.links.push_back(r.text(max_name));
    return m;
}

std::optional<message> read_body(std::uint8_t number, reader& r) {
    switch (number) {
    case 1:
        return read_ask(r);
    case 2: {
        auto name = r.text(max_name);
        return answer{std::move(name), r.text(max_text)};
    }
    case 3:
        return secret{r.hash()};
    case 4:
        return stored{r.text(max_text)};
    default:
        return std::nullopt;
    }
}

} // namespace

std::string encode(message const& m) {
    writer body;
    body.number(static_cast<std::uint8_t>(m.index() + 1));
    std::visit([&body](auto const& what) { write_body(body, what); }, m);
    writer frame;
    frame.blob(body.take());
    return frame.take();
}

balance::result<message> decode(std::string_view content) {
    reader r(content);
    auto const number = r.number<std::uint8_t>();
    auto m = read_body(number, r);
    // A later version may append to the first message, which is read before versions are compared.
    bool const whole = m && r.ok() && (r.at_end() || std::holds_alternative<ask>(*m));
    if (!whole)
        return balance::make_error(balance::errc::protocol_error,
                                   "the peer's pairing message " + std::to_string(number) +
                                       " is not understood; are both dyad of one version?");
    return std::move(*m);
}

} // namespace cluster::wire::pairing

// SPDX-License-Identifier: Apache-2.0
#include "wire/replication_codec.hpp"

#include "wire/replication_bytes.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace cluster::wire::replication {
namespace {

constexpr std::size_t header_size = 4;
constexpr std::size_t id_size = 4 + 8 + 32;

// ---- bodies, one `put` and one `get` for each message ----

void put(writer& w, hello const& m) {
    w.number(m.lowest);
    w.number(m.highest);
    w.number(static_cast<std::uint8_t>(m.id));
    w.number(m.instance);
    w.text(m.name, max_name);
    w.id(m.holds);
    if (!m.release.empty())
        w.text(m.release, max_name);
}
void put(writer&, alive const&) {}
void put(writer& w, prepare const& m) {
    w.id({m.content.version, m.hash});
    w.number(static_cast<std::uint64_t>(m.content.applied_at));
    w.text(m.content.applied_by, max_name);
    w.number(static_cast<std::uint16_t>(m.content.files.size()));
    for (auto const& [name, bytes] : m.content.files) {
        w.text(name, max_name);
        w.blob(bytes);
    }
}
void put(writer& w, prepared const& m) { w.id(m.id); }
void put(writer& w, refused const& m) {
    w.id(m.id);
    w.text(m.text, max_text);
}
void put(writer& w, commit const& m) { w.id(m.id); }
void put(writer& w, committed const& m) { w.id(m.id); }
void put(writer& w, abandon const& m) { w.id(m.id); }
void put(writer& w, document const& m) {
    w.text(m.content.name, max_label);
    w.number(m.content.stamp);
    w.number(static_cast<std::uint8_t>(m.content.writer));
    w.blob(m.content.bytes);
}
void put(writer& w, stream const& m) {
    w.text(m.channel, max_label);
    w.blob(m.bytes);
}
void put(writer& w, farewell const& m) { w.text(m.text, max_text); }

node_id node(reader& r) {
    auto const id = r.number<std::uint8_t>();
    if (id > static_cast<std::uint8_t>(node_id::secondary))
        r.fail();
    return r.ok() ? static_cast<node_id>(id) : node_id::none;
}

hello get_hello(reader& r) {
    hello m;
    m.lowest = r.number<std::uint16_t>();
    m.highest = r.number<std::uint16_t>();
    m.id = node(r);
    m.instance = r.number<std::uint64_t>();
    m.name = r.text(max_name);
    m.holds = r.id();
    // The first of what later releases appended. Anything else there is of one that nobody knows yet.
    auto after = r;
    auto release = after.text(max_name);
    if (after.ok() && std::all_of(release.begin(), release.end(), [](char c) { return c > ' ' && c <= '~'; }))
        m.release = std::move(release);
    return m;
}

prepare get_prepare(reader& r) {
    prepare m;
    auto const id = r.id();
    m.content.version = id.version;
    m.hash = id.hash;
    m.content.applied_at = static_cast<std::int64_t>(r.number<std::uint64_t>());
    m.content.applied_by = r.text(max_name);
    auto const count = r.number<std::uint16_t>();
    if (count > max_files)
        r.fail();
    for (std::size_t i = 0; i < count && r.ok(); ++i) {
        auto name = r.text(max_name);
        m.content.files.emplace_back(std::move(name), r.blob());
    }
    return m;
}

refused get_refused(reader& r) {
    auto const id = r.id();
    return {id, r.text(max_text)};
}

document get_document(reader& r) {
    document m;
    m.content.name = r.text(max_label);
    m.content.stamp = r.number<std::uint64_t>();
    m.content.writer = node(r);
    m.content.bytes = r.blob();
    if (m.content.name.empty())
        r.fail();
    return m;
}

stream get_stream(reader& r) {
    auto channel = r.text(max_label);
    if (channel.empty())
        r.fail();
    return {std::move(channel), r.blob()};
}

std::optional<message> get(std::uint8_t number, reader& r) {
    switch (number) {
    case 1: return get_hello(r);
    case 2: return alive{};
    case 3: return get_prepare(r);
    case 4: return prepared{r.id()};
    case 5: return get_refused(r);
    case 6: return commit{r.id()};
    case 7: return committed{r.id()};
    case 8: return abandon{r.id()};
    case 9: return get_document(r);
    case 10: return get_stream(r);
    case 11: return farewell{r.text(max_text)};
    default: return std::nullopt;
    }
}

error garbled(std::string what) {
    return balance::make_error(balance::errc::protocol_error, "the peer's replication message " + std::move(what));
}

} // namespace

std::string encode(message const& m) {
    writer w;
    if (auto const* p = std::get_if<prepare>(&m))
        w.reserve(prepare_size(p->content));
    w.number(std::uint32_t{0}); // the length, once it is known
    w.number(static_cast<std::uint8_t>(m.index() + 1));
    std::visit([&w](auto const& body) { put(w, body); }, m);
    auto frame = w.take();
    writer length;
    length.number(static_cast<std::uint32_t>(frame.size() - header_size));
    frame.replace(0, header_size, length.take());
    return frame;
}

std::size_t prepare_size(generation const& g) {
    std::size_t size = header_size + 1 + id_size + 8 + 2 + g.applied_by.size() + 2;
    for (auto const& [name, bytes] : g.files)
        size += 2 + name.size() + 4 + bytes.size();
    return size;
}

result<message> decode(std::string_view content) {
    reader r(content);
    auto const number = r.number<std::uint8_t>();
    auto m = get(number, r);
    if (!m)
        return garbled("has the unknown number " + std::to_string(number) + "; update this node's dyad");
    if (!r.ok())
        return garbled("number " + std::to_string(number) + " is shorter than its fields, or a field is out of range");
    // Later versions may append to the hello, which is read before versions are compared; to nothing else.
    if (!r.at_end() && !std::holds_alternative<hello>(*m))
        return garbled("number " + std::to_string(number) + " is longer than its fields");
    return std::move(*m);
}

void frame_reader::feed(std::string_view bytes) {
    buffer_.erase(0, begin_);
    begin_ = 0;
    buffer_.append(bytes);
}

result<std::string_view> frame_reader::next() {
    auto const rest = std::string_view(buffer_).substr(begin_);
    if (rest.size() < header_size)
        return std::string_view{};
    auto const length = reader(rest).number<std::uint32_t>();
    if (length == 0 || length > limit_)
        return garbled("claims " + std::to_string(length) + " bytes; 1 to " + std::to_string(limit_) + " are allowed");
    if (rest.size() - header_size < length)
        return std::string_view{};
    begin_ += header_size + length;
    return rest.substr(header_size, length);
}

} // namespace cluster::wire::replication

// SPDX-License-Identifier: Apache-2.0
#include "ipvs/attributes.hpp"

#include <linux/netlink.h>

#include <algorithm>

namespace balance::ipvs {
namespace {

constexpr std::size_t header_size = sizeof(nlattr);

constexpr std::size_t padded(std::size_t length) { return (length + NLA_ALIGNTO - 1) & ~std::size_t{NLA_ALIGNTO - 1}; }

void append(bytes& out, void const* data, std::size_t size) {
    auto const* first = static_cast<std::byte const*>(data);
    out.insert(out.end(), first, first + size);
}

} // namespace

void attribute_writer::put(std::uint16_t type, byte_span payload) {
    auto const size = std::min<std::size_t>(payload.size(), 0xffff - header_size);
    nlattr const header{static_cast<std::uint16_t>(header_size + size), type};
    append(*out_, &header, sizeof(header));
    append(*out_, payload.data(), size);
    out_->resize(padded(out_->size()));
}

void attribute_writer::put_string(std::uint16_t type, std::string_view text) {
    bytes payload;
    append(payload, text.data(), text.size());
    payload.push_back(std::byte{0});
    put(type, payload);
}

std::size_t attribute_writer::begin_nest(std::uint16_t type) {
    auto const start = out_->size();
    put(static_cast<std::uint16_t>(type | NLA_F_NESTED), {});
    return start;
}

void attribute_writer::end_nest(std::size_t start) {
    auto const length = static_cast<std::uint16_t>(out_->size() - start);
    std::memcpy(out_->data() + start, &length, sizeof(length));
}

std::string_view attribute::string() const {
    std::string_view const all(reinterpret_cast<char const*>(payload.data()), payload.size());
    return all.substr(0, all.find('\0'));
}

std::optional<attribute> attribute_reader::next() {
    if (left_.empty() || !intact_) {
        return std::nullopt;
    }
    nlattr header{};
    if (left_.size() < sizeof(header)) {
        intact_ = false;
        return std::nullopt;
    }
    std::memcpy(&header, left_.data(), sizeof(header));
    if (header.nla_len < header_size || header.nla_len > left_.size()) {
        intact_ = false;
        return std::nullopt;
    }
    attribute const out{static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
                        left_.subspan(header_size, header.nla_len - header_size)};
    left_ = left_.subspan(std::min(padded(header.nla_len), left_.size()));
    return out;
}

} // namespace balance::ipvs

// SPDX-License-Identifier: Apache-2.0
// Persistence entries as bytes between processes and nodes.
#include <balance/persistence.hpp>

#include <algorithm>
#include <utility>

namespace balance {
namespace {

constexpr char format_version = 1;

// What an item begins with.
constexpr std::uint8_t a_name = 0;
constexpr std::uint8_t a_record = 1; ///< with these bits beside it
constexpr std::uint8_t ipv6 = 2;
constexpr std::uint8_t cleared = 4;
constexpr std::uint8_t same_service = 8;
constexpr std::uint8_t same_server = 16;
constexpr std::uint8_t all_bits = a_record | ipv6 | cleared | same_service | same_server;

/// Far beyond "for ever" of a table, and far from where sums would overflow.
constexpr std::int64_t longest_remaining = std::int64_t{1} << 45;

/// Small numbers of either sign become small ones without: 0, -1, 1, -2 … -> 0, 1, 2, 3 …
constexpr std::uint64_t folded(std::uint64_t difference) noexcept {
    return difference << 1 ^ (0 - (difference >> 63));
}
constexpr std::uint64_t unfolded(std::uint64_t n) noexcept { return n >> 1 ^ (0 - (n & 1)); }

/// Seven bits a byte, the lowest first; all bytes but the last have the eighth.
void put_number(std::string& out, std::uint64_t n) {
    for (; n > 0x7f; n >>= 7)
        out.push_back(static_cast<char>(n | 0x80));
    out.push_back(static_cast<char>(n));
}

template <class Bytes>
void put_bytes(std::string& out, Bytes const& bytes) {
    out.append(reinterpret_cast<char const*>(bytes.data()), bytes.size());
}

/// Takes bytes from the front; after the first that is missing or wrong it only knows where that was.
class reader {
public:
    explicit reader(std::string_view bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] bool at_end() const noexcept { return at_ == bytes_.size(); }
    [[nodiscard]] bool failed() const noexcept { return why_ != nullptr; }
    [[nodiscard]] error failure() const {
        return make_error(errc::protocol_error, "persistence entries, byte " + std::to_string(at_) + ": " + why_);
    }
    void fail(char const* why) noexcept {
        if (why_ == nullptr)
            why_ = why;
    }

    std::uint8_t byte() noexcept {
        auto const one = piece(1);
        return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
    }
    std::uint64_t number() noexcept {
        std::uint64_t n = 0;
        for (unsigned shift = 0; shift < 64 && !failed(); shift += 7) {
            auto const next = byte();
            n |= std::uint64_t{next & 0x7fu} << shift;
            if (shift == 63 && next > 1)
                break;
            if ((next & 0x80) == 0)
                return n;
        }
        fail("a number beyond 64 bits");
        return 0;
    }
    std::string_view piece(std::size_t size) noexcept {
        if (failed() || bytes_.size() - at_ < size) {
            fail("the end is missing");
            return {};
        }
        at_ += size;
        return bytes_.substr(at_ - size, size);
    }
    /// All 0 when bytes are missing.
    template <class Address>
    Address address() noexcept {
        typename Address::bytes_type raw{};
        auto const from = piece(raw.size());
        std::copy(from.begin(), from.end(), raw.begin());
        return Address(raw);
    }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
    char const* why_ = nullptr;
};

std::string_view read_name(reader& in, std::vector<std::string_view> const& names) noexcept {
    auto const number = in.number();
    if (number >= names.size()) {
        in.fail("a name that was not given");
        return {};
    }
    return names[static_cast<std::size_t>(number)];
}

} // namespace

std::uint32_t persistence_writer::number_of(std::string_view name) {
    if (auto const found = names_.find(name); found != names_.end())
        return found->second;
    auto const number = static_cast<std::uint32_t>(names_.size());
    names_.emplace(name, number);
    bytes_.push_back(static_cast<char>(a_name));
    bytes_.push_back(static_cast<char>(static_cast<std::uint8_t>(name.size())));
    bytes_.append(name);
    return number;
}

void persistence_writer::add(persistence_record const& r) {
    auto const remaining = r.remaining.count();
    if (r.service.empty() || r.service.size() > longest_persistence_name || r.server.size() > longest_persistence_name || remaining <= 0)
        return;
    if (bytes_.empty())
        bytes_.push_back(format_version);
    bool const goes = r.server.empty();
    bool const old_service = service_.text == r.service;
    bool const old_server = !goes && server_.text == r.server;
    if (!old_service)
        service_ = {std::string(r.service), number_of(r.service)};
    if (!goes && !old_server)
        server_ = {std::string(r.server), number_of(r.server)};
    bytes_.push_back(static_cast<char>(a_record | (r.client.is_v6() ? ipv6 : 0) | (goes ? cleared : 0) |
                                       (old_service ? same_service : 0) | (old_server ? same_server : 0)));
    if (!old_service)
        put_number(bytes_, service_.number);
    if (!goes && !old_server)
        put_number(bytes_, server_.number);
    if (r.client.is_v6())
        put_bytes(bytes_, r.client.to_v6().to_bytes());
    else
        put_bytes(bytes_, r.client.to_v4().to_bytes());
    put_number(bytes_, folded(r.sequence - sequence_));
    auto const lasting = std::min(remaining, longest_remaining);
    put_number(bytes_, folded(static_cast<std::uint64_t>(lasting) - static_cast<std::uint64_t>(remaining_)));
    sequence_ = r.sequence;
    remaining_ = lasting;
}

std::string persistence_writer::take() {
    names_.clear();
    service_ = server_ = {};
    sequence_ = 0;
    remaining_ = 0;
    return std::exchange(bytes_, {});
}

result<std::vector<persistence_record>> read_persistence(std::string_view bytes) {
    std::vector<persistence_record> out;
    if (bytes.empty())
        return out;
    reader in(bytes);
    if (in.byte() != format_version)
        in.fail("another format than 1");
    std::vector<std::string_view> names;
    std::string_view server; // the last one named
    persistence_record r;
    std::uint64_t lasting = 0;
    while (!in.failed() && !in.at_end()) {
        auto const kind = in.byte();
        if (kind == a_name) {
            names.push_back(in.piece(in.byte()));
            if (names.back().empty())
                in.fail("a name without a letter");
            continue;
        }
        bool const goes = (kind & cleared) != 0;
        if ((kind & a_record) == 0 || (kind & ~all_bits) != 0 || (goes && (kind & same_server) != 0))
            in.fail("neither a name nor an entry");
        if ((kind & same_service) == 0)
            r.service = read_name(in, names);
        if (!goes && (kind & same_server) == 0)
            server = read_name(in, names);
        r.server = goes ? std::string_view() : server;
        if (r.service.empty() || (!goes && server.empty()))
            in.fail("the same name as before, but there was none");
        r.client = (kind & ipv6) != 0 ? address(in.address<boost::asio::ip::address_v6>())
                                      : address(in.address<boost::asio::ip::address_v4>());
        r.sequence += unfolded(in.number());
        lasting += unfolded(in.number());
        if (lasting == 0 || lasting > static_cast<std::uint64_t>(longest_remaining))
            in.fail("a time out of range");
        r.remaining = milliseconds(static_cast<std::int64_t>(lasting));
        out.push_back(r);
    }
    if (in.failed())
        return in.failure();
    return out;
}

} // namespace balance

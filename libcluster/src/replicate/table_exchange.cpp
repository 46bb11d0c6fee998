// SPDX-License-Identifier: Apache-2.0
#include <cluster/table_exchange.hpp>

#include <utility>

namespace cluster {
namespace {

using balance::errc;
using balance::make_error;

constexpr char knows = 1; ///< "I know the changes of that copy up to this one"
constexpr char tells = 2; ///< "these are my changes; with them you know up to this one"
constexpr char tells_last = 3; ///< the same, "and there are no more"

constexpr std::size_t head_size = 1 + 8 + 8;

std::string head(char kind, std::uint64_t instance, std::uint64_t change) {
    std::string out(1, kind);
    for (auto const number : {instance, change})
        for (unsigned shift = 64; shift > 0;)
            out.push_back(static_cast<char>(number >> (shift -= 8)));
    return out;
}

std::uint64_t number_at(std::string_view bytes, std::size_t place) noexcept {
    std::uint64_t n = 0;
    for (auto const byte : bytes.substr(place, 8))
        n = n << 8 | static_cast<std::uint8_t>(byte);
    return n;
}

} // namespace

table_exchange::table_exchange(balance::persistence_copy& copy, std::uint64_t instance, limits l)
    : copy_(&copy), instance_(instance), limits_(l) {}

std::string table_exchange::confirmation() const { return head(knows, peer_instance_, peer_change_); }

std::vector<std::string> table_exchange::connected() {
    disconnected();
    return {confirmation()};
}

std::vector<std::string> table_exchange::confirm() {
    unconfirmed_bytes_ = 0;
    return {confirmation()};
}

void table_exchange::disconnected() {
    unconfirmed_bytes_ = 0;
    following_ = false;
    has_all_ = false;
    under_way_.clear();
    bytes_under_way_ = 0;
}

std::vector<std::string> table_exchange::changed(std::int64_t now_ms) {
    std::vector<std::string> out;
    tell(out, now_ms);
    return out;
}

void table_exchange::tell(std::vector<std::string>& out, std::int64_t now_ms) {
    while (following_ && copy_->has_next() && bytes_under_way_ < limits_.under_way) {
        auto const until = copy_->next(limits_.message, now_ms, writer_);
        bool const last_word = !copy_->has_next() && !told_last_;
        if (!writer_.empty() || last_word) // else all of it came from the peer
            put(out, until);
    }
}

void table_exchange::put(std::vector<std::string>& out, std::uint64_t until) {
    told_last_ = !copy_->has_next();
    out.push_back(head(told_last_ ? tells_last : tells, instance_, until) + writer_.take());
    under_way_.push_back({until, out.back().size()});
    bytes_under_way_ += out.back().size();
}

balance::result<table_exchange::heard> table_exchange::take(std::string_view message, std::int64_t now_ms) {
    if (message.size() < head_size || message.front() < knows || message.front() > tells_last)
        return make_error(errc::protocol_error, "a message about persistence tables that this release does not know");
    auto const instance = number_at(message, 1);
    auto const change = number_at(message, 9);
    heard out;
    if (message.front() == knows) {
        peer_knows(out.answers, instance, change);
        tell(out.answers, now_ms);
        return out;
    }
    out.records = message.substr(head_size);
    auto const records = balance::read_persistence(out.records);
    peer_instance_ = instance;
    peer_change_ = change;
    has_all_ = has_all_ || message.front() == tells_last;
    unconfirmed_bytes_ += message.size();
    if (!records)
        return records.error();
    if (unconfirmed_bytes_ >= limits_.confirm)
        out.answers = confirm();
    copy_->merge(*records, balance::persistence_copy::source::peer, now_ms);
    tell(out.answers, now_ms);
    return out;
}

void table_exchange::peer_knows(std::vector<std::string>& out, std::uint64_t instance, std::uint64_t change) {
    bool const ours = instance == instance_ && change <= copy_->last_change();
    auto const known = ours ? change : 0;
    if (!following_) {
        following_ = true;
        if (!ours)
            whole_until_ = copy_->last_change();
        copy_->follow(known, whole_until_);
        put(out, known); // also when there is nothing to tell: it shall know whom it has heard
    }
    std::size_t count = 0;
    for (; count < under_way_.size() && under_way_[count].until <= known; ++count)
        bytes_under_way_ -= under_way_[count].bytes;
    under_way_.erase(under_way_.begin(), under_way_.begin() + static_cast<std::ptrdiff_t>(count));
}

bool table_exchange::peer_has_all() const noexcept { return following_ && under_way_.empty() && !copy_->has_next(); }

} // namespace cluster

// SPDX-License-Identifier: Apache-2.0
#include "proxy/http_stream.hpp"

#include <algorithm>
#include <cstring>

namespace balance::layer7 {
transfer http_stream::receive(relay_end& from) noexcept {
    if (!from.readable && from.tls == nullptr)
        return transfer::blocked;
    if (in_ == nullptr)
        in_ = pool_.take();
    if (!kept_ && sent_ == end_)
        begin_ = sent_ = ready_ = end_ = 0;
    if (end_ == pool_.buffer_size()) {
        std::memmove(in_, in_ + sent_, end_ - sent_); // what was kept cannot be kept any longer
        ready_ -= sent_;
        end_ -= sent_;
        begin_ = sent_ = 0;
        kept_ = false;
    }
    auto const [outcome, n] = layer7::receive(from, in_ + end_, pool_.buffer_size() - end_);
    end_ += n;
    ended = outcome == transfer::ended;
    return outcome;
}

transfer http_stream::send(relay_end& to, std::array<std::atomic<std::uint64_t>*, 2> const& counted) noexcept {
    while (has_to_send()) {
        auto const [outcome, n] =
            layer7::send(to, {{{head_ + head_sent_, head_size_ - head_sent_}, {in_ + sent_, ready_ - sent_}}});
        if (outcome != transfer::done)
            return outcome;
        auto const of_head = std::min(n, head_size_ - head_sent_);
        head_sent_ += of_head;
        sent_ += n - of_head;
        passed_ += n;
        for (auto* const counter : counted)
            if (counter != nullptr)
                add(*counter, n);
    }
    if (!kept_)
        begin_ = sent_;
    return transfer::done;
}

void http_stream::take_head(std::size_t size) noexcept {
    begin_ = sent_ = ready_ += size;
    kept_ = true;
    body_size_ = 0;
}

std::span<char> http_stream::head_space() {
    if (head_ == nullptr)
        head_ = pool_.take();
    return {head_, pool_.buffer_size()};
}

void http_stream::say(std::string_view words) {
    auto const space = head_space();
    auto const n = std::min(words.size(), space.size());
    std::copy_n(words.begin(), n, space.begin());
    begin_ = sent_ = ready_ = end_;
    kept_ = false;
    set_head(n);
}

bool http_stream::take_body() noexcept {
    auto const size = body.take(unread());
    ready_ += size;
    body_size_ += size;
    return !body.failed();
}

void http_stream::forget() noexcept {
    kept_ = false;
    begin_ = sent_;
}

void http_stream::release() noexcept {
    if (head_ != nullptr && head_sent_ == head_size_ && !kept_) {
        pool_.give(head_);
        head_ = nullptr;
        head_sent_ = head_size_ = 0;
    }
    if (in_ != nullptr && sent_ == end_ && !kept_) {
        pool_.give(in_);
        in_ = nullptr;
        begin_ = sent_ = ready_ = end_ = 0;
    }
}

void http_stream::clear() noexcept {
    forget();
    sent_ = end_;
    head_sent_ = head_size_;
    release();
    body = {};
    ended = false;
}

} // namespace balance::layer7

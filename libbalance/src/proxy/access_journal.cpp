// SPDX-License-Identifier: Apache-2.0
#include "proxy/access_journal.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace balance::layer7 {
namespace {

/// Written at once. Less than what the journal's socket takes whole, so that nobody's line comes between.
constexpr std::size_t chunk = 16'384;

constexpr std::chrono::milliseconds period{100};
constexpr std::chrono::seconds between_confessions{1};

} // namespace

access_journal::~access_journal() {
    open_ = false;
    {
        std::lock_guard const lock(mutex_);
        stopping_ = true;
    }
    news_.notify_one();
    if (thread_.joinable())
        thread_.join();
}

void access_journal::write_to(access_log where) {
    auto next = where.descriptor < 0 ? nullptr : std::make_shared<target>();
    if (next) {
        next->file = descriptor(where.descriptor);
        next->prefix = std::move(where.prefix);
    }
    std::lock_guard const lock(mutex_);
    if (next && !thread_.joinable()) {
        for (auto& r : rings_)
            r.bytes = std::make_unique<char[]>(ring::size);
        // Signals are the business of the program's other threads.
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        thread_ = std::thread([this] {
            ::pthread_setname_np(::pthread_self(), "access-log");
            run();
        });
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    if (!open_ || rate_ != where.rate)
        budget_ = where.rate;
    rate_ = where.rate;
    target_ = std::move(next);
    open_.store(target_ != nullptr, std::memory_order_release);
    news_.notify_one();
}

void access_journal::add(std::size_t thread, core::access_record const& r) noexcept {
    if (!is_open())
        return;
    if (rate_.load(std::memory_order_relaxed) != 0 && budget_.fetch_sub(1, std::memory_order_relaxed) <= 0)
        return drop(1);
    std::array<char, core::longest_record> line;
    auto const size = core::write(line, r);
    auto& to = rings_[thread];
    auto const at = to.written.load(std::memory_order_relaxed);
    auto const used = at - to.read.load(std::memory_order_acquire);
    if (ring::size - used < size)
        return drop(1);
    auto const place = at % ring::size;
    auto const first = std::min(size, ring::size - place);
    std::memcpy(to.bytes.get() + place, line.data(), first);
    std::memcpy(to.bytes.get(), line.data() + first, size - first);
    to.written.store(at + size, std::memory_order_release);
    if (used < ring::size / 2 && used + size >= ring::size / 2)
        news_.notify_one(); // once a half: else it comes by itself
}

void access_journal::run() {
    std::unique_lock lock(mutex_);
    std::shared_ptr<target const> before;
    while (true) {
        auto const wanted = target_;
        bool const last = stopping_;
        lock.unlock();
        auto const now = clock::now();
        earn(now);
        auto to = wanted ? wanted : std::exchange(before, nullptr); // the last lines before a log ended
        before = wanted;
        if (to) {
            for (auto& r : rings_)
                drain(r, *to);
            confess(now, *to);
            flush(*to);
        }
        to.reset(); // a log that has ended is closed before we wait for the next
        if (last)
            return;
        lock.lock();
        auto const fills = [](ring const& r) {
            return r.written.load(std::memory_order_relaxed) - r.read.load(std::memory_order_relaxed) >= ring::size / 2;
        };
        if (stopping_ || target_ != wanted || (target_ && std::any_of(rings_.begin(), rings_.end(), fills)))
            continue; // nobody notifies a second time of what came while we wrote
        if (target_)
            news_.wait_for(lock, period);
        else
            news_.wait(lock, [this] { return target_ != nullptr || stopping_; });
    }
}

/// A second's records at most are saved up.
void access_journal::earn(clock::time_point now) {
    auto const rate = rate_.load(std::memory_order_relaxed);
    auto const passed = std::min<clock::duration>(now - earned_at_, std::chrono::seconds(1));
    earned_at_ = now;
    if (rate == 0)
        return;
    auto const us = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(passed).count());
    auto const earned = us * rate + remainder_;
    remainder_ = earned % 1'000'000;
    auto const left = std::max<std::int64_t>(budget_.load(std::memory_order_relaxed), 0);
    budget_.store(std::min<std::int64_t>(left + static_cast<std::int64_t>(earned / 1'000'000), rate), std::memory_order_relaxed);
}

void access_journal::drain(ring& r, target const& to) {
    auto const end = r.written.load(std::memory_order_acquire);
    std::array<char, core::longest_record> line;
    for (auto at = r.read.load(std::memory_order_relaxed); at != end;) {
        std::size_t size = 0;
        do
            line[size] = r.bytes[(at + size) % ring::size];
        while (line[size++] != '\n' && size < line.size());
        at += size;
        put({line.data(), size}, to);
        r.read.store(at, std::memory_order_release);
    }
}

void access_journal::put(std::string_view line, target const& to) {
    if (out_.size() + line.size() + to.prefix.size() > chunk)
        flush(to);
    out_.append(to.prefix).append(line);
}

void access_journal::flush(target const& to) {
    if (out_.empty())
        return;
    if (std::exchange(torn_, false))
        out_.insert(out_.begin(), '\n');
    std::string_view left(out_);
    while (!left.empty()) {
        auto const n = ::write(to.file.get(), left.data(), left.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            torn_ = left.size() != out_.size() && out_[out_.size() - left.size() - 1] != '\n';
            drop(static_cast<std::uint64_t>(std::count(left.begin(), left.end(), '\n')));
            break;
        }
        left.remove_prefix(static_cast<std::size_t>(n));
    }
    out_.clear();
}

void access_journal::confess(clock::time_point now, target const& to) {
    auto const all = dropped();
    if (all == confessed_ || now - confessed_at_ < between_confessions)
        return;
    std::array<char, core::longest_record> line;
    put({line.data(), core::write_dropped(line, std::chrono::system_clock::now(), all - confessed_)}, to);
    confessed_ = all;
    confessed_at_ = now;
}

} // namespace balance::layer7

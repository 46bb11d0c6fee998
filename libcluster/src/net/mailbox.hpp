// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/unique_fd.hpp"

#include <sys/eventfd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>

namespace cluster::net {

/// Hands values from any thread to one reader, who waits on a descriptor. Neither side ever waits for the other: a
/// real-time reader must not depend on a lock that a preempted writer holds.
template <class T>
class mailbox {
public:
    mailbox() : wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (!wake_) {
            throw std::system_error(errno, std::generic_category(), "eventfd");
        }
    }
    mailbox(mailbox const&) = delete;
    mailbox& operator=(mailbox const&) = delete;
    ~mailbox() {
        take([](T&&) {});
    }

    /// Readable while something may be inside.
    [[nodiscard]] int descriptor() const noexcept { return wake_.get(); }

    void post(T value) {
        auto* const fresh = new letter{std::move(value), head_.load(std::memory_order_relaxed)};
        while (!head_.compare_exchange_weak(fresh->next, fresh, std::memory_order_release, std::memory_order_relaxed)) {
        }
        std::uint64_t const one = 1;
        [[maybe_unused]] auto const written =
            ::write(wake_.get(), &one, sizeof one); // fails only when it is awake anyway
    }

    /// Calls `reader` with everything inside, in the order in which it was posted. Reader's thread only.
    template <class F>
    void take(F&& reader) {
        std::uint64_t count = 0;
        [[maybe_unused]] auto const got = ::read(wake_.get(), &count, sizeof count);
        letter* newest_first = head_.exchange(nullptr, std::memory_order_acquire);
        letter* oldest_first = nullptr;
        while (newest_first != nullptr) {
            auto* const next = newest_first->next;
            newest_first->next = oldest_first;
            oldest_first = std::exchange(newest_first, next);
        }
        while (oldest_first != nullptr) {
            std::unique_ptr<letter> const opened{std::exchange(oldest_first, oldest_first->next)};
            reader(std::move(opened->value));
        }
    }

private:
    struct letter {
        T value;
        letter* next;
    };
    std::atomic<letter*> head_{nullptr};
    unique_fd wake_;
};

} // namespace cluster::net

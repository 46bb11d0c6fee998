// SPDX-License-Identifier: Apache-2.0
#include "guardian/shared_word.hpp"

#include <sys/mman.h>

#include <new>

namespace dyad {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a lock would not be shared between processes");

shared_word::shared_word() {
    auto* const page =
        ::mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        throw std::bad_alloc{};
    }
    word_ = new (page) std::atomic<std::uint64_t>(0);
}

shared_word::~shared_word() { ::munmap(word_, sizeof *word_); }

} // namespace dyad

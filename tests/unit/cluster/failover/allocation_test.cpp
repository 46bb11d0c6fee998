// SPDX-License-Identifier: Apache-2.0
#include "subject.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <new>

namespace {

std::size_t allocations = 0;

void* allocate(std::size_t size) noexcept {
    ++allocations;
    return std::malloc(size > 0 ? size : 1);
}

void* allocate_or_throw(std::size_t size) {
    if (void* p = allocate(size))
        return p;
    throw std::bad_alloc();
}

} // namespace

// All forms that do not align, so that none of a sanitizer's is paired with one of these.
void* operator new(std::size_t size) { return allocate_or_throw(size); }
void* operator new[](std::size_t size) { return allocate_or_throw(size); }
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, std::nothrow_t const&) noexcept { return allocate(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::nothrow_t const&) noexcept { std::free(p); }
void operator delete[](void* p, std::nothrow_t const&) noexcept { std::free(p); }

TEST_CASE("a running machine allocates nothing") {
    using namespace bench;
    subject x(node_id::primary, 3);
    x.active();
    std::vector<action> out;
    out.reserve(64);
    event const heard = heartbeat_received{1, says(node_state::passive, x.known()), 0};
    std::size_t const before = allocations;
    for (int ms = 10; ms < 2000; ms += 10) {
        out.clear();
        x.get().step(subject::point(ms), heard, out);
        if (x.get().deadline() <= subject::point(ms))
            x.get().step(subject::point(ms), timer_expired{}, out);
    }
    x.get().step(subject::point(2000), operator_request{request::handover, 1}, out);
    x.get().step(subject::point(2001), addresses_released{true}, out);
    CHECK(allocations == before);
    CHECK(x.state() == node_state::passive);
}

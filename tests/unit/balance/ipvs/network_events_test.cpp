// SPDX-License-Identifier: Apache-2.0
#include "ipvs/network_events.hpp"

#include <catch2/catch.hpp>

#include <linux/rtnetlink.h>

#include <array>
#include <span>

using namespace balance::ipvs;

namespace {

/// One message of rtnetlink about an address.
bytes notice(std::uint16_t type, int interface, std::array<std::uint8_t, 4> address, std::uint32_t valid_seconds = 60) {
    attribute_writer write;
    write.put_value(IFA_LOCAL, address);
    write.put_value(IFA_CACHEINFO, ifa_cacheinfo{valid_seconds, valid_seconds, 0, 0});
    auto const attributes = write.take();
    ifaddrmsg const head{2, 32, 0, 0, static_cast<unsigned>(interface)};
    nlmsghdr const header{static_cast<std::uint32_t>(sizeof(nlmsghdr) + sizeof head + attributes.size()), type, 0, 0,
                          0};
    bytes out;
    for (auto const part :
         {std::as_bytes(std::span(&header, 1)), std::as_bytes(std::span(&head, 1)), byte_span(attributes)}) {
        out.insert(out.end(), part.begin(), part.end());
    }
    return out;
}

} // namespace

TEST_CASE("an address that is only renewed is no news") {
    address_ledger ledger;
    CHECK(ledger.take(notice(RTM_NEWADDR, 2, {10, 0, 0, 1})));
    CHECK_FALSE(ledger.take(notice(RTM_NEWADDR, 2, {10, 0, 0, 1}, 30)));
    CHECK(ledger.take(notice(RTM_NEWADDR, 3, {10, 0, 0, 1})));
    CHECK(ledger.take(notice(RTM_NEWADDR, 2, {10, 0, 0, 2})));
    CHECK(ledger.take(notice(RTM_DELADDR, 2, {10, 0, 0, 1})));
    CHECK(ledger.take(notice(RTM_NEWADDR, 2, {10, 0, 0, 1})));
}

TEST_CASE("several notices in one datagram are all looked at") {
    address_ledger ledger;
    auto both = notice(RTM_NEWADDR, 2, {10, 0, 0, 1});
    ledger.take(both);
    auto const other = notice(RTM_NEWADDR, 2, {10, 0, 0, 2});
    both.insert(both.end(), other.begin(), other.end());
    CHECK(ledger.take(both));
    CHECK_FALSE(ledger.take(both));
}

TEST_CASE("what is not understood, and a loss, are news") {
    address_ledger ledger;
    ledger.take(notice(RTM_NEWADDR, 2, {10, 0, 0, 9}));
    CHECK(ledger.take({}));
    CHECK(ledger.take(notice(RTM_NEWADDR, 2, {10, 0, 0, 9}))); // it may have been away
    CHECK(ledger.take(notice(RTM_NEWLINK, 2, {})));
    auto cut = notice(RTM_NEWADDR, 2, {10, 0, 0, 1});
    ledger.take(cut);
    cut.resize(cut.size() - 4);
    CHECK(ledger.take(cut));
    for (std::size_t size = 0; size < sizeof(nlmsghdr); ++size) {
        ledger.take(byte_span(cut).first(size)); // never reads past the end
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "conntrack/restorer.hpp"
#include "samples.hpp"

#include <catch2/catch.hpp>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

using namespace sample;
using balance::result;

namespace {

/// Connection tracking as the kernel does it: a tuple belongs to one connection.
class memory_kernel final : public kernel {
public:
    result<std::vector<int>> write(std::span<bytes const> requests) override {
        std::vector<int> out;
        for (auto const& r : requests) {
            out.push_back(failure != 0 ? failure : carry_out(r));
        }
        return out;
    }
    result<std::optional<entry>> find(key const& k) override {
        auto const found = with(k.protocol, k.original);
        return found == here.end() ? std::optional<entry>() : *found;
    }
    result<std::vector<entry>> dump() override { return here; }

    std::vector<entry> here;
    std::size_t writes = 0;
    int failure = 0; ///< errno of every request

private:
    std::vector<entry>::iterator with(std::uint8_t protocol, tuple const& t) {
        return std::find_if(here.begin(), here.end(), [&](entry const& e) {
            return e.key.protocol == protocol && (e.key.original == t || e.reply == t);
        });
    }

    /// The translated source of a creation, which `decode` has no use for.
    static balance::endpoint translated(byte_span request) {
        balance::endpoint out;
        auto const nest = [](byte_span in, std::uint16_t type) {
            balance::ipvs::attribute_reader reader(in);
            while (auto const a = reader.next()) {
                if (a->type == type) {
                    return a->payload;
                }
            }
            return byte_span{};
        };
        auto const source = nest(request.subspan(sizeof(nlmsghdr) + sizeof(nfgenmsg)), CTA_NAT_SRC);
        auto const address = nest(source, CTA_NAT_V4_MINIP);
        auto const port = nest(nest(source, CTA_NAT_PROTO), CTA_PROTONAT_PORT_MIN);
        REQUIRE(address.size() == 4);
        boost::asio::ip::address_v4::bytes_type raw{};
        std::memcpy(raw.data(), address.data(), raw.size());
        out.address = boost::asio::ip::address_v4(raw);
        out.port =
            static_cast<std::uint16_t>(std::to_integer<unsigned>(port[0]) << 8 | std::to_integer<unsigned>(port[1]));
        return out;
    }

    int carry_out(bytes request) {
        ++writes;
        nlmsghdr header{};
        std::memcpy(&header, request.data(), sizeof header);
        bool const removal = (header.nlmsg_type & 0xff) == IPCTNL_MSG_CT_DELETE;
        bool const creation = (header.nlmsg_flags & NLM_F_CREATE) != 0;
        auto const said = understood(request, creation);
        auto const found = with(said.key.protocol, said.key.original);
        if (creation) {
            if (found != here.end() || with(said.key.protocol, said.reply) != here.end()) {
                return EEXIST;
            }
            here.push_back(said);
            here.back().status |= IPS_SRC_NAT;
            return 0;
        }
        if (found == here.end()) {
            return ENOENT;
        }
        if (removal) {
            here.erase(found);
        } else {
            found->timeout = said.timeout;
            found->state = said.state;
        }
        return 0;
    }

    /// `decode` wants both tuples, of which requests about known connections carry one.
    static entry understood(bytes request, bool creation) {
        if (!creation) {
            balance::ipvs::attribute_reader reader(byte_span(request).subspan(sizeof(nlmsghdr) + sizeof(nfgenmsg)));
            bytes original;
            while (auto const a = reader.next()) {
                if (a->type == CTA_TUPLE_ORIG) {
                    original.assign(a->payload.begin(), a->payload.end());
                }
            }
            balance::ipvs::attribute_writer both(request);
            both.put(CTA_TUPLE_REPLY, original);
            request = both.take();
            auto const size = static_cast<std::uint32_t>(request.size());
            std::memcpy(request.data(), &size, sizeof size);
        }
        auto const source = creation ? translated(request) : balance::endpoint{};
        auto const read = decode(request);
        REQUIRE(read);
        auto out = read->entry;
        if (creation) {
            out.reply.destination = source;
        }
        return out;
    }
};

struct node {
    memory_kernel kernel;
    restorer restores{kernel};
    std::vector<balance::address> sources{end(source, 0).address};

    restorer::outcome take(message const& m, bool serving = false) {
        auto const done = restores.take(m, sources, serving);
        REQUIRE(done.has_value());
        return *done;
    }
    restorer::outcome changes(std::vector<change> list, bool serving = false) {
        return take({false, false, false, std::move(list)}, serving);
    }
    /// As in ports of the client and of the translation.
    [[nodiscard]] std::vector<std::pair<int, int>> ports() const {
        std::vector<std::pair<int, int>> out;
        for (auto const& e : kernel.here) {
            out.emplace_back(e.key.original.source.port, e.reply.destination.port);
        }
        std::sort(out.begin(), out.end());
        return out;
    }
};

using ports = std::vector<std::pair<int, int>>;

} // namespace

TEST_CASE("what the peer tells of is entered with its translation, and removed when it is gone") {
    node n;
    CHECK(n.changes({kept(tcp(40000, 1)), kept(tcp(40001, 2))}).entered == 2);
    CHECK(n.ports() == ports{{40000, 1}, {40001, 2}});
    CHECK(n.kernel.here[0].reply == tcp(40000, 1).reply);
    n.changes({gone(tcp(40000, 1)), gone(tcp(50000, 3))});
    CHECK(n.ports() == ports{{40001, 2}});
}

TEST_CASE("it is kept for a quarter of an hour at least") {
    node n;
    auto udp = tcp(40000, 1);
    udp.timeout = 30;
    auto idle = tcp(40001, 2);
    idle.timeout = 432'000;
    n.changes({kept(udp), kept(idle)});
    CHECK(n.kernel.here[0].timeout == 900);
    CHECK(n.kernel.here[1].timeout == 432'000);
}

TEST_CASE("one that is here already gets the state and time that the peer tells") {
    node n;
    auto old = tcp(40000, 1);
    old.timeout = 5;
    n.kernel.here = {old};
    auto told = tcp(40000, 1);
    told.state = TCP_CONNTRACK_CLOSE_WAIT;
    auto const done = n.changes({kept(told)});
    CHECK(done.entered == 0);
    CHECK(done.refused == 0);
    REQUIRE(n.kernel.here.size() == 1);
    CHECK(n.kernel.here[0].timeout == 1000);
    CHECK(n.kernel.here[0].state == TCP_CONNTRACK_CLOSE_WAIT);
}

TEST_CASE("what stands in its way is of connections that are no more") {
    node n;
    n.kernel.here = {tcp(40000, 1), tcp(50000, 2)}; // of the same client's port, and with the same translation
    CHECK(n.changes({kept(tcp(40000, 2))}).entered == 1);
    CHECK(n.ports() == ports{{40000, 2}});
}

TEST_CASE("a node that serves takes what it does not know, and changes nothing that it does") {
    node n;
    n.kernel.here = {tcp(40000, 1), tcp(40001, 2)};
    auto told = tcp(40000, 9);
    told.timeout = 7777;
    n.changes({kept(told), gone(tcp(40001, 2)), kept(tcp(40002, 3))}, true);
    CHECK(n.ports() == ports{{40000, 1}, {40001, 2}, {40002, 3}});
    CHECK(n.kernel.here[0].timeout == 1000);
    n.take({true, true, true, {kept(tcp(40004, 4))}}, true);
    CHECK(n.ports() == ports{{40000, 1}, {40001, 2}, {40002, 3}, {40004, 4}});
}

TEST_CASE("when the peer has told all, the rest is removed, but nothing of others") {
    node n;
    auto others = tcp(1, 1);
    others.reply.destination.address = end("198.51.100.7", 0).address;
    n.kernel.here = {tcp(40000, 1), tcp(40001, 2), tcp(40002, 3), others};
    n.take({true, true, false, {kept(tcp(40000, 1))}});
    CHECK(n.kernel.here.size() == 4);
    n.changes({kept(tcp(40001, 2)), kept(tcp(40005, 5))}); // news in between
    n.take({true, false, true, {kept(tcp(40004, 4))}});
    CHECK(n.ports() == ports{{1, 1}, {40000, 1}, {40001, 2}, {40004, 4}, {40005, 5}});
}

TEST_CASE("the end of what began in another connection to the peer removes nothing") {
    node n;
    n.kernel.here = {tcp(40000, 1)};
    n.take({true, false, true, {kept(tcp(40001, 2))}});
    CHECK(n.ports() == ports{{40000, 1}, {40001, 2}});
}

TEST_CASE("all told again changes nothing and asks the kernel once for each") {
    node n;
    std::vector<change> all;
    for (int i = 1; i <= 100; ++i) {
        all.push_back(kept(tcp(40000 + i, i)));
    }
    CHECK(n.take({true, true, true, all}).entered == 100);
    n.kernel.writes = 0;
    CHECK(n.take({true, true, true, all}).entered == 0);
    CHECK(n.kernel.writes == 100);
    CHECK(n.kernel.here.size() == 100);
}

TEST_CASE("connections with a source that is none of ours are not entered") {
    node n;
    auto stranger = tcp(40000, 1);
    stranger.reply.destination.address = end("198.51.100.7", 0).address;
    CHECK(n.changes({kept(stranger), gone(stranger), kept(tcp6(40000, 1))}).entered == 0);
    CHECK(n.kernel.writes == 0);
}

TEST_CASE("what the kernel refuses is counted") {
    node n;
    n.kernel.failure = ENOMEM;
    auto const done = n.changes({kept(tcp(40000, 1)), kept(tcp(40001, 2))});
    CHECK(done.entered == 0);
    CHECK(done.refused == 2);
    CHECK(done.why == ENOMEM);
}

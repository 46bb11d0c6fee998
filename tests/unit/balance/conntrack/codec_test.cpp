// SPDX-License-Identifier: Apache-2.0
// Against tests/golden/conntrack: what the program conntrack and the kernel said to each other.
#include "conntrack/codec.hpp"
#include "samples.hpp"

#include <catch2/catch.hpp>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

using namespace sample;

namespace {

struct recorded {
    std::string command;
    bool from_kernel = false;
    bytes content;
};

std::vector<recorded> recording() {
    std::ifstream file(std::string(DYAD_SOURCE_DIR) + "/tests/golden/conntrack/messages.hex");
    std::vector<recorded> out;
    std::string command;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("# ")) {
            command = line.substr(2);
        } else if (line.starts_with("> ") || line.starts_with("< ")) {
            recorded one{command, line[0] == '<', {}};
            std::istringstream numbers(line.substr(2));
            for (unsigned value = 0; numbers >> std::hex >> value;) {
                one.content.push_back(static_cast<std::byte>(value));
            }
            out.push_back(std::move(one));
        }
    }
    return out;
}

/// The messages of commands with these words in them.
std::vector<bytes> of(std::string const& words, bool from_kernel) {
    std::vector<bytes> out;
    for (auto& r : recording()) {
        if (r.command.find(words) != std::string::npos && r.from_kernel == from_kernel) {
            out.push_back(std::move(r.content));
        }
    }
    if (out.empty()) {
        throw std::runtime_error("nothing was recorded of " + words);
    }
    return out;
}

nlmsghdr header_of(bytes const& message) {
    nlmsghdr out{};
    std::memcpy(&out, message.data(), sizeof out);
    return out;
}

std::string hex_of(byte_span in) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (auto const b : in) {
        out += digits[std::to_integer<unsigned>(b) >> 4];
        out += digits[std::to_integer<unsigned>(b) & 15];
    }
    return out;
}

/// Paths and values of the attributes: their order and the bytes between them do not matter.
void flatten(byte_span attributes, std::string const& path, std::set<std::string>& out) {
    balance::ipvs::attribute_reader reader(attributes);
    while (auto const a = reader.next()) {
        auto const here = path + "/" + std::to_string(a->type);
        std::uint16_t type = 0;
        std::memcpy(&type, a->payload.data() - 2, sizeof type);
        if ((type & NLA_F_NESTED) != 0) {
            flatten(a->payload, here, out);
        } else {
            out.insert(here + "=" + hex_of(a->payload));
        }
    }
    CHECK(reader.intact());
}

std::set<std::string> attributes_of(bytes const& message) {
    std::set<std::string> out;
    flatten(byte_span(message).subspan(sizeof(nlmsghdr) + sizeof(nfgenmsg)), "", out);
    return out;
}

/// What `conntrack -I` was told to enter.
entry entered(int protocol, std::uint32_t timeout) {
    auto out = tcp(40000, 12345);
    out.key.protocol = static_cast<std::uint8_t>(protocol);
    out.state = protocol == 17 ? std::uint8_t{0} : out.state;
    out.timeout = timeout;
    return out;
}

} // namespace

TEST_CASE("a translated connection is entered as conntrack enters it") {
    auto six = tcp6(40000, 12345);
    six.timeout = 903;
    auto const [words, e] = GENERATE_COPY(table<std::string, entry>(
        {{"-I -p tcp -s 192", entered(6, 900)}, {"-I -p udp", entered(17, 901)}, {"-I -p tcp -s 2001", six}}));
    auto const theirs = of(words, false).front();
    auto const ours = encode_creation(e);
    CHECK(header_of(ours).nlmsg_type == header_of(theirs).nlmsg_type);
    CHECK(header_of(ours).nlmsg_flags == header_of(theirs).nlmsg_flags);
    CHECK(header_of(ours).nlmsg_len == ours.size());
    CHECK(ours[sizeof(nlmsghdr)] == theirs[sizeof(nlmsghdr)]); // the family
    CHECK(attributes_of(ours) == attributes_of(theirs));
}

TEST_CASE("of sctp the port is translated too, which conntrack leaves out") {
    auto e = entered(132, 902);
    e.state = 4;
    e.tags = {0x78563412, 0xf0debc9a};
    auto expected = attributes_of(of("-I -p sctp", false).front());
    expected.insert({"/6/3/1=3039", "/6/3/2=3039"});
    CHECK(attributes_of(encode_creation(e)) == expected);
}

TEST_CASE("a connection is changed as conntrack changes it") {
    auto e = entered(6, 700);
    e.state = TCP_CONNTRACK_CLOSE_WAIT;
    auto const requests = of("-U -p tcp", false); // it asks for all, then changes
    REQUIRE(requests.size() == 3);
    CHECK(attributes_of(encode_update(e)) == attributes_of(requests[1]));
    CHECK(header_of(encode_update(e)).nlmsg_flags == header_of(requests[1]).nlmsg_flags);
    e.state = 0; // not told
    CHECK(attributes_of(encode_update(e)).contains("/4/1/1=03"));
}

TEST_CASE("connections are asked for and removed as conntrack does it") {
    auto const key = entered(6, 0).key;
    auto const query = of("-G -p tcp", false).front();
    CHECK(header_of(encode_query(key)).nlmsg_type == header_of(query).nlmsg_type);
    CHECK(header_of(encode_query(key)).nlmsg_flags == header_of(query).nlmsg_flags);
    auto const asked = attributes_of(encode_query(key));
    auto const theirs = attributes_of(query);
    CHECK(std::includes(theirs.begin(), theirs.end(), asked.begin(), asked.end()));
    auto const removal = of("-D -p tcp", false).back();
    CHECK(header_of(encode_removal(6, key.original)).nlmsg_type == header_of(removal).nlmsg_type);
    CHECK(header_of(encode_removal(6, key.original)).nlmsg_flags == header_of(removal).nlmsg_flags);
    auto const dump = of("-L", false).front();
    CHECK(header_of(encode_dump()).nlmsg_type == header_of(dump).nlmsg_type);
    CHECK(header_of(encode_dump()).nlmsg_flags == header_of(dump).nlmsg_flags);
    CHECK(encode_dump()[sizeof(nlmsghdr)] == std::byte{0});
}

TEST_CASE("what the kernel says of a connection is understood") {
    auto const began = decode(of("-I -p tcp -s 192", true).front());
    REQUIRE(began);
    CHECK_FALSE(began->gone);
    CHECK(began->entry.key == entered(6, 0).key);
    CHECK(began->entry.reply == entered(6, 0).reply);
    CHECK(began->entry.state == TCP_CONNTRACK_ESTABLISHED);
    CHECK(began->entry.timeout > 800);
    CHECK(began->entry.timeout <= 900);
    std::vector<balance::address> const sources{end(source, 0).address};
    CHECK(is_translated(began->entry, sources));
    auto const changed = decode(of("-U -p tcp", true).back());
    REQUIRE(changed);
    CHECK(changed->entry.key == began->entry.key);
    auto const removed = decode(of("-D -p tcp", true).back());
    REQUIRE(removed);
    CHECK(removed->gone);
    CHECK(removed->entry.key == began->entry.key);
    CHECK(removed->entry.reply == began->entry.reply);
    CHECK(is_translated(removed->entry, sources));
}

TEST_CASE("both families and all protocols are understood, and those without ports left out") {
    auto const six = decode(of("-I -p tcp -s 2001", true).front());
    REQUIRE(six);
    CHECK(six->entry.key == tcp6(40000, 12345).key);
    CHECK(six->entry.reply == tcp6(40000, 12345).reply);
    auto const sctp = decode(of("-I -p sctp", true).front());
    REQUIRE(sctp);
    CHECK(sctp->entry.tags == std::array<std::uint32_t, 2>{0x78563412, 0xf0debc9a});
    CHECK(sctp->entry.state == 4);
    auto const udp = decode(of("-I -p udp", true).front());
    REQUIRE(udp);
    CHECK(udp->entry.key.protocol == 17);
    CHECK(udp->entry.state == 0);
    CHECK_FALSE(decode(of("-I -p icmp", true).front()));
    std::size_t understood = 0;
    for (auto const& answer : of("-L", true)) {
        understood += decode(answer) ? 1u : 0u;
    }
    CHECK(understood == 4); // one of the five is ICMP
}

TEST_CASE("a message that is cut off, or of another kind, is none") {
    auto const whole = of("-I -p tcp -s 192", true).front();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CHECK_FALSE(decode(byte_span(whole).first(size)));
    }
    auto other = whole;
    other[5] = std::byte{2}; // expectations
    CHECK_FALSE(decode(other));
    other = whole;
    other[4] = std::byte{1}; // a question
    CHECK_FALSE(decode(other));
    balance::ipvs::attribute_writer with_zone(whole);
    with_zone.put_value(CTA_ZONE, std::uint16_t{0x100});
    auto zoned = with_zone.take();
    auto const size = static_cast<std::uint32_t>(zoned.size());
    std::memcpy(zoned.data(), &size, sizeof size);
    CHECK_FALSE(decode(zoned));
}

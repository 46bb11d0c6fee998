// SPDX-License-Identifier: Apache-2.0
#include "doctor/filter.hpp"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

namespace balance::doctor {
namespace {

// The last two instructions of each program are "pass" and "drop"; jumps count instructions passed over.
constexpr std::uint32_t longest = 128; ///< bytes of a frame that are wanted
constexpr std::uint32_t frame_kind = static_cast<std::uint32_t>(SKF_AD_OFF) + SKF_AD_PKTTYPE;
constexpr std::uint32_t ethertype = 12;
constexpr std::uint32_t arp_operation = 20;
constexpr std::uint32_t ip = 14;
constexpr std::uint32_t ip_fragment = ip + 6;
constexpr std::uint32_t ip_protocol = ip + 9;
constexpr std::uint32_t tcp_target = ip + 2; ///< behind IP's header
constexpr std::uint32_t tcp_flags = ip + 13; ///< likewise

} // namespace

std::vector<sock_filter> arp_replies() {
    return {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, frame_kind),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 5),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ethertype),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 3),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, arp_operation),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, longest),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
}

std::vector<sock_filter> tcp_replies(std::uint16_t port) {
    return {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, frame_kind),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 14),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ethertype),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 12),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ip_protocol),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 10),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ip_fragment),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 8, 0),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, ip), // length of IP's header
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, tcp_target),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 5),
        BPF_STMT(BPF_LD | BPF_B | BPF_IND, tcp_flags),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x04, 2, 0), // RST
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x17),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12, 0, 1), // SYN and ACK, neither FIN nor RST
        BPF_STMT(BPF_RET | BPF_K, longest),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
}

} // namespace balance::doctor

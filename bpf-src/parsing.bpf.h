/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the network header of a packet: Ethernet, VLAN, IPv4, IPv6. No maps,
 * no counting.
 *
 * Contract of every function here: offsets count from the packet's first byte;
 * nothing is assumed to be in the linear part of the skb; a header that cannot
 * be read is reported, never skipped, so that the caller can count the packet.
 */
#ifndef PARSING_BPF_H
#define PARSING_BPF_H

#include <stddef.h>
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "traffic_abi.h"

/* Tags that are read past: two are QinQ, and some networks use more. */
#define MAX_VLAN_TAGS 4

/* The first header of a packet, by the type of its device. */
enum link_layer {
	LINK_ETHERNET, /* ARPHRD_ETHER, ARPHRD_LOOPBACK: an Ethernet header */
	/* All others. In tun, WireGuard and most tunnels the IP header comes
	 * first; xfrm, vti, GRE without a remote and IPoIB have bytes before
	 * it.
	 */
	LINK_NONE,
};

/* The bytes compared to find a header: an IPv4 header without options. */
struct header_start {
	__u64 first[2];
	__u32 last;
	__u32 zero;
};

struct vlan_header {
	__be16 tci;
	__be16 next_protocol;
};

/* The place of the network header, and its protocol. */
struct network_header {
	__u32 offset;
	__u32 uncounted; /* bytes before it that are no part of a frame */
	__be16 protocol; /* ETH_P_IP, ETH_P_IPV6, or anything else */
};

/*
 * Reads a field of the context by itself. Otherwise clang keeps the address of
 * a field that is read often in a register, and the verifier refuses to read
 * through such an address.
 */
#define READ_CONTEXT(skb, field)                                         \
	({                                                               \
		void *value_;                                            \
		asm("%0 = *(u32 *)(%1 + %2)"                             \
		    : "=r"(value_)                                       \
		    : "r"(skb), "i"(offsetof(struct __sk_buff, field))); \
		value_;                                                  \
	})

/*
 * Returns `size` bytes at `offset`: in place if the skb is linear there, else
 * copied into `scratch`; NULL if the packet ends before.
 */
static __always_inline const void *
header_at(struct __sk_buff *skb, __u32 offset, void *scratch, __u32 size)
{
	void *data = READ_CONTEXT(skb, data);
	void *data_end = READ_CONTEXT(skb, data_end);

	if (data + offset + size <= data_end)
		return data + offset;
	if (bpf_skb_load_bytes(skb, offset, scratch, size) == 0)
		return scratch;
	return NULL;
}

static __always_inline bool is_vlan(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_8021Q) ||
	       protocol == bpf_htons(ETH_P_8021AD) ||
	       protocol == bpf_htons(ETH_P_QINQ1);
}

/*
 * Walks the Ethernet header and the tags that are still in the packet. (The
 * outer tag is usually not: the kernel keeps it beside the packet.)
 */
static __always_inline struct network_header
parse_ethernet(struct __sk_buff *skb)
{
	struct network_header network = { .offset = ETH_HLEN };
	struct ethhdr scratch;
	const struct ethhdr *ethernet;

	ethernet = header_at(skb, 0, &scratch, sizeof(scratch));
	if (!ethernet)
		return network;
	network.protocol = ethernet->h_proto;

#pragma unroll
	for (int tag = 0; tag < MAX_VLAN_TAGS; tag++) {
		struct vlan_header vlan_scratch;
		const struct vlan_header *vlan;

		if (!is_vlan(network.protocol))
			break;
		vlan = header_at(skb, network.offset, &vlan_scratch,
				 sizeof(vlan_scratch));
		if (!vlan)
			break;
		network.protocol = vlan->next_protocol;
		network.offset += sizeof(*vlan);
	}
	return network;
}

#define HEADER_START 20

/* Returns whether the given network header is at `offset`. */
static __always_inline bool is_network_at(struct __sk_buff *skb, __u32 offset,
					  const struct header_start *network)
{
	struct header_start here = {};

	return bpf_skb_load_bytes(skb, offset, &here, HEADER_START) == 0 &&
	       here.first[0] == network->first[0] &&
	       here.first[1] == network->first[1] && here.last == network->last;
}

/* Returns the length in an IP header, including itself; 0 for no IP. */
static __always_inline __u32 told_length(const struct header_start *network)
{
	const __u8 *bytes = (const __u8 *)network;

	switch (bytes[0] >> 4) {
	case 4:
		return bytes[2] << 8 | bytes[3];
	case 6:
		return sizeof(struct ipv6hdr) + (bytes[4] << 8 | bytes[5]);
	default:
		return 0;
	}
}

/* There is no network header in the first bytes. */
#define NOT_FOUND 256

/*
 * Returns how many bytes a packet has before its network header. The kernel
 * lets a program read the header, but does not give its offset: the program
 * looks for the header at the possible offsets. Not inlined: few packets need
 * it.
 *
 * On ingress, wire_len is the length without the link header, unless it
 * includes segments (qdisc_pkt_len_segs_init() of later kernels). Then the
 * length in the IP header gives the offset.
 */
__noinline __u32 bytes_before_network(struct __sk_buff *skb)
{
	struct header_start network = {};
	__u32 length = skb->len;
	__u32 wire_length = skb->wire_len;
	__u32 before;

	if (bpf_skb_load_bytes_relative(skb, 0, &network, HEADER_START,
					BPF_HDR_START_NET))
		return NOT_FOUND;
	if (is_network_at(skb, 0, &network))
		return 0;
	before = length - wire_length;
	if (before < NOT_FOUND && is_network_at(skb, before, &network))
		return before;
	before = length - told_length(&network);
	if (before < NOT_FOUND && is_network_at(skb, before, &network))
		return before;
	return NOT_FOUND;
}

/*
 * A device that is not Ethernet gives its network protocol in `protocol`, which
 * the kernel took from the IP version (tun_get_user(), ipip_rcv(), wg_packet_…)
 * or from the link header (ipoib). A packet socket may have sent anything: the
 * version nibble is checked later as for Ethernet.
 *
 * A frame without a link layer begins with its network header. Bytes before
 * that are left from a device below (xfrm, vti: the Ethernet header of the
 * encrypted packet), or are another header that belongs to no frame (GRE
 * without a remote: the outer header; IPoIB: an address of 20 bytes and 4
 * bytes).
 */
static __always_inline struct network_header
parse_without_ethernet(struct __sk_buff *skb, enum traffic_direction direction)
{
	struct network_header network = { .protocol = skb->protocol };
	__u32 length = skb->len;
	__u32 wire_length = skb->wire_len;
	__u32 before;

	if (direction == TRAFFIC_RECEIVED && length == wire_length)
		return network;
	if (direction == TRAFFIC_SENT) {
		struct header_start scratch;
		const struct header_start *start;

		/* Packets of the stack have this length; others that begin
		 * with such bytes do not.
		 */
		start = header_at(skb, 0, &scratch, HEADER_START);
		if (start && told_length(start) == length)
			return network;
	}
	before = bytes_before_network(skb);
	if (before < NOT_FOUND) {
		network.offset = before;
		network.uncounted = before;
		return network;
	}
	/* Not IP, or cut off. */
	network.protocol = 0;
	if (direction == TRAFFIC_RECEIVED && length - wire_length < NOT_FOUND)
		network.uncounted = length - wire_length;
	return network;
}

/*
 * Finds the network header of any packet. A packet that an Ethernet device
 * received without a link header was redirected there from another device.
 */
static __always_inline struct network_header
parse_link(struct __sk_buff *skb, enum traffic_direction direction,
	   enum link_layer link)
{
	__u32 length = skb->len;
	__u32 wire_length = skb->wire_len;

	if (link == LINK_NONE)
		return parse_without_ethernet(skb, direction);
	if (direction == TRAFFIC_RECEIVED && length == wire_length &&
	    bytes_before_network(skb) == 0)
		return (struct network_header){ .protocol = skb->protocol };
	return parse_ethernet(skb);
}

#endif /* PARSING_BPF_H */

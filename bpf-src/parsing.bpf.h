/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a packet to its network header: Ethernet, VLAN, IPv4, IPv6. No maps,
 * no counting.
 *
 * Contract of every function here: offsets count from the packet's first byte;
 * nothing is assumed to be in the linear part of the skb; what cannot be read
 * is reported, never skipped, so that the caller can count it as what it is.
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

/* Tags that are looked behind: two are QinQ, more are seen in the wild. */
#define MAX_VLAN_TAGS 4

/* Whether the device's packets begin with an Ethernet header. */
enum link_layer {
	LINK_ETHERNET, /* ARPHRD_ETHER, ARPHRD_LOOPBACK */
	LINK_NONE, /* tun, WireGuard, GRE, ipip, sit: the IP header is first */
};

struct vlan_header {
	__be16 tci;
	__be16 next_protocol;
};

/* Where the network header is, and of which protocol. */
struct network_header {
	__u32 offset;
	__be16 protocol; /* ETH_P_IP, ETH_P_IPV6, or anything else */
};

/*
 * Reads a field of the context by itself. Left to its own, clang keeps the
 * address of a field that is read often in a register, and the verifier lets
 * nobody read through such an address.
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
 * Returns `size` bytes at `offset`: in place where the skb is linear there,
 * else copied into `scratch`; NULL where the packet ends before.
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

/*
 * A device without a link layer says what it carries in `protocol`, which the
 * kernel took from the IP version (tun_get_user(), ipip_rcv(), wg_packet_…).
 * A packet socket may have sent anything: the version nibble is checked later
 * as for Ethernet.
 */
static __always_inline struct network_header parse_link(struct __sk_buff *skb,
							enum link_layer link)
{
	if (link == LINK_ETHERNET)
		return parse_ethernet(skb);
	return (struct network_header){ .offset = 0,
					.protocol = skb->protocol };
}

#endif /* PARSING_BPF_H */

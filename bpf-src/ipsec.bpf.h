/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tells a packet that IPsec decrypted from a packet on the wire.
 *
 * In tunnel mode with policies a packet passes the ingress hook of its device
 * twice: as it came, and decrypted (xfrm_input() hands it to gro_cells). It is
 * counted as it came. But some decrypted packets did not pass the hook as they
 * came: those that GRO (esp4_gro_receive()) or a card decrypted, and those of
 * another device (xfrm, vti), which counts its own packets. So a decrypted
 * packet is left out only if this device has just received a packet of that
 * state.
 *
 * A whole packet shows that for a second: if GRO decrypts, it lets no whole
 * packet pass. A fragment, which GRO lets pass, shows it for one packet.
 *
 * None of this is on the path of hosts without IPsec.
 */
#ifndef IPSEC_BPF_H
#define IPSEC_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "parsing.bpf.h"
#include "prefix.bpf.h"
#include "traffic_abi.h"

/* Whether the kernel has the helper that tells a decrypted packet. */
const volatile __u32 has_ipsec = 0;

/* XFRM_MAX_DEPTH: states that one packet passes. */
#define MOST_STATES 6

/* RFC 3948: ESP in UDP. IKE begins with four zero bytes. */
#define ESP_IN_UDP bpf_htons(4500)

#define IPV4_OFFSET bpf_htons(0x1FFF)
#define IPV4_MORE bpf_htons(0x2000)
#define IPV6_OFFSET bpf_htons(0xFFF8)

/* A second, in the unit of `seen_at`. */
#define RECENTLY 1024

/* More fragments than are decrypted at the same time. */
#define MOST_FRAGMENTS 1024

/* By the device and the name of a state; several states may share one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRAFFIC_IPSEC_STATES);
	__type(key, __u32);
	__type(value, struct traffic_ipsec_state);
} ipsec_states SEC(".maps");

/*
 * The state that a packet on the wire is for: its SPI, or its sender, in the
 * low half; zero for none. A number, because the verifier checks functions by
 * themselves only if they return one.
 */
typedef __u64 ipsec_packet;

/* It is a fragment or has options: GRO lets both pass. */
#define IPSEC_IS_PARTIAL (1ULL << 32)

/* In units of 1.05 ms, and never zero. */
static __always_inline __u32 ipsec_clock(void)
{
	return bpf_ktime_get_ns() >> 20 | 1;
}

static __always_inline struct traffic_ipsec_state *ipsec_state_of(__u32 ifindex,
								  __u32 name)
{
	__u32 place = (name ^ ifindex * 0x9E3779B1) * 0x85EBCA6B;

	place = (place >> 16 ^ place) % TRAFFIC_IPSEC_STATES;
	return bpf_map_lookup_elem(&ipsec_states, &place);
}

/* Reads from the network header on; false if the packet ends before. */
static __always_inline bool read_network(struct __sk_buff *skb, __u32 offset,
					 void *to, __u32 size)
{
	return bpf_skb_load_bytes_relative(skb, offset, to, size,
					   BPF_HDR_START_NET) == 0;
}

static __always_inline __u32 name_of_address(const __be32 *address)
{
	return address[0] ^ address[1] ^ address[2] ^ address[3];
}

/* The end of the IP headers of a packet, and the protocol behind them. */
struct ip_end {
	__u32 offset; /* from the network header; 0 if it is not in there */
	__u32 source; /* the sender's address, folded */
	__u32 protocol;
	bool is_partial;
};

static __always_inline struct ip_end end_of_ipv4(const struct iphdr *ipv4)
{
	return (struct ip_end){
		.offset = ipv4->frag_off & IPV4_OFFSET ? 0 : ipv4->ihl * 4,
		.source = ipv4->saddr,
		.protocol = ipv4->protocol,
		.is_partial = ipv4->ihl != 5 || ipv4->frag_off & IPV4_MORE,
	};
}

struct ipv6_extension {
	__u8 next;
	__u8 length; /* in units of 8 bytes, without the first 8 */
	__be16 fragment; /* of a fragment header */
};

/* Reads past a fragment header, and past one header before it, only. */
static __always_inline struct ip_end end_of_ipv6(struct __sk_buff *skb,
						 const struct ipv6hdr *ipv6)
{
	struct ip_end end = {
		.offset = sizeof(*ipv6),
		.source = name_of_address(ipv6->saddr.in6_u.u6_addr32),
		.protocol = ipv6->nexthdr,
	};
	struct ipv6_extension extension = {};

	if (end.protocol == IPPROTO_HOPOPTS ||
	    end.protocol == IPPROTO_ROUTING ||
	    end.protocol == IPPROTO_DSTOPTS) {
		read_network(skb, end.offset, &extension, sizeof(extension));
		end.protocol = extension.next;
		end.offset += 8 + extension.length * 8;
	}
	if (end.protocol == IPPROTO_FRAGMENT) {
		read_network(skb, end.offset, &extension, sizeof(extension));
		end.protocol = extension.next;
		end.offset = extension.fragment & IPV6_OFFSET ? 0 :
								end.offset + 8;
		end.is_partial = true;
	}
	return end;
}

/*
 * Returns the state that a packet names, or zero. IPComp sends packets that it
 * cannot compress as IP in IP, for a state that has the name of the sender's
 * address (ipcomp_tunnel_create(), ipcomp6_tunnel_create()).
 */
__noinline ipsec_packet find_ipsec(struct __sk_buff *skb)
{
	struct ipv6hdr header = {};
	struct ip_end end;
	__be32 words[3] = {};
	__u32 name = 0;

	if (!read_network(skb, 0, &header, sizeof(struct iphdr)))
		return 0;
	if (is_version_6(&header)) {
		if (!read_network(skb, 0, &header, sizeof(header)))
			return 0;
		end = end_of_ipv6(skb, &header);
	} else {
		end = end_of_ipv4((const struct iphdr *)&header);
	}
	if (!end.offset)
		return 0;
	/* A packet that is cut off here does not belong to IPsec. */
	read_network(skb, end.offset, words, sizeof(words));
	switch (end.protocol) {
	case IPPROTO_ESP:
		name = words[0];
		break;
	case IPPROTO_AH:
		name = words[1];
		break;
	case IPPROTO_COMP:
		/* Short ones exist. Its index is the last half of a name. */
		read_network(skb, end.offset, words, sizeof(words[0]));
		name = bpf_htonl(bpf_ntohl(words[0]) & 0xFFFF);
		break;
	case IPPROTO_UDP:
		if ((__be16)words[0] == ESP_IN_UDP ||
		    (__be16)(words[0] >> 16) == ESP_IN_UDP)
			name = words[2];
		break;
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		name = end.source;
		break;
	}
	return name ? name | (end.is_partial ? IPSEC_IS_PARTIAL : 0) : 0;
}

static __always_inline void remember_state(__u32 ifindex, ipsec_packet packet)
{
	struct traffic_ipsec_state *state = ipsec_state_of(ifindex, packet);

	if (!state)
		return;
	if (!(packet & IPSEC_IS_PARTIAL))
		state->seen_at = ipsec_clock();
	else if (state->fragments < MOST_FRAGMENTS)
		__sync_fetch_and_add(&state->fragments, 1);
}

/* Returns 1 if a packet of the state has just been counted. */
__noinline int was_state_seen(__u32 ifindex, __u32 name)
{
	struct traffic_ipsec_state *state = ipsec_state_of(ifindex, name);

	if (!state)
		return 0;
	if (state->seen_at && ipsec_clock() - state->seen_at < RECENTLY)
		return 1;
	if (state->fragments <= 0)
		return 0;
	__sync_fetch_and_add(&state->fragments, -1);
	return 1;
}

/*
 * Returns 1 for a packet that was counted before it was decrypted. Remembers
 * the state of a packet that was not decrypted.
 *
 * A card that decrypts gives the state beside the packet, and may leave the
 * packet as it came: then the packet's own state is among the given ones.
 */
__noinline int was_counted_encrypted(struct __sk_buff *skb)
{
	ipsec_packet packet = find_ipsec(skb);
	__u32 ifindex = skb->ifindex;
	struct bpf_xfrm_state state;

	for (__u32 i = 0; i < MOST_STATES; i++) {
		if (bpf_skb_get_xfrm_state(skb, i, &state, sizeof(state), 0))
			break;
		if (state.spi == (__u32)packet)
			break;
		if (was_state_seen(ifindex, state.spi) ||
		    was_state_seen(ifindex, name_of_address(state.remote_ipv6)))
			return 1;
	}
	if (packet)
		remember_state(ifindex, packet);
	return 0;
}

#endif /* IPSEC_BPF_H */

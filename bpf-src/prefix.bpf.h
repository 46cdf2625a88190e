/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of a packet that tells flows apart: a prefix of the remote address.
 */
#ifndef PREFIX_BPF_H
#define PREFIX_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>

#include "parsing.bpf.h"
#include "traffic_abi.h"

/*
 * The bits of a remote address that are kept, as masks in network order: one
 * instruction each. Set before the programs are loaded; the verifier then knows
 * them and removes the code that they make dead.
 */
const volatile __u32 ipv4_prefix_mask = 0;
const volatile __u64 ipv6_prefix_masks[2] = {};

/* Half an address of IPv6, read at once although it lies at an odd place. */
typedef __u64 __attribute__((may_alias)) half_address;

/*
 * Returns whether IPv6 prefixes are longer than half an address. Each call is
 * an access to memory: call it once.
 */
static __always_inline bool has_long_prefixes(void)
{
	return ipv6_prefix_masks[1] != 0;
}

/*
 * The remote prefix of a packet, in one form for both versions of IP. It has no
 * hole: verifiers before Linux 6.1 refuse to pass unwritten memory to a
 * function.
 */
struct remote {
	enum traffic_family family;
	__u32 zero;
	/* The prefix in network order; IPv4 in the low half of the first. */
	__u64 prefix[2];
};

static __always_inline struct remote
remote_of_ipv4(const struct iphdr *ipv4, enum traffic_direction direction)
{
	__be32 address = direction == TRAFFIC_SENT ? ipv4->daddr : ipv4->saddr;

	return (struct remote){ .family = TRAFFIC_IPV4,
				.prefix = { address & ipv4_prefix_mask } };
}

static __always_inline struct remote
remote_of_ipv6(const struct ipv6hdr *ipv6, enum traffic_direction direction,
	       bool is_long)
{
	const half_address *address;

	address = (const half_address *)(direction == TRAFFIC_SENT ?
						 &ipv6->daddr :
						 &ipv6->saddr);
	return (struct remote){
		.family = TRAFFIC_IPV6,
		.prefix = { address[0] & ipv6_prefix_masks[0],
			    is_long ? address[1] & ipv6_prefix_masks[1] : 0 },
	};
}

/* Version 4 and a header of at least 20 bytes. */
static __always_inline bool is_ipv4(const struct iphdr *ipv4)
{
	__u32 first = *(const __u8 *)ipv4;

	return first - 0x45 <= 0x4F - 0x45;
}

static __always_inline bool is_version_6(const struct ipv6hdr *ipv6)
{
	return *(const __u8 *)ipv6 >> 4 == 6;
}

#endif /* PREFIX_BPF_H */

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

#include "constants.bpf.h"
#include "parsing.bpf.h"
#include "traffic_abi.h"

/* Half an address of IPv6, read at once although it lies at an odd place. */
typedef __u64 __attribute__((may_alias)) half_address;

/* 64:ff9b::/96, of NAT64 (RFC 6052), and 2001::/32, of Teredo (RFC 4380). */
#define NAT64_PREFIX bpf_htonl(0x0064FF9B)
#define TEREDO_PREFIX bpf_htonl(0x20010000)

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
				.prefix = { address & ipv4_prefix_mask() } };
}

/*
 * Returns the first half of the key of an address that carries the other end's
 * address of IPv4: the first four bytes, and the kept prefix of the carried
 * address behind them. Both kinds have four bytes there that tell nothing about
 * the other end: zero, or the address of a Teredo server. Returns zero for any
 * other address.
 */
static __always_inline __u64 carried_ipv4(const __be32 *address)
{
	__be32 first = address[0];
	__be32 carried;

	if (first == NAT64_PREFIX && !address[1] && !address[2])
		carried = address[3];
	else if (first == TEREDO_PREFIX && address[3])
		carried = ~address[3];
	else
		return 0;
	return (__u64)(carried & ipv4_prefix_mask()) << 32 | first;
}

static __always_inline struct remote
remote_of_ipv6(const struct ipv6hdr *ipv6, enum traffic_direction direction,
	       bool is_long)
{
	const half_address *address;

	address = (const half_address *)(direction == TRAFFIC_SENT ?
						 &ipv6->daddr :
						 &ipv6->saddr);
	if (!is_long || has_carried_ipv4()) {
		__u64 carried = carried_ipv4((const __be32 *)address);

		if (carried)
			return (struct remote){ .family = TRAFFIC_IPV6,
						.prefix = { carried, 0 } };
	}
	return (struct remote){
		.family = TRAFFIC_IPV6,
		.prefix = { address[0] & ipv6_prefix_mask(),
			    is_long ? address[1] & ipv6_prefix_mask_rest() :
				      0 },
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

/*
 * Reads the remote side. The family is TRAFFIC_NON_IP if the protocol is not
 * IP, or if the header is cut off or has the wrong version.
 */
static __always_inline struct remote
find_remote(struct __sk_buff *skb, struct network_header network,
	    enum traffic_direction direction)
{
	if (network.protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr scratch;
		const struct iphdr *ipv4;

		ipv4 = header_at(skb, network.offset, &scratch,
				 sizeof(scratch));
		if (ipv4 && is_ipv4(ipv4))
			return remote_of_ipv4(ipv4, direction);
	}
	if (network.protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr scratch;
		const struct ipv6hdr *ipv6;

		ipv6 = header_at(skb, network.offset, &scratch,
				 sizeof(scratch));
		if (ipv6 && is_version_6(ipv6))
			return remote_of_ipv6(ipv6, direction,
					      has_long_prefixes());
	}
	return (struct remote){ .family = TRAFFIC_NON_IP };
}

#endif /* PREFIX_BPF_H */

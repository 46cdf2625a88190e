/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the class of a packet: a number for its local range, its service and a
 * remote range that is narrower than the kept prefix. Only the program sees
 * these three, because a flow keeps a remote prefix and nothing else.
 *
 * The class is a sum of three numbers, one for each part. User space chooses
 * them so that no two combinations have the same sum, and gives each sum its
 * meaning (src/kernel/classes/layout.rs). So a class needs no table of its own.
 *
 * A change of the configuration must not mix old and new numbers in a sum. Each
 * value therefore has two halves, and `class_settings` says which half is in
 * force: user space writes the other halves first, and then turns the switch.
 *
 * None of this is on the path of hosts without classes.
 */
#ifndef CLASSES_BPF_H
#define CLASSES_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "parsing.bpf.h"
#include "prefix.bpf.h"
#include "traffic_abi.h"

/*
 * One element, which user space maps and writes at once: see TRAFFIC_CLASS_*.
 * Zero gives every packet class zero.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} class_settings SEC(".maps");

/*
 * Ranges that a local address may be in, with the number that takes the place
 * of the first number in `class_settings`. A trie needs BPF_F_NO_PREALLOC: it
 * takes memory for the ranges that are in it only.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct traffic_range_key);
	__type(value, __u32);
} local_ranges SEC(".maps");

/* Ranges that are narrower than the kept prefix of a remote address. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct traffic_range_key);
	__type(value, __u32);
} narrow_ranges SEC(".maps");

/*
 * Index: the local port, plus TRAFFIC_PORTS for UDP. User space maps it: as an
 * element of an array takes whole words, a pair is the low half of one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} service_ports SEC(".maps");

/*
 * User space's notes on the meaning of classes, for the next process. No
 * program reads them.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} class_marks SEC(".maps");

/* A local end of a connection, or the reason why there is none. */
struct class_ends {
	struct traffic_range_key local;
	struct traffic_range_key remote;
	__u32 transport; /* offset of the header; 0 if it is not in the packet
			  */
	__u32 protocol;
};

/* Extension headers that are read past. */
#define CLASS_EXTENSIONS 6

/* Network headers begin before this offset: behind at most 256 bytes. */
#define LARGEST_OFFSET 0x1FF

/* In the frame of a fragment, after its offset is in the right order. */
#define CLASS_IPV4_OFFSET bpf_htons(0x1FFF)
#define CLASS_IPV6_OFFSET bpf_htons(0xFFF8)

/* Byte 13 of a TCP header. */
#define TCP_FLAGS_AT 13
#define TCP_SYN 0x02
#define TCP_ACK 0x10

struct class_extension {
	__u8 next;
	__u8 length; /* in units of 8 bytes, without the first 8 */
	__be16 fragment; /* of a fragment header */
};

static __always_inline bool read_ipv4_ends(struct __sk_buff *skb, __u32 offset,
					   __u32 is_sent,
					   struct class_ends *ends)
{
	struct iphdr scratch;
	const struct iphdr *ipv4;
	__be32 *local = (__be32 *)ends->local.address;
	__be32 *remote = (__be32 *)ends->remote.address;

	ipv4 = header_at(skb, offset, &scratch, sizeof(scratch));
	if (!ipv4)
		return false;
	*local = is_sent ? ipv4->saddr : ipv4->daddr;
	*remote = is_sent ? ipv4->daddr : ipv4->saddr;
	ends->protocol = ipv4->protocol;
	if (!(ipv4->frag_off & CLASS_IPV4_OFFSET))
		ends->transport = offset + ipv4->ihl * 4;
	ends->local.ip_version = ends->remote.ip_version = 4;
	ends->local.prefix_length = ends->remote.prefix_length =
		TRAFFIC_RANGE_VERSION_BITS + 32;
	return true;
}

static __always_inline bool read_ipv6_ends(struct __sk_buff *skb, __u32 offset,
					   __u32 is_sent,
					   struct class_ends *ends)
{
	struct ipv6hdr scratch;
	const struct ipv6hdr *ipv6;
	const half_address *source, *destination;
	half_address *local = (half_address *)ends->local.address;
	half_address *remote = (half_address *)ends->remote.address;

	ipv6 = header_at(skb, offset, &scratch, sizeof(scratch));
	if (!ipv6)
		return false;
	source = (const half_address *)&ipv6->saddr;
	destination = (const half_address *)&ipv6->daddr;
	local[0] = is_sent ? source[0] : destination[0];
	local[1] = is_sent ? source[1] : destination[1];
	remote[0] = is_sent ? destination[0] : source[0];
	remote[1] = is_sent ? destination[1] : source[1];
	ends->protocol = ipv6->nexthdr;
	ends->transport = offset + sizeof(*ipv6);
	ends->local.ip_version = ends->remote.ip_version = 6;
	ends->local.prefix_length = ends->remote.prefix_length =
		TRAFFIC_RANGE_VERSION_BITS + 128;
	return true;
}

/* Reads past the extension headers of IPv6. */
static __always_inline void skip_extensions(struct __sk_buff *skb,
					    struct class_ends *ends)
{
	for (int i = 0; i < CLASS_EXTENSIONS; i++) {
		struct class_extension extension = {};

		if (ends->protocol != IPPROTO_HOPOPTS &&
		    ends->protocol != IPPROTO_ROUTING &&
		    ends->protocol != IPPROTO_DSTOPTS &&
		    ends->protocol != IPPROTO_FRAGMENT)
			return;
		if (bpf_skb_load_bytes(skb, ends->transport, &extension,
				       sizeof(extension)) ||
		    (ends->protocol == IPPROTO_FRAGMENT &&
		     extension.fragment & CLASS_IPV6_OFFSET)) {
			ends->transport = 0;
			return;
		}
		ends->transport += 8;
		if (ends->protocol != IPPROTO_FRAGMENT)
			ends->transport += extension.length * 8;
		ends->protocol = extension.next;
	}
}

/* Returns whether a packet of TCP asks for a connection. */
static __always_inline bool is_attempt(struct __sk_buff *skb, __u32 transport)
{
	__u8 scratch;
	const __u8 *flags;

	flags = header_at(skb, transport + TCP_FLAGS_AT, &scratch,
			  sizeof(scratch));
	return flags && (*flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * Returns the number for the service of a packet. A packet that asks for a
 * connection has the next number, so that its flow counts attempts and nothing
 * else.
 */
static __always_inline __u32 number_of_service(struct __sk_buff *skb,
					       struct class_ends *ends,
					       __u32 is_sent)
{
	__u32 transport = ends->transport;
	__be16 scratch, port;
	const __be16 *found;
	__u64 *number;
	__u32 index, sum;

	if (ends->protocol != IPPROTO_TCP && ends->protocol != IPPROTO_UDP)
		return 0;
	/* An offset that the verifier lets a program read at. */
	if (!transport || transport > 0x7FFF)
		return 0;
	found = header_at(skb, transport + (is_sent ? 0 : 2), &scratch,
			  sizeof(scratch));
	if (!found)
		return 0;
	port = *found;
	index = bpf_ntohs(port);
	if (ends->protocol == IPPROTO_UDP)
		index += TRAFFIC_PORTS;
	number = bpf_map_lookup_elem(&service_ports, &index);
	if (!number)
		return 0;
	sum = *number;
	if (sum && !is_sent && ends->protocol == IPPROTO_TCP &&
	    is_attempt(skb, transport))
		sum += TRAFFIC_CLASS_ATTEMPT;
	return sum;
}

/*
 * Returns the class of a packet whose network header is at `offset`. Not
 * static, so that the verifier checks it once by itself.
 */
__noinline __u32 find_class(struct __sk_buff *skb, __u32 offset, __u32 is_ipv6,
			    __u32 is_sent)
{
	struct class_ends ends = {};
	__u32 zero = 0, sum;
	__u64 *settings = bpf_map_lookup_elem(&class_settings, &zero);
	__u64 now;
	__u32 *number;

	if (!settings)
		return 0;
	now = *(const volatile __u64 *)settings;
	if (!now || offset > LARGEST_OFFSET)
		return 0;
	if (is_ipv6) {
		if (!read_ipv6_ends(skb, offset, is_sent, &ends))
			return 0;
	} else if (!read_ipv4_ends(skb, offset, is_sent, &ends)) {
		return 0;
	}
	sum = now;
	if (now & TRAFFIC_CLASS_HAS_LOCAL) {
		number = bpf_map_lookup_elem(&local_ranges, &ends.local);
		if (number)
			sum = *number;
	}
	if (now & TRAFFIC_CLASS_HAS_NARROW) {
		number = bpf_map_lookup_elem(&narrow_ranges, &ends.remote);
		if (number)
			sum += *number;
	}
	if (now & TRAFFIC_CLASS_HAS_SERVICES) {
		if (is_ipv6)
			skip_extensions(skb, &ends);
		sum += number_of_service(skb, &ends, is_sent);
	}
	return now & TRAFFIC_CLASS_IS_SECOND ? sum >> 16 : sum & 0xFFFF;
}

#endif /* CLASSES_BPF_H */

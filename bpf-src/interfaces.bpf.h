/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the number that a device is counted under.
 */
#ifndef INTERFACES_BPF_H
#define INTERFACES_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "traffic_abi.h"

/*
 * ifindex to interface number + 1, and TRAFFIC_HAS_IPSEC; 0 is a device that is
 * not counted. Written by user space after attaching and after detaching, read
 * for every packet.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TRAFFIC_DIRECT_IFINDEXES);
	__type(key, __u32);
	__type(value, __u32);
} interfaces SEC(".maps");

/* The same for the ifindexes that the array does not reach. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRAFFIC_INTERFACES);
	__type(key, __u32);
	__type(value, __u32);
} far_interfaces SEC(".maps");

/*
 * Returns the interface's number + 1 and TRAFFIC_HAS_IPSEC, or 0 if it is not
 * counted.
 *
 * The barrier keeps clang from making one call of two: the verifier replaces a
 * look-up in an array by instructions only if it knows the map.
 */
static __always_inline __u32 interface_number(__u32 ifindex)
{
	__u32 *number, *first;
	__u32 zero = 0;

	if (ifindex < TRAFFIC_DIRECT_IFINDEXES) {
		number = bpf_map_lookup_elem(&interfaces, &ifindex);
		barrier();
		return number ? *number : 0;
	}
	number = bpf_map_lookup_elem(&far_interfaces, &ifindex);
	first = bpf_map_lookup_elem(&interfaces, &zero);
	return number && first ? *number | *first : 0;
}

#endif /* INTERFACES_BPF_H */

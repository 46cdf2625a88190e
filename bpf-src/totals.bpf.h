/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The exact totals of each interface, by CPU and direction.
 */
#ifndef TOTALS_BPF_H
#define TOTALS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "traffic_abi.h"
#include "wire.bpf.h"

/*
 * The exact totals, the denominator of everything: index
 * (CPU * TRAFFIC_INTERFACES + interface) * 2 + direction. User space sets the
 * size, maps it and reads it without a system call.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_total);
} totals SEC(".maps");

static __always_inline __u32 total_index(__u32 cpu, __u32 interface,
					 enum traffic_direction direction)
{
	return (cpu * TRAFFIC_INTERFACES + interface) * 2 + direction;
}

static __always_inline void
add_to_total(__u32 index, enum traffic_family family, struct wire_size size)
{
	struct traffic_total *total;

	total = bpf_map_lookup_elem(&totals, &index);
	if (total && family < TRAFFIC_FAMILIES) {
		total->packets[family] += size.packets;
		total->bytes[family] += size.bytes;
	}
}

#endif /* TOTALS_BPF_H */

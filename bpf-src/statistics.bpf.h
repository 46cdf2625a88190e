/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program's statistics of its own work, by CPU.
 */
#ifndef STATISTICS_BPF_H
#define STATISTICS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "traffic_abi.h"

/* Index: CPU. User space sets the size and maps it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_statistics);
} statistics SEC(".maps");

static __always_inline struct traffic_statistics *own_statistics(__u32 cpu)
{
	return bpf_map_lookup_elem(&statistics, &cpu);
}

#endif /* STATISTICS_BPF_H */

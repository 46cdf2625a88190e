/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Notes the flows that the flow map has, outside of the map. While the map
 * takes in no other keys, a flood of prefixes then costs an array access a
 * packet, and not a search for keys that are not in the map.
 *
 * A word holds 16 bits of the hash of each of four keys that share it, with the
 * key that was met last in the lowest bits. A key that falls out is found again
 * when the map takes in keys, which it does after every poll; until then its
 * packets are counted in the totals alone. CPUs write words without regard to
 * each other, with the same consequence.
 */
#ifndef FLOW_FILTER_BPF_H
#define FLOW_FILTER_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "traffic_abi.h"

/* Chosen at random, and odd, like the seeds of the flow table. */
const volatile __u64 filter_seed = 1;

/* The number of words, which is a power of two, less one. */
const volatile __u32 filter_mask = 0;

/* User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} flow_filter SEC(".maps");

/* The place where a key is noted, and the bits that are noted there. */
struct filter_place {
	__u64 *word;
	__u16 mark; /* not zero */
};

static __always_inline struct filter_place
filter_place_of(const struct traffic_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 hash = (words[0] * filter_seed ^ words[1]) * filter_seed;
	__u32 index;

	hash = (hash ^ hash >> 32 ^ words[2]) * filter_seed;
	index = hash >> 20 & filter_mask;
	return (struct filter_place){
		.word = bpf_map_lookup_elem(&flow_filter, &index),
		.mark = hash >> 48 | 1,
	};
}

static __always_inline bool is_noted(struct filter_place place)
{
	__u64 word;

	if (!place.word)
		return true;
	word = *(volatile __u64 *)place.word;
	return (__u16)word == place.mark || (__u16)(word >> 16) == place.mark ||
	       (__u16)(word >> 32) == place.mark || word >> 48 == place.mark;
}

/* Notes a key of the map as the one that was met last. */
static __always_inline void note(struct filter_place place)
{
	__u64 word, behind;

	if (!place.word)
		return;
	word = *(volatile __u64 *)place.word;
	if ((__u16)word == place.mark)
		return;
	/* The keys that were met before it keep their places. */
	if ((__u16)(word >> 16) == place.mark)
		behind = 0xFFFFFFFF00000000;
	else if ((__u16)(word >> 32) == place.mark)
		behind = 0xFFFF000000000000;
	else
		behind = 0;
	*(volatile __u64 *)place.word = (word & behind) |
					(word << 16 & ~behind) | place.mark;
}

#endif /* FLOW_FILTER_BPF_H */

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first tier of flows: for each CPU a table of sets of eight ways, in one
 * array that user space maps. A flow has its place in one of two sets, the one
 * that was emptier when it came; a flow that finds both full goes to the flow
 * map. A hit is a multiplication, an array access and a comparison.
 *
 * Nothing here is atomic but the publication of a tag: a program writes the
 * ways of its own CPU only, no second packet interrupts the first on the same
 * CPU, and user space writes nothing but tags that are not free. See struct
 * traffic_set for who may change what.
 */
#ifndef FLOW_TABLE_BPF_H
#define FLOW_TABLE_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "prefix.bpf.h"
#include "statistics.bpf.h"
#include "traffic_abi.h"
#include "wire.bpf.h"

/* Sets of each CPU; zero where there is no table. */
const volatile __u32 table_sets = 0;

/*
 * Chosen at random at every start, so that nobody can send prefixes that all
 * belong into the same sets. Odd, all three.
 */
const volatile __u64 table_seed = 1;
const volatile __u64 table_seed_high = 1;
const volatile __u64 table_seed_low = 1;

/* Index: CPU * table_sets + set. User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_set);
} flow_table SEC(".maps");

/* What is known of a flow before its way is. */
struct table_key {
	__u64 tag;
	__u64 remote[2];
	bool is_ipv6;
};

static __always_inline __u64 fold(__u64 word)
{
	return word ^ word >> 32;
}

static __always_inline struct table_key
table_key_of(const struct traffic_key *key)
{
	const __u64 *remote = (const __u64 *)key->remote;
	struct table_key wanted = {
		.remote = { remote[0], remote[1] },
		.is_ipv6 = key->ip_version == 6,
	};
	__u32 low = *(const __u32 *)key->remote;

	if (wanted.is_ipv6) {
		low = fold(remote[0] * table_seed_high ^
			   remote[1] * table_seed_low);
	}
	wanted.tag = (__u64)key->local_range << TRAFFIC_TAG_LOCAL_RANGE |
		     (__u64)key->interface << TRAFFIC_TAG_INTERFACE |
		     (__u64)key->direction << TRAFFIC_TAG_DIRECTION |
		     (__u64)wanted.is_ipv6 << TRAFFIC_TAG_IPV6 |
		     (__u64)TRAFFIC_USED << TRAFFIC_TAG_STATE | low;
	return wanted;
}

static __always_inline __u64 read_tag(const struct traffic_set *set, __u32 way)
{
	return *(const volatile __u64 *)&set->tags[way];
}

static __always_inline struct traffic_entry *
find_entry(struct traffic_set *set, const struct table_key *wanted)
{
#pragma unroll
	for (__u32 way = 0; way < TRAFFIC_WAYS; way++) {
		struct traffic_entry *entry = &set->entries[way];

		if (read_tag(set, way) == wanted->tag &&
		    (!wanted->is_ipv6 ||
		     (entry->remote[0] == wanted->remote[0] &&
		      entry->remote[1] == wanted->remote[1])))
			return entry;
	}
	return NULL;
}

static __always_inline __u32 free_ways_of(const struct traffic_set *set)
{
	__u32 count = 0;

	/* Without branches, which the verifier would have to follow. */
#pragma unroll
	for (__u32 way = 0; way < TRAFFIC_WAYS; way++)
		count += !read_tag(set, way);
	return count;
}

static __always_inline void add_to_entry(struct traffic_entry *entry,
					 struct wire_size size)
{
	entry->packets += size.packets;
	entry->bytes += size.bytes;
}

/*
 * Counts the first packet of a flow in the emptier set, and returns false where
 * both are full.
 */
static __noinline bool take_way(__u32 cpu, struct traffic_set *first,
				struct traffic_set *second,
				const struct table_key *wanted,
				const struct wire_size *size)
{
	struct traffic_statistics *own = own_statistics(cpu);
	struct traffic_set *set = first;
	__u32 free_ways = free_ways_of(first);
	__u32 others = free_ways_of(second);

	if (others > free_ways) {
		free_ways = others;
		set = second;
	}
	if (!free_ways || !own)
		return false;
	own->lookup_failures++;
	own->new_entries++;
	for (__u32 way = 0; way < TRAFFIC_WAYS; way++) {
		struct traffic_entry *entry = &set->entries[way];

		if (read_tag(set, way))
			continue;
		entry->remote[0] = wanted->remote[0];
		entry->remote[1] = wanted->remote[1];
		/* Who sees the tag must see the address: an exchange orders
		 * all before it, on every architecture. It is once a flow.
		 */
		__sync_lock_test_and_set(&set->tags[way], wanted->tag);
		add_to_entry(entry, *size);
		return true;
	}
	return false;
}

/* Returns false where there is no table or no room for the flow in it. */
static __always_inline bool
count_in_table(__u32 cpu, const struct traffic_key *key, struct wire_size size)
{
	struct traffic_set *first, *second;
	struct traffic_entry *entry;
	struct table_key wanted;
	__u64 hash;
	__u32 index;

	if (!table_sets)
		return false;
	wanted = table_key_of(key);
	hash = fold(wanted.tag * table_seed) * table_seed_low;

	index = cpu * table_sets + (__u32)((hash >> 32) * table_sets >> 32);
	first = bpf_map_lookup_elem(&flow_table, &index);
	if (!first)
		return false;
	entry = find_entry(first, &wanted);
	if (entry) {
		add_to_entry(entry, size);
		return true;
	}
	index = cpu * table_sets +
		(__u32)((__u32)hash * (__u64)table_sets >> 32);
	second = bpf_map_lookup_elem(&flow_table, &index);
	if (!second)
		return false;
	entry = find_entry(second, &wanted);
	if (entry) {
		add_to_entry(entry, size);
		return true;
	}
	return take_way(cpu, first, second, &wanted, &size);
}

#endif /* FLOW_TABLE_BPF_H */

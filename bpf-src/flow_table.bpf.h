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

static __always_inline __u32 used_ways_of(const struct traffic_set *set)
{
	__u32 count = 0;

	/* By the two bits of state, without branches, which the verifier would
	 * have to follow.
	 */
#pragma unroll
	for (__u32 way = 0; way < TRAFFIC_WAYS; way++) {
		__u32 state = read_tag(set, way) >> TRAFFIC_TAG_STATE;

		count += (state | state >> 1) & 1;
	}
	return count;
}

static __always_inline void add_to_entry(struct traffic_entry *entry,
					 struct wire_size size)
{
	entry->packets += size.packets;
	entry->bytes += size.bytes;
}

/* The two sets that a flow may be in, on one CPU. */
struct table_place {
	__u32 first;
	__u32 second;
};

static __always_inline struct table_place
place_of(__u32 cpu, const struct table_key *wanted)
{
	__u64 hash = fold(wanted->tag * table_seed) * table_seed_low;
	__u64 high = hash >> 32, low = (__u32)hash;

	/* A fraction of the sets in place of a remainder: no division. */
	return (struct table_place){
		.first = cpu * table_sets + (__u32)(high * table_sets >> 32),
		.second = cpu * table_sets + (__u32)(low * table_sets >> 32),
	};
}

/*
 * Counts a packet of a flow that is in the table. Returns false where it is
 * not, or there is no table.
 */
static __always_inline bool
count_in_table(__u32 cpu, const struct traffic_key *key, struct wire_size size)
{
	struct traffic_entry *entry;
	struct table_place place;
	struct traffic_set *set;
	struct table_key wanted;

	if (!table_sets)
		return false;
	wanted = table_key_of(key);
	place = place_of(cpu, &wanted);
	set = bpf_map_lookup_elem(&flow_table, &place.first);
	if (!set)
		return false;
	entry = find_entry(set, &wanted);
	if (!entry) {
		set = bpf_map_lookup_elem(&flow_table, &place.second);
		if (!set)
			return false;
		entry = find_entry(set, &wanted);
	}
	if (!entry)
		return false;
	add_to_entry(entry, size);
	return true;
}

/*
 * Counts the first packet of a flow in the emptier of its two sets. Returns
 * false where both are full, or there is no table.
 */
static __always_inline bool take_way(struct traffic_statistics *own, __u32 cpu,
				     const struct traffic_key *key,
				     struct wire_size size)
{
	struct table_key wanted = table_key_of(key);
	struct table_place place = place_of(cpu, &wanted);
	struct traffic_set *set, *other;

	if (!table_sets)
		return false;
	set = bpf_map_lookup_elem(&flow_table, &place.first);
	other = bpf_map_lookup_elem(&flow_table, &place.second);
	if (!set || !other)
		return false;
	if (used_ways_of(other) < used_ways_of(set))
		set = other;
	for (__u32 way = 0; way < TRAFFIC_WAYS; way++) {
		struct traffic_entry *entry = &set->entries[way];

		if (read_tag(set, way))
			continue;
		own->lookup_failures++;
		own->new_entries++;
		entry->remote[0] = wanted.remote[0];
		entry->remote[1] = wanted.remote[1];
		/* Who sees the tag must see the address: an exchange orders
		 * all before it, on every architecture. It is once a flow.
		 */
		__sync_lock_test_and_set(&set->tags[way], wanted.tag);
		add_to_entry(entry, size);
		return true;
	}
	return false;
}

#endif /* FLOW_TABLE_BPF_H */

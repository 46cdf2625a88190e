/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first tier of flows: for each CPU a table of sets of eight ways, in one
 * array that user space maps. A flow has its place in one of two sets; in each
 * there is one way that it takes where that is free, so that most are found by
 * a multiplication, an array access and a comparison. A flow that finds both
 * sets full goes to the flow map.
 *
 * Nothing here is atomic but the publication of a tag: a program writes the
 * ways of its own CPU only, no second packet interrupts the first on the same
 * CPU, and user space writes nothing but tags that are not free. See struct
 * traffic_entry for who may change what.
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
const volatile __u64 table_seed_second = 1;
const volatile __u64 table_seed_rest = 1;

/* Index: CPU * table_sets + set. User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_set);
} flow_table SEC(".maps");

/*
 * The same index. Of no more than one element where no prefix of IPv6 is longer
 * than half an address.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_rests);
} table_rests SEC(".maps");

/* What is known of a flow before its way is. */
struct table_key {
	__u64 tag;
	__u64 remote;
	__u64 rest; /* IPv6 only */
	__u64 spread; /* what its places are computed from */
	__u32 region; /* likewise */
	bool is_long; /* has_long_prefixes() */
};

/* Where a way is. */
struct table_place {
	__u32 set;
	__u32 way; /* in its last bits */
};

/* Returns 32 bits in which all of the word are. */
static __always_inline __u32 fold(__u64 word)
{
	return (__u32)word ^ (__u32)(word >> 32);
}

/*
 * Returns what is known of a flow as soon as its packet has been read; the
 * interface is not.
 */
static __always_inline struct table_key
table_key_of(enum traffic_direction direction, struct remote remote,
	     bool is_long)
{
	bool is_ipv6 = remote.family == TRAFFIC_IPV6;
	struct table_key key = { .remote = remote.prefix[0],
				 .rest = remote.prefix[1],
				 .spread = remote.prefix[0],
				 .is_long = is_long };

	if (is_long)
		key.spread ^= key.rest * table_seed_rest;
	key.tag = (__u64)TRAFFIC_USED << TRAFFIC_TAG_STATE |
		  (__u64)is_ipv6 << TRAFFIC_TAG_IPV6 |
		  (__u64)direction << TRAFFIC_TAG_DIRECTION |
		  (is_ipv6 ? fold(key.spread) : (__u32)key.remote);
	return key;
}

/*
 * Adds the interface to what is known of a flow. `number` is its number + 1; of
 * zero comes a tag that no way has.
 *
 * Flows of one remote are kept apart by the part of the table they are in. It
 * comes from the ifindex, so that places need not wait until the number is
 * found; from the last bits of it, so that devices that come and go do not walk
 * through the table and leave all of user space's memory of it touched.
 */
static __always_inline void set_interface(struct table_key *key, __u32 number,
					  __u32 ifindex,
					  enum traffic_direction direction)
{
	key->tag += ((__u64)number - 1) << TRAFFIC_TAG_INTERFACE;
	key->region = ifindex << 29 | (__u32)direction << 28;
}

static __always_inline enum traffic_family
family_of(const struct table_key *key)
{
	return key->tag >> TRAFFIC_TAG_IPV6 & 1;
}

static __always_inline struct remote remote_of(const struct table_key *key)
{
	return (struct remote){ .family = family_of(key),
				.prefix = { key->remote, key->rest } };
}

/*
 * Returns the place on this CPU that a flow takes in one of its two sets where
 * it can. A fraction of all ways in place of a remainder: no division.
 */
static __always_inline struct table_place
place_of(__u32 cpu, const struct table_key *key, __u64 seed)
{
	__u32 sets = table_sets;
	__u64 way = (__u64)(fold(key->spread * seed) ^ key->region) * sets;

	return (struct table_place){ cpu * sets + (way >> 32), way >> 29 };
}

/*
 * Returns a way of a set. The barrier keeps clang from computing where it is
 * anew for each use.
 */
static __always_inline struct traffic_entry *way_of(struct traffic_set *set,
						    __u64 way)
{
	struct traffic_entry *entry = &set->entries[way % TRAFFIC_WAYS];

	barrier_var(entry);
	return entry;
}

static __always_inline __u64 read_tag(const struct traffic_entry *entry)
{
	return *(const volatile __u64 *)&entry->tag;
}

static __always_inline __u64 *rest_of(struct table_place place)
{
	struct traffic_rests *rests;

	rests = bpf_map_lookup_elem(&table_rests, &place.set);
	return rests ? &rests->remote[place.way & (TRAFFIC_WAYS - 1)] : NULL;
}

/* Returns whether the way is the flow's. */
static __always_inline bool is_flows(const struct traffic_entry *entry,
				     struct table_place place,
				     const struct table_key *key)
{
	__u64 *rest;

	/* Of IPv4 both say the same, and asking is no cheaper. */
	if (read_tag(entry) != key->tag || entry->remote != key->remote)
		return false;
	if (!key->is_long)
		return true;
	rest = rest_of(place);
	return rest && *rest == key->rest;
}

static __always_inline void add_to_entry(struct traffic_entry *entry,
					 struct wire_size size)
{
	entry->packets += size.packets;
	entry->bytes += size.bytes;
}

/*
 * Counts a packet of a flow that has the way it takes first. Returns false
 * where it has another or none, or there is no table.
 */
static __always_inline bool count_at_first_place(__u32 cpu,
						 const struct table_key *key,
						 struct wire_size size)
{
	struct table_place place = place_of(cpu, key, table_seed);
	struct traffic_entry *entry;
	struct traffic_set *set;
	__u32 index = place.set;

	set = bpf_map_lookup_elem(&flow_table, &index);
	if (!set)
		return false;
	entry = way_of(set, place.way);
	if (!is_flows(entry, place, key))
		return false;
	add_to_entry(entry, size);
	return true;
}

/*
 * Gives a free way to a flow and counts its first packet. Who sees the tag must
 * see the address: an exchange orders all before it, on every architecture. It
 * is once a flow.
 */
static __always_inline bool take_way(struct traffic_statistics *own,
				     struct traffic_entry *entry,
				     struct table_place place,
				     const struct table_key *key,
				     struct wire_size size)
{
	entry->remote = key->remote;
	if (key->is_long) {
		__u64 *rest = rest_of(place);

		if (!rest)
			return false;
		*rest = key->rest;
	}
	__sync_lock_test_and_set(&entry->tag, key->tag);
	add_to_entry(entry, size);
	own->counters[TRAFFIC_NEW_ENTRIES]++;
	return true;
}

/*
 * Looks for a flow in all ways of a set, and counts the packet where it is.
 * Else returns false, and how many ways are used.
 */
static __always_inline bool count_in_set(struct traffic_set *set, __u32 index,
					 const struct table_key *key,
					 struct wire_size size, __u32 *used)
{
	*used = 0;
	for (__u32 way = 0; way < TRAFFIC_WAYS; way++) {
		struct traffic_entry *entry = &set->entries[way];
		struct table_place place = { index, way };
		__u32 state;

		if (is_flows(entry, place, key)) {
			add_to_entry(entry, size);
			return true;
		}
		/* By the two bits of state, without a branch, which the
		 * verifier would have to follow.
		 */
		state = read_tag(entry) >> TRAFFIC_TAG_STATE;
		*used += (state | state >> 1) & 1;
	}
	return false;
}

/*
 * Counts a packet of a flow that is anywhere in the table or finds room in it.
 * Returns false where there is none, or no table.
 */
static __always_inline bool count_in_table(struct traffic_statistics *own,
					   __u32 cpu,
					   const struct table_key *key,
					   struct wire_size size)
{
	struct table_place places[2];
	struct traffic_set *sets[2];
	struct table_place place;
	struct traffic_set *set;
	__u32 used[2];

	if (!table_sets)
		return false;
	places[0] = place_of(cpu, key, table_seed);
	places[1] = place_of(cpu, key, table_seed_second);
	sets[0] = bpf_map_lookup_elem(&flow_table, &places[0].set);
	sets[1] = bpf_map_lookup_elem(&flow_table, &places[1].set);
	if (!sets[0] || !sets[1])
		return false;

	/* Most are where they wanted to be: the second such place is looked at
	 * before the rest of the first set.
	 */
	place = places[1];
	if (is_flows(&sets[1]->entries[place.way & (TRAFFIC_WAYS - 1)], place,
		     key)) {
		add_to_entry(&sets[1]->entries[place.way & (TRAFFIC_WAYS - 1)],
			     size);
		return true;
	}
	if (count_in_set(sets[0], places[0].set, key, size, &used[0]) ||
	    count_in_set(sets[1], places[1].set, key, size, &used[1]))
		return true;

	if (used[0] == TRAFFIC_WAYS && used[1] == TRAFFIC_WAYS)
		return false;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct traffic_entry *entry =
			&sets[i]->entries[places[i].way & (TRAFFIC_WAYS - 1)];

		if (!read_tag(entry))
			return take_way(own, entry, places[i], key, size);
	}
	set = sets[0];
	place = places[0];
	if (used[1] < used[0]) {
		set = sets[1];
		place = places[1];
	}
	for (__u32 way = 0; way < TRAFFIC_WAYS; way++) {
		place.way = way;
		if (!read_tag(&set->entries[way]))
			return take_way(own, &set->entries[way], place, key,
					size);
	}
	return false;
}

#endif /* FLOW_TABLE_BPF_H */

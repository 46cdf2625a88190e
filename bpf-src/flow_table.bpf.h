/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first tier of flows: for each CPU a table of sets of eight ways, in one
 * array that user space maps. A flow has a place in each of two sets. A place
 * is a pair of ways, which share a cache line. Most flows are in one of the two
 * ways of their first place: a multiplication, an array access and two
 * comparisons find them. A flow that finds both sets full goes to the flow map.
 *
 * Only the publication of a tag and of the part in use is atomic: a program
 * writes the ways of its own CPU only, no second packet interrupts the first on
 * the same CPU, and user space writes only tags that are not free. struct
 * traffic_entry lists the allowed changes of a tag.
 */
#ifndef FLOW_TABLE_BPF_H
#define FLOW_TABLE_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "flow_places.bpf.h"
#include "prefix.bpf.h"
#include "statistics.bpf.h"
#include "traffic_abi.h"
#include "wire.bpf.h"

/* Index: CPU * table_sets + set. User space sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_set);
} flow_table SEC(".maps");

/*
 * The same index. It has one element if no prefix of IPv6 is longer than half
 * an address.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_rests);
} table_rests SEC(".maps");

/*
 * Returns a way of a set. The barrier keeps clang from computing its address
 * again for each use.
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

	/* For IPv4 both compare the same; to test for it is no cheaper. */
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
 * Returns the way of the place that has the flow's tag, or the second. Without
 * a branch, because a processor could not predict it.
 */
static __always_inline struct traffic_entry *
way_in_pair(struct traffic_set *set, struct table_place *place,
	    const struct table_key *key)
{
	struct traffic_entry *first = way_of(set, place->way & ~1U);
	__u64 difference = read_tag(first) ^ key->tag;
	__u64 is_other = difference | -difference;

	/* Without it clang makes a branch. */
	barrier_var(is_other);
	is_other >>= 63;
	place->way += is_other;
	return first + is_other;
}

/*
 * Counts a packet of a flow that has a way of its first place. Returns false if
 * the flow has another way or none, or if there is no table.
 */
static __always_inline bool count_at_first_place(__u32 cpu,
						 const struct table_key *key,
						 struct wire_size size)
{
	struct traffic_part *part = own_part(cpu);
	struct traffic_entry *entry;
	struct table_place place;
	struct traffic_set *set;
	__u32 index;

	if (!part)
		return false;
	place = place_of(cpu, part->blocks_mask, key, table_seed);
	index = place.set;
	set = bpf_map_lookup_elem(&flow_table, &index);
	if (!set)
		return false;
	entry = way_in_pair(set, &place, key);
	if (!is_flows(entry, place, key))
		return false;
	add_to_entry(entry, size);
	return true;
}

/*
 * Gives a free way to a flow and counts its first packet. A reader that sees
 * the tag must see the address: an exchange orders all earlier writes before
 * it, on every architecture. It costs little, because it happens once a flow.
 */
static __always_inline bool
take_way(struct traffic_statistics *own, struct traffic_part *part,
	 struct traffic_entry *entry, struct table_place place,
	 const struct table_key *key, struct wire_size size)
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
	part->taken_entries++;
	return true;
}

/*
 * Looks for a flow in all ways of a set, and counts the packet if it is there.
 * Else returns false, and the number of used ways in `used`.
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
 * Returns false if there is no room, or no table.
 */
static __always_inline bool count_in_table(struct traffic_statistics *own,
					   __u32 cpu,
					   const struct table_key *key,
					   struct wire_size size)
{
	struct traffic_part *part = own_part(cpu);
	struct table_place places[2];
	struct traffic_entry *entry;
	struct traffic_set *sets[2];
	struct table_place place;
	struct traffic_set *set;
	__u32 used[2];

	if (!table_sets || !part)
		return false;
	grow_if_half_full(part);
	places[0] = place_of(cpu, part->blocks_mask, key, table_seed);
	places[1] = place_of(cpu, part->blocks_mask, key, table_seed_second);
	sets[0] = bpf_map_lookup_elem(&flow_table, &places[0].set);
	sets[1] = bpf_map_lookup_elem(&flow_table, &places[1].set);
	if (!sets[0] || !sets[1])
		return false;

	/* Most flows are in one of their places: check the second place before
	 * the rest of the first set.
	 */
	place = places[1];
	entry = way_in_pair(sets[1], &place, key);
	if (is_flows(entry, place, key)) {
		add_to_entry(entry, size);
		return true;
	}
	if (count_in_set(sets[0], places[0].set, key, size, &used[0]) ||
	    count_in_set(sets[1], places[1].set, key, size, &used[1]))
		return true;

	if (used[0] == TRAFFIC_WAYS && used[1] == TRAFFIC_WAYS)
		return false;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		place = places[i / 2];
		place.way += i % 2;
		entry = &sets[i / 2]->entries[place.way & (TRAFFIC_WAYS - 1)];
		if (!read_tag(entry))
			return take_way(own, part, entry, place, key, size);
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
			return take_way(own, part, &set->entries[way], place,
					key, size);
	}
	return false;
}

#endif /* FLOW_TABLE_BPF_H */

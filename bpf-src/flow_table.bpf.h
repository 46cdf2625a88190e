/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first tier of flows: for each CPU a table of sets of eight ways, in one
 * array that user space maps. A flow has a place in each of two sets. A place
 * is a pair of ways, which share a cache line. Most flows are in one of the two
 * ways of their first place: a multiplication, an array access and two
 * comparisons find them. Most others are in the pair beside it, which is in the
 * same page, or in their second place. A flow that finds both sets full goes to
 * the flow map.
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

/* Index: CPU * table_sets() + set. User space sets the size. */
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
 * The number of used ways from which on a new flow takes its other set, if that
 * has more free ways. With 6, one flow in some thousands finds both sets full
 * while a quarter of the ways are free.
 */
#define CROWDED 6

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

/* Counts a packet of a flow that has a way of this place. */
static __always_inline bool count_at_place(struct traffic_set *set,
					   struct table_place place,
					   const struct table_key *key,
					   struct wire_size size)
{
	struct traffic_entry *entry = way_in_pair(set, &place, key);

	if (!is_flows(entry, place, key))
		return false;
	add_to_entry(entry, size);
	return true;
}

/* Returns the other place of the same two cache lines. */
static __always_inline struct table_place beside(struct table_place place)
{
	place.way ^= 2;
	return place;
}

/*
 * Counts a packet of a flow that has a way of its places or beside them.
 * Returns false if the flow has another way or none, or if there is no table.
 * Tries `places` of the two places: for a key that takes more registers than
 * there are, the second would take room on the stack that Linux 6.1 has not.
 */
static __always_inline bool count_at_places(__u32 cpu, int places,
					    const struct table_key *key,
					    struct wire_size size)
{
#pragma unroll
	for (int i = 0; i < places; i++) {
		struct traffic_part *part;
		struct table_place place;
		struct traffic_set *set;
		__u32 index;

		/* So that nothing is kept in memory for the second place. */
		barrier_var(cpu);
		part = own_part(cpu);
		if (!part)
			return false;
		place = place_of(cpu, part->places_mask, key,
				 i ? table_seed_second() : table_seed());
		index = place.set;
		set = bpf_map_lookup_elem(&flow_table, &index);
		if (!set)
			return false;
		if (count_at_place(set, place, key, size) ||
		    count_at_place(set, beside(place), key, size))
			return true;
	}
	return false;
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

/* Gives a flow a free way of the place or beside it, if there is one. */
static __always_inline bool
take_near(struct traffic_statistics *own, struct traffic_part *part,
	  struct traffic_set *set, struct table_place place,
	  const struct table_key *key, struct wire_size size)
{
	__u32 first = place.way;

	for (__u32 i = 0; i < TRAFFIC_WAYS / 2; i++) {
		struct traffic_entry *entry;

		place.way = (first ^ i) & (TRAFFIC_WAYS - 1);
		entry = &set->entries[place.way];
		if (!read_tag(entry))
			return take_way(own, part, entry, place, key, size);
	}
	return false;
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
	struct traffic_set *sets[2];
	struct table_place place;
	struct traffic_set *set;
	bool is_second;
	__u32 used[2], mask;

	if (!table_sets() || !part)
		return false;
	mask = grown_mask(part);
	places[0] = place_of(cpu, mask, key, table_seed());
	places[1] = place_of(cpu, mask, key, table_seed_second());
	sets[0] = bpf_map_lookup_elem(&flow_table, &places[0].set);
	sets[1] = bpf_map_lookup_elem(&flow_table, &places[1].set);
	if (!sets[0] || !sets[1])
		return false;

	if (count_in_set(sets[0], places[0].set, key, size, &used[0]) ||
	    count_in_set(sets[1], places[1].set, key, size, &used[1]))
		return true;

	if (used[0] == TRAFFIC_WAYS && used[1] == TRAFFIC_WAYS)
		return false;
	is_second = used[0] >= CROWDED && used[1] < used[0];
	set = is_second ? sets[1] : sets[0];
	place = is_second ? places[1] : places[0];
	if (take_near(own, part, set, place, key, size))
		return true;
	set = is_second ? sets[0] : sets[1];
	place = is_second ? places[0] : places[1];
	if (take_near(own, part, set, place, key, size))
		return true;
	/* All ways near the places are used, so a set with fewer used ways has
	 * a free one at a distance.
	 */
	is_second = used[1] < used[0];
	set = is_second ? sets[1] : sets[0];
	place = is_second ? places[1] : places[0];
	place.way ^= TRAFFIC_WAYS / 2;
	return take_near(own, part, set, place, key, size);
}

#endif /* FLOW_TABLE_BPF_H */

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The places that a flow may have in the flow table.
 *
 * A CPU uses a part of its sets, so that few flows touch few pages: with 4,096
 * flows that were scattered over a table of 100,000 entries, a packet waited
 * for the TLB and for caches longer than all else took. The sets are divided
 * into blocks, and the part is the first block at the start. The program
 * doubles the part when half of its ways are in use. The program does it rather
 * than user space, because a burst of new flows between two polls would
 * overflow a small part; and because each CPU has a part of its own, no other
 * CPU ever sees an old one.
 *
 * Half of the flows have another place in a part of twice the size. The program
 * does not find their old way any more, so the next packet of such a flow takes
 * a second way. User space adds up the growth of both, recognizes the old way
 * by the second one, and reclaims it.
 *
 * The old ways need room, so a part must not be full when it grows. When the
 * flows stay the same for a while and take a third of the part or less, user
 * space halves it, and lets it grow later: then flows are twice as dense. Ways
 * outside of a part that has become smaller stay used until they are reclaimed;
 * user space reads them too.
 */
#ifndef FLOW_PLACES_BPF_H
#define FLOW_PLACES_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "constants.bpf.h"
#include "prefix.bpf.h"
#include "traffic_abi.h"

/*
 * Index: CPU. Apart from the statistics, because it begins anew whenever the
 * table does, with another size.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_part);
} table_parts SEC(".maps");

/* The part of a flow that is known before its way. */
struct table_key {
	__u64 tag; /* less ONE_INTERFACE until the interface is set */
	__u64 remote;
	__u64 rest; /* IPv6 only */
	__u64 spread; /* its places are computed from it */
	__u32 region; /* likewise */
	bool is_long; /* has_long_prefixes() */
};

/* Interfaces are known by their number + 1, but a tag has the number. */
#define ONE_INTERFACE (1ULL << TRAFFIC_TAG_INTERFACE)

/* The place of a way, or of the first of a pair. */
struct table_place {
	__u32 set;
	__u32 way; /* in its last bits */
};

/* Returns 32 bits that depend on all bits of the word. */
static __always_inline __u32 fold(__u64 word)
{
	return (__u32)word ^ (__u32)(word >> 32);
}

/*
 * Returns the part of a flow's key that is known as soon as its packet has been
 * read: all but the class and the interface.
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
		key.spread ^= key.rest * table_seed_rest();
	key.tag = ((__u64)TRAFFIC_USED << TRAFFIC_TAG_STATE |
		   (__u64)is_ipv6 << TRAFFIC_TAG_IPV6 |
		   (__u64)direction << TRAFFIC_TAG_DIRECTION) -
		  ONE_INTERFACE +
		  (is_ipv6 ? fold(key.spread) : (__u32)key.remote);
	return key;
}

/* Adds the class. To be called before set_interface(). */
static __always_inline void set_class(struct table_key *key, __u32 class)
{
	key->tag += (__u64) class << TRAFFIC_TAG_CLASS;
}

/* Returns the class. To be called before set_interface(). */
static __always_inline __u32 class_of(const struct table_key *key)
{
	return (key->tag + ONE_INTERFACE) >> TRAFFIC_TAG_CLASS;
}

/*
 * Adds the interface to the key of a flow. `number` is its number + 1; zero
 * gives a tag that no way has.
 *
 * The region keeps flows of one remote in different parts of the table. It
 * comes from the ifindex, so that places need not wait until the number is
 * found; from its last bits, so that devices that come and go do not walk
 * through the table and leave all of user space's memory of it touched. Flows
 * of one remote in several classes are spread over all of it: two sets have no
 * room for them.
 */
static __always_inline void set_interface(struct table_key *key, __u32 number,
					  __u32 ifindex,
					  enum traffic_direction direction,
					  bool is_classed)
{
	__u32 class = is_classed ? class_of(key) : 0;

	key->tag += (__u64)number << TRAFFIC_TAG_INTERFACE;
	key->region = ifindex << 29 | (__u32)direction << 28;
	if (is_classed)
		key->region ^= class * 0x9E3779B1;
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
 * Returns a place on this CPU that a flow takes if it can. The last bits of
 * the hash choose the block, so that half of the flows stay where they are when
 * the part doubles. All bits choose the set in the block, as a fraction of its
 * sets instead of a remainder: no division.
 */
static __always_inline struct table_place
place_of(__u32 cpu, __u32 blocks_mask, const struct table_key *key, __u64 seed)
{
	__u32 hash = fold(key->spread * seed) ^ key->region;
	__u64 sets = table_block_sets();
	__u64 way = hash * sets;
	__u64 first = (hash & blocks_mask) * sets;

	return (struct table_place){ cpu * table_sets() + first + (way >> 32),
				     way >> 29 & ~1U };
}

static __always_inline struct traffic_part *own_part(__u32 cpu)
{
	return bpf_map_lookup_elem(&table_parts, &cpu);
}

/*
 * A part of at least 1 / LARGEST_PART of the table grows to the whole table.
 * Until the next poll, the old ways of flows that moved take up room. By
 * doublings alone they would be a sixth of the table in a burst that fills it;
 * with 8, they are a seventeenth.
 */
#define LARGEST_PART 8

/*
 * Makes the part of the table that this CPU uses larger than this mask, if the
 * table is, and returns the new mask. User space must not see a way outside of
 * the blocks that it reads: an exchange orders their number before all later
 * writes.
 */
static __always_inline __u32 grow(struct traffic_part *part, __u64 mask)
{
	__u64 next = mask * 2 + 1;

	if (mask >= table_last_block())
		return mask;
	if (next > table_last_block() / LARGEST_PART)
		next = table_last_block();
	if (next > part->blocks_mask)
		__sync_lock_test_and_set(&part->blocks_mask, next);
	*(volatile __u64 *)&part->places_mask = next;
	return next;
}

/*
 * Returns the mask of the part, after making the part larger if as many ways
 * are used as user space said, or half of them.
 *
 * If user space was killed while it freed ways, `freed_entries` lacks them.
 * Then the part grows a little early.
 */
static __always_inline __u32 grown_mask(struct traffic_part *part)
{
	__u64 mask = *(const volatile __u64 *)&part->places_mask;
	__u64 limit = *(const volatile __u64 *)&part->limit;
	__u64 used = part->taken_entries -
		     *(const volatile __u64 *)&part->freed_entries;

	if (limit >> 32 == mask + 1)
		limit = (__u32)limit;
	else
		limit = (mask + 1) * table_block_sets() * TRAFFIC_WAYS / 2;
	return used < limit ? mask : grow(part, mask);
}

#endif /* FLOW_PLACES_BPF_H */

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers that user space writes into the instructions of the programs before
 * it loads them. A read-only variable would be an access to memory for each
 * packet, even if the verifier knows its value: with cold caches, all of them
 * together took a tenth of the time of a packet. The verifier knows these
 * numbers too, and removes the code that they make dead.
 *
 * Each stands in the object as a placeholder: src/kernel/constants.rs.
 */
#ifndef CONSTANTS_BPF_H
#define CONSTANTS_BPF_H

#include <stdbool.h>
#include <linux/types.h>

#include "traffic_abi.h"

#define CONSTANT(number)                                           \
	({                                                         \
		__u64 value_;                                      \
		asm volatile("%0 = %1 ll"                          \
			     : "=r"(value_)                        \
			     : "i"(TRAFFIC_CONSTANTS + (number))); \
		value_;                                            \
	})

/* The kind of path that packets take, as one number. */
static __always_inline __u32 packet_path(void)
{
	return CONSTANT(TRAFFIC_PACKET_PATH);
}
#define PATH_LONG_PREFIXES                                 \
	1 /* IPv6 prefixes are longer than half an address \
	   */
#define PATH_CLASSES 2 /* packets have classes */

static __always_inline bool has_long_prefixes(void)
{
	return packet_path() & PATH_LONG_PREFIXES;
}

static __always_inline bool has_classes(void)
{
	return packet_path() & PATH_CLASSES;
}

/* The bits of a remote address that are kept, as masks in network order. */
static __always_inline __u32 ipv4_prefix_mask(void)
{
	return CONSTANT(TRAFFIC_IPV4_PREFIX_MASK);
}

static __always_inline __u64 ipv6_prefix_mask(void)
{
	return CONSTANT(TRAFFIC_IPV6_PREFIX_MASK);
}

static __always_inline __u64 ipv6_prefix_mask_rest(void)
{
	return CONSTANT(TRAFFIC_IPV6_PREFIX_MASK_REST);
}

/*
 * Returns whether a long prefix of IPv6 is too short for the addresses of IPv4
 * that some addresses of IPv6 carry. A prefix of at most half an address always
 * is.
 */
static __always_inline bool has_carried_ipv4(void)
{
	return CONSTANT(TRAFFIC_HAS_CARRIED_IPV4) != 0;
}

/* Sets of each CPU; zero if there is no table. */
static __always_inline __u32 table_sets(void)
{
	return CONSTANT(TRAFFIC_TABLE_SETS);
}

/* Sets of a block. The number of blocks is a power of two. */
static __always_inline __u64 table_block_sets(void)
{
	return CONSTANT(TRAFFIC_TABLE_BLOCK_SETS);
}

/* The number of the last block. */
static __always_inline __u32 table_last_block(void)
{
	return CONSTANT(TRAFFIC_TABLE_LAST_BLOCK);
}

/*
 * Chosen at random at every start, so that nobody can send prefixes that all
 * belong to the same sets. All three are odd.
 */
static __always_inline __u64 table_seed(void)
{
	return CONSTANT(TRAFFIC_TABLE_SEED);
}

static __always_inline __u64 table_seed_second(void)
{
	return CONSTANT(TRAFFIC_TABLE_SEED_SECOND);
}

static __always_inline __u64 table_seed_rest(void)
{
	return CONSTANT(TRAFFIC_TABLE_SEED_REST);
}

#endif /* CONSTANTS_BPF_H */

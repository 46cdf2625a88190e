/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where growth is added up until user space takes it: in one of two hash maps,
 * by remote address, local port and direction. User space changes the map in
 * use, waits until no program runs that could still use the other, and empties
 * that. A program reads the word that says which map, and which generation,
 * once for all it does.
 */
#ifndef CONNECTIONS_GROWTH_BPF_H
#define CONNECTIONS_GROWTH_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "connections_abi.h"

/*
 * All elements are allocated at the start: without that, a burst of new keys
 * exhausts the allocator of the CPU (bpf_mem_alloc) and finds no room. User
 * space deletes the keys.
 */
struct growth_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONNECTIONS_KEYS);
	__type(key, struct connections_key);
	__type(value, struct connections_growth);
};

struct growth_map growth_0 SEC(".maps");
struct growth_map growth_1 SEC(".maps");

/* Growth that found no room, for each map and direction. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct connections_growth);
} growth_rests SEC(".maps");

struct settings_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct connections_settings);
};

struct settings_map connections_settings SEC(".maps");

/*
 * Not read by any program: the kernel waits for all running programs before it
 * returns from an update of such a map (maybe_wait_bpf_programs()), on every
 * kernel, also where membarrier(2) does not.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct settings_map);
} connections_grace SEC(".maps");

static __always_inline struct connections_settings *settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&connections_settings, &zero);
}

static __always_inline void add(__u64 *to, __u64 growth)
{
	if (growth)
		__sync_fetch_and_add(to, growth);
}

static __always_inline __u64 word_of(const struct connections_settings *all)
{
	return *(const volatile __u64 *)&all->word;
}

/* Returns the growth of all connections of a direction that found no room. */
static __always_inline struct connections_growth *rest_of(__u64 word,
							  __u16 direction)
{
	__u32 index = (word & CONNECTIONS_IS_SECOND) * 2 + (direction & 1);

	return bpf_map_lookup_elem(&growth_rests, &index);
}

/*
 * Returns the growth of a key in a map, which may be new; NULL if there is no
 * room. The map is a constant in each call: only then does the kernel call the
 * look-up of a hash map directly.
 */
static __always_inline struct connections_growth *
growth_in(void *map, __u64 *keys, const struct connections_key *key)
{
	struct connections_growth *growth, zero = {};

	growth = bpf_map_lookup_elem(map, key);
	if (growth)
		return growth;
	if (!bpf_map_update_elem(map, key, &zero, BPF_NOEXIST))
		__sync_fetch_and_add(keys, 1);
	return bpf_map_lookup_elem(map, key);
}

static __always_inline struct connections_growth *
growth_of(struct connections_settings *all, __u64 word,
	  const struct connections_key *key)
{
	if (word & CONNECTIONS_IS_SECOND)
		return growth_in(&growth_1, &all->keys[1], key);
	return growth_in(&growth_0, &all->keys[0], key);
}

#endif /* CONNECTIONS_GROWTH_BPF_H */

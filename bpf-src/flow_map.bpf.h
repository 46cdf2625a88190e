/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The second tier of flows: the kernel's LRU hash. It takes the flows that find
 * no room in the flow table, or all flows if there is no table.
 */
#ifndef FLOW_MAP_BPF_H
#define FLOW_MAP_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "classes.bpf.h"
#include "flow_filter.bpf.h"
#include "prefix.bpf.h"
#include "statistics.bpf.h"
#include "traffic_abi.h"
#include "wire.bpf.h"

/*
 * The number of keys taken in before user space reads them; zero: any number.
 * More keys than fit would only push out keys that nobody has read yet.
 */
const volatile __u64 admission_limit = 0;

/*
 * LRU, so that a flood of prefixes costs attribution and never memory;
 * per-CPU, so that counting needs no lock and no atomics. User space sets the
 * size and deletes the keys of an interface that is gone; the kernel evicts all
 * others.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 100000);
	__type(key, struct traffic_key);
	__type(value, struct traffic_value);
} flows SEC(".maps");

/*
 * The totals of classes: all packets whose flows are not in the flow table, by
 * all of a key but the remote prefix. Not LRU: in a flood the map of flows
 * refuses or evicts flows, and a service must not lose attempts with them.
 * Memory is taken for the keys that are there: at most as many as interfaces
 * times classes, and no more than TRAFFIC_CLASS_TOTALS.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct traffic_key);
	__type(value, struct traffic_value);
} class_totals SEC(".maps");

/* One element, which user space maps and sets back. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_admission);
} admission SEC(".maps");

/* The tier that has a packet's flow. */
enum flow_room {
	ROOM_IN_TABLE, /* or the packet has no flow */
	ROOM_IN_MAP,
	ROOM_NOWHERE,
};

/* Returns the counter of the keys that are taken in; NULL without a limit. */
static __always_inline struct traffic_admission *admission_count(void)
{
	__u32 zero = 0;

	return admission_limit ? bpf_map_lookup_elem(&admission, &zero) : NULL;
}

/* Returns whether the map takes in no more keys. */
static __always_inline bool is_closed(const struct traffic_admission *all)
{
	return all &&
	       *(const volatile __u64 *)&all->admitted >= admission_limit;
}

static __always_inline bool add_to_flow(void *map,
					const struct traffic_key *key,
					struct wire_size size, __u32 now)
{
	struct traffic_value *value = bpf_map_lookup_elem(map, key);

	if (!value)
		return false;
	value->packets += size.packets;
	value->bytes += size.bytes;
	value->last_seen = now;
	return true;
}

/* Counts the first packet of a key; returns false if the map refuses it. */
static __always_inline bool create_flow(void *map,
					struct traffic_statistics *own,
					struct traffic_admission *all,
					const struct traffic_key *key,
					struct wire_size size, __u32 now)
{
	struct traffic_value first = {
		.packets = size.packets,
		.bytes = size.bytes,
		.last_seen = now,
		.generation = (__u32)(own->counters[TRAFFIC_NEW_KEYS] + 1)
				      << 8 |
			      (bpf_get_smp_processor_id() & 0xFF),
	};

	/* Checked first, so that a flood that is not let in writes no memory
	 * that all CPUs share.
	 */
	if (is_closed(all))
		return false;
	if (all)
		__sync_fetch_and_add(&all->admitted, 1);
	if (bpf_map_update_elem(map, key, &first, BPF_NOEXIST) == 0) {
		own->counters[TRAFFIC_NEW_KEYS]++;
		return true;
	}
	/* Another CPU may have created it in the meantime. */
	return add_to_flow(map, key, size, now);
}

/* Counts a packet; returns false if its flow found no room. */
static __always_inline bool
count_in_map(struct traffic_statistics *own, __u32 interface,
	     enum traffic_direction direction, __u32 class,
	     const struct remote *remote, struct wire_size size)
{
	struct traffic_key key = {
		.interface = interface,
		.direction = direction,
		.ip_version = remote->family == TRAFFIC_IPV6 ? 6 : 4,
		.class = class,
	};
	struct traffic_admission *all = admission_count();
	__u64 *prefix = (__u64 *)key.remote;
	struct filter_place place = {};
	__u32 now = bpf_jiffies64();

	prefix[0] = remote->prefix[0];
	prefix[1] = remote->prefix[1];
	if (all)
		place = filter_place_of(&key);
	if ((is_closed(all) && !is_noted(place)) ||
	    !add_to_flow(&flows, &key, size, now)) {
		if (!create_flow(&flows, own, all, &key, size, now)) {
			/* Counted in the totals. Rules that watch either
			 * counter see it.
			 */
			own->counters[TRAFFIC_LOOKUP_FAILURES]++;
			own->counters[TRAFFIC_UPDATE_FAILURES]++;
			return false;
		}
	}
	note(place);
	/* Counted after the map: user space reads this counter before the map,
	 * and reads the map again if the counter has grown since.
	 */
	own->counters[TRAFFIC_MAP_PACKETS]++;
	return true;
}

#endif /* FLOW_MAP_BPF_H */

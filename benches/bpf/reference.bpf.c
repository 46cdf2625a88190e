// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The reference exporter's published kernel design, restated by us for this
 * benchmark: a 16-byte key, bpf_ktime_get_ns() for each packet, two atomic
 * increments of per-CPU statistics for each packet, an LRU per-CPU hash.
 *
 * Kinder to it than it is itself: the key has no uninitialised holes, which
 * there make one prefix several keys; headers are read in place; and nothing
 * is asked about VLANs, offloads or devices without Ethernet.
 */
#include "headers.bpf.h"

struct key {
	__u32 interface;
	__u8 direction;
	__u8 ip_version;
	__u16 zero;
	__u64 prefix;
};

struct value {
	__u64 packets;
	__u64 bytes;
	__u64 last_seen; /* ns */
};

enum statistic {
	PACKETS,
	HITS,
	MISSES,
	STATISTICS,
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 100000);
	__type(key, struct key);
	__type(value, struct value);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STATISTICS);
	__type(key, __u32);
	__type(value, __u64);
} statistics SEC(".maps");

static __always_inline void increment(__u32 statistic)
{
	__u64 *count = bpf_map_lookup_elem(&statistics, &statistic);

	if (count)
		__sync_fetch_and_add(count, 1);
}

SEC("classifier/reference")
int reference(struct __sk_buff *skb)
{
	struct key key = { .interface = skb->ifindex };
	struct remote remote = remote_of(skb);
	struct value *value;
	__u64 now;

	increment(PACKETS);
	if (!remote.ip_version)
		return TCX_NEXT;
	key.ip_version = remote.ip_version;
	key.prefix = remote.prefix;
	now = bpf_ktime_get_ns();
	value = bpf_map_lookup_elem(&flows, &key);
	if (value) {
		value->packets++;
		value->bytes += skb->len;
		value->last_seen = now;
		increment(HITS);
	} else {
		struct value first = {
			.packets = 1,
			.bytes = skb->len,
			.last_seen = now,
		};

		bpf_map_update_elem(&flows, &key, &first, BPF_ANY);
		increment(MISSES);
	}
	return TCX_NEXT;
}

char program_license[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Lower bounds of the cost of counting: nothing, one counter, one access to an
 * array that the prefix itself indexes, one look-up in a plain LRU per-CPU
 * hash. None of them is exact, nor meant to be.
 */
#include "headers.bpf.h"

struct key {
	__u32 interface;
	__u8 direction;
	__u8 ip_version;
	__u16 zero;
	__u8 remote[16];
};

struct value {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 100000);
	__type(key, struct key);
	__type(value, struct value);
} flows SEC(".maps");

SEC("classifier/empty")
int empty(struct __sk_buff *skb __attribute__((unused)))
{
	return TCX_NEXT;
}

SEC("classifier/count")
int count(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 zero = 0;
	__u64 *packets = bpf_map_lookup_elem(&counter, &zero);

	if (packets)
		(*packets)++;
	return TCX_NEXT;
}

/* Parse, look up, add: Ethernet without tags, packets as they come. */
SEC("classifier/plain")
int plain(struct __sk_buff *skb)
{
	struct key key = { .interface = skb->ifindex };
	struct value first = { .packets = 1, .bytes = skb->len };
	struct remote remote = remote_of(skb);
	struct value *value;

	if (!remote.ip_version)
		return TCX_NEXT;
	key.ip_version = remote.ip_version;
	__builtin_memcpy(key.remote, &remote.prefix, sizeof(remote.prefix));
	value = bpf_map_lookup_elem(&flows, &key);
	if (value) {
		value->packets++;
		value->bytes += skb->len;
	} else {
		bpf_map_update_elem(&flows, &key, &first, BPF_NOEXIST);
	}
	return TCX_NEXT;
}

/* As large as an entry of the exporter's flow table. */
struct entry {
	__u64 unused[2];
	__u64 packets;
	__u64 bytes;
};

/* Prefixes of each CPU, a power of two. */
const volatile __u32 prefixes = 1;

/* Index: CPU * prefixes + the last bits of the prefix. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct entry);
} entries SEC(".maps");

/* Index: CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct entry);
} totals SEC(".maps");

static __always_inline void add(struct entry *entry, __u32 length)
{
	if (entry) {
		entry->packets++;
		entry->bytes += length;
	}
}

/*
 * Parse, access, add, totals. It hashes nothing, compares nothing and never
 * runs full, because every prefix has an element of its own. A table of any
 * kind can at best come close to this cost. IPv4 only.
 */
SEC("classifier/limit")
int limit(struct __sk_buff *skb)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct remote remote = remote_of(skb);
	__u32 length = skb->len;
	__u32 index;

	if (remote.ip_version != 4)
		return TCX_NEXT;
	index = bpf_ntohl(remote.prefix) >> 8 & (prefixes - 1);
	index += cpu * prefixes;
	add(bpf_map_lookup_elem(&entries, &index), length);
	add(bpf_map_lookup_elem(&totals, &cpu), length);
	return TCX_NEXT;
}

char program_license[] SEC("license") = "Dual BSD/GPL";

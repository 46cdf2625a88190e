// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What counting cannot cost less than: nothing, one counter, and one look into
 * a plain LRU per-CPU hash. None of it is exact, nor meant to be.
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

char program_license[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Counts the packets and bytes that reach its place on a TCX hook: the
// tests' other program before or behind the exporter's.

typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))

// The start of struct __sk_buff, up to the one field that is read.
struct __sk_buff {
	__u32 len;
};

// The layout of a map's description in BTF: the numbers are array lengths.
struct {
	int (*type)[2]; // BPF_MAP_TYPE_ARRAY
	int (*max_entries)[3];
	__u32 *key;
	__u64 *value;
} seen SEC(".maps");

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) =
	(void *)1;

// Set before loading: TCX_NEXT (-1), TCX_PASS (0) or TCX_DROP (2).
const volatile int verdict = -1;

SEC("classifier")
int count(struct __sk_buff *skb)
{
	__u32 packets = 0, bytes = 1, longest = 2;
	__u64 *counter;

	// An array shared by all CPUs: unlike the exporter's own maps these
	// counters need atomics.
	counter = bpf_map_lookup_elem(&seen, &packets);
	if (counter)
		__sync_fetch_and_add(counter, 1);
	counter = bpf_map_lookup_elem(&seen, &bytes);
	if (counter)
		__sync_fetch_and_add(counter, skb->len);
	/* Nearly: two packets on two CPUs may hide the longer one's length. */
	counter = bpf_map_lookup_elem(&seen, &longest);
	if (counter && *counter < skb->len)
		*counter = skb->len;
	return verdict;
}

char program_license[] SEC("license") = "GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Gives each packet of a test run another remote address and hands it to the
 * program under test. BPF_PROG_TEST_RUN repeats one packet; with this in front
 * it is many.
 *
 * The same driver in front of an empty program is what the driver costs.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* TC_ACT_SHOT: nobody under test says so. */
#define NOBODY_RAN 2

/* How many addresses there are. */
const volatile __u32 addresses = 1;
/* Whether they come in order, not at random. */
const volatile __u32 in_order = 0;
/* Where in the packet the changing part of the address is: 32 bits. */
const volatile __u32 offset = 26;
/* How far those bits are from the last of them that is looked at. */
const volatile __u32 shift = 8;

/* The program under test, in its only place. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

/* How many packets each CPU has sent on. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} positions SEC(".maps");

/* Turns a count into a number that looks random; no two are the same. */
static __always_inline __u32 scramble(__u32 number)
{
	number ^= number >> 16;
	number *= 0x85ebca6b;
	number ^= number >> 13;
	number *= 0xc2b2ae35;
	return number ^ number >> 16;
}

/* driver.rs has the same function. */
static __always_inline __u32 address_number(__u32 position)
{
	if (addresses == 1)
		return 0;
	if (in_order)
		return position % addresses;
	position ^= bpf_get_smp_processor_id() << 24;
	return (__u64)scramble(position) * addresses >> 32;
}

SEC("classifier/drive")
int drive(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *position = bpf_map_lookup_elem(&positions, &zero);
	void *data_end = (void *)(long)skb->data_end;
	void *address = (void *)(long)skb->data + offset;
	__u32 number;

	if (!position || address + sizeof(__u32) > data_end)
		return NOBODY_RAN;
	/* Spread over all addresses: an odd factor keeps them apart. */
	number = address_number((*position)++) * 0x9e3779b1;
	*(__be32 *)address = bpf_htonl(number << shift);
	bpf_tail_call(skb, &target, 0);
	return NOBODY_RAN;
}

char program_license[] SEC("license") = "Dual BSD/GPL";

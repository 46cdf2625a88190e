// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts every packet of an interface by direction and remote prefix.
 *
 * Four programs, one a direction and link layer, share all the code. They
 * observe and never decide: every path returns TCX_NEXT, so that programs
 * behind this one on the same hook still run.
 *
 * No counter here is atomic. Each is written on its own CPU only, and the hook
 * runs with bottom halves disabled (sch_handle_ingress() in the receive
 * softirq, sch_handle_egress() under rcu_read_lock_bh() in net/core/dev.c), so
 * that no second packet interrupts the first on the same CPU.
 */
#include "flow_map.bpf.h"
#include "flow_table.bpf.h"
#include "parsing.bpf.h"
#include "prefix.bpf.h"
#include "statistics.bpf.h"
#include "traffic_abi.h"
#include "wire.bpf.h"

/* From linux/bpf.h since 6.6, which the installed headers may be older than. */
#define TCX_NEXT (-1)

/*
 * Never read: clang describes in the BTF only the types that something global
 * has, and tests/it/abi.rs compares the enums too.
 */
const volatile struct {
	enum traffic_direction direction;
	enum traffic_family family;
	enum traffic_state state;
} traffic_enums = {};

/*
 * The exact totals, the denominator of everything: index
 * (CPU * TRAFFIC_INTERFACES + interface) * 2 + direction. User space sets the
 * size, maps it and reads it without a system call.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic_total);
} totals SEC(".maps");

/*
 * ifindex to interface number + 1; 0 is a device that is not counted. Written
 * by user space after attaching and after detaching, read for every packet.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRAFFIC_DIRECT_IFINDEXES);
	__type(key, __u32);
	__type(value, __u32);
} interfaces SEC(".maps");

/* The same for the ifindexes that the array does not reach. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRAFFIC_INTERFACES);
	__type(key, __u32);
	__type(value, __u32);
} far_interfaces SEC(".maps");

/*
 * Returns the interface's number + 1, or 0 where it is not being counted.
 *
 * The barrier keeps clang from making one call of two: the verifier replaces a
 * look-up in an array by instructions only where it knows which map it is.
 */
static __always_inline __u32 interface_number(__u32 ifindex)
{
	__u32 *number;

	if (ifindex < TRAFFIC_DIRECT_IFINDEXES) {
		number = bpf_map_lookup_elem(&interfaces, &ifindex);
		barrier();
	} else {
		number = bpf_map_lookup_elem(&far_interfaces, &ifindex);
	}
	return number ? *number : 0;
}

/*
 * Fills in the remote side of the key. Returns the family the packet belongs
 * to: TRAFFIC_NON_IP where the protocol is another, or where the header is cut
 * off or does not say the version it should.
 */
static __always_inline enum traffic_family
identify_remote(struct __sk_buff *skb, struct network_header network,
		struct traffic_key *key)
{
	if (network.protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr scratch;
		const struct iphdr *ipv4;

		ipv4 = header_at(skb, network.offset, &scratch,
				 sizeof(scratch));
		if (!ipv4 || ipv4->version != 4 || ipv4->ihl < 5)
			return TRAFFIC_NON_IP;
		key->ip_version = 4;
		keep_prefix(key->remote,
			    key->direction == TRAFFIC_SENT ? &ipv4->daddr :
							     &ipv4->saddr,
			    1, ipv4_prefix_length);
		return TRAFFIC_IPV4;
	}
	if (network.protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr scratch;
		const struct ipv6hdr *ipv6;

		ipv6 = header_at(skb, network.offset, &scratch,
				 sizeof(scratch));
		if (!ipv6 || ipv6->version != 6)
			return TRAFFIC_NON_IP;
		key->ip_version = 6;
		keep_prefix(key->remote,
			    key->direction == TRAFFIC_SENT ?
				    ipv6->daddr.in6_u.u6_addr32 :
				    ipv6->saddr.in6_u.u6_addr32,
			    4, ipv6_prefix_length);
		return TRAFFIC_IPV6;
	}
	return TRAFFIC_NON_IP;
}

/*
 * Counts a packet whose flow is not in the table: the first one on this CPU, or
 * one of a flow that found no room. Not static, so that the verifier checks it
 * once by itself instead of again for every way that leads there.
 */
__noinline int count_elsewhere(__u32 cpu, const struct traffic_key *key,
			       const struct wire_size *size)
{
	struct traffic_statistics *own = own_statistics(cpu);
	struct traffic_key flow;

	if (!own || !key || !size)
		return 0;
	/* Older kernels, such as 6.1, take no argument as the key of a map. */
	flow = *key;
	if (!take_way(own, cpu, &flow, *size))
		count_in_map(own, &flow, *size);
	return 0;
}

/*
 * The flow is counted before the total, and user space reads totals before
 * flows: so every packet in a total that was read is in the flows read after
 * it, and what is missing there was evicted.
 */
static __always_inline int count(struct __sk_buff *skb,
				 enum traffic_direction direction,
				 enum link_layer link)
{
	struct traffic_key key = { .direction = direction };
	struct network_header network = parse_link(skb, link);
	struct wire_size size = wire_size_of(skb, direction, network);
	__u32 number = interface_number(skb->ifindex);
	__u32 cpu = bpf_get_smp_processor_id();
	struct traffic_total *total;
	enum traffic_family family;
	__u32 index;

	if (!number) {
		struct traffic_statistics *own = own_statistics(cpu);

		if (own)
			own->unknown_interfaces++;
		return TCX_NEXT;
	}
	key.interface = number - 1;

	family = identify_remote(skb, network, &key);
	if (family != TRAFFIC_NON_IP && !count_in_table(cpu, &key, size))
		count_elsewhere(cpu, &key, &size);

	index = (cpu * TRAFFIC_INTERFACES + key.interface) * 2 + direction;
	total = bpf_map_lookup_elem(&totals, &index);
	if (total) {
		total->packets[family] += size.packets;
		total->bytes[family] += size.bytes;
	}
	return TCX_NEXT;
}

SEC("classifier/ingress")
int traffic_ingress(struct __sk_buff *skb)
{
	return count(skb, TRAFFIC_RECEIVED, LINK_ETHERNET);
}

SEC("classifier/egress")
int traffic_egress(struct __sk_buff *skb)
{
	return count(skb, TRAFFIC_SENT, LINK_ETHERNET);
}

SEC("classifier/ingress_l3")
int traffic_ingress_l3(struct __sk_buff *skb)
{
	return count(skb, TRAFFIC_RECEIVED, LINK_NONE);
}

SEC("classifier/egress_l3")
int traffic_egress_l3(struct __sk_buff *skb)
{
	return count(skb, TRAFFIC_SENT, LINK_NONE);
}

/*
 * Attached nowhere: user space runs it to learn what `last_seen` is counted
 * in, so that both sides read the same clock.
 */
SEC("classifier/clock")
int traffic_clock(struct __sk_buff *skb __attribute__((unused)))
{
	return (__u32)bpf_jiffies64();
}

char _license[] SEC("license") = "Dual BSD/GPL";

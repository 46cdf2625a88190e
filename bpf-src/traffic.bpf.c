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
#include "classes.bpf.h"
#include "constants.bpf.h"
#include "flow_map.bpf.h"
#include "flow_table.bpf.h"
#include "interfaces.bpf.h"
#include "ipsec.bpf.h"
#include "parsing.bpf.h"
#include "prefix.bpf.h"
#include "statistics.bpf.h"
#include "totals.bpf.h"
#include "traffic_abi.h"
#include "wire.bpf.h"

/* From linux/bpf.h since 6.6; the installed headers may be older. */
#define TCX_NEXT (-1)

/* From linux/if_packet.h, whose other contents are about packet sockets. */
#define PACKET_LOOPBACK 5

/*
 * Never read: clang describes in the BTF only the types of global objects, and
 * tests/it/abi.rs compares the enums too.
 */
const volatile struct {
	enum traffic_direction direction;
	enum traffic_family family;
	enum traffic_state state;
	enum traffic_counter counter;
	enum traffic_abi abi;
	enum traffic_constant constant;
} traffic_enums = {};

/*
 * User space's notes on the other maps, written while it runs, for the next
 * process if the maps outlive this one. src/kernel/ledger.rs gives the meaning
 * of each word. No program reads them. One element if the maps do not outlive
 * user space.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} marks SEC(".maps");

/* User space's readings of the flow table: src/kernel/read_volumes.rs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} table_marks SEC(".maps");

/* A packet that has been read. */
struct packet {
	struct remote remote;
	struct wire_size size;
	__u32 ifindex;
	__u32 direction; /* enum traffic_direction */
	__u32 interface; /* its number + 1; 0 until that is known */
	__u32 class; /* find_class() */
};

/*
 * Counts a packet that has been read and whose interface is known. Not static,
 * like the next ones, so that the verifier checks it once by itself instead of
 * again for every path that leads there; such a function returns a number.
 *
 * The flow is counted before the total, and user space reads totals before
 * flows: so every packet in a total that was read is in the flows read after
 * it, and packets missing there were evicted. Returns an enum flow_room.
 */
__noinline int count_packet(const struct packet *packet)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct traffic_statistics *own = own_statistics(cpu);
	enum flow_room room = ROOM_IN_TABLE;
	enum traffic_direction direction;
	__u32 number;

	if (!packet || !own)
		return ROOM_IN_TABLE;
	direction = packet->direction == TRAFFIC_SENT ? TRAFFIC_SENT :
							TRAFFIC_RECEIVED;
	number = packet->interface;
	if (!number) {
		own->counters[TRAFFIC_UNKNOWN_INTERFACES]++;
		return ROOM_IN_TABLE;
	}
	number--;
	if (packet->remote.family < TRAFFIC_NON_IP) {
		struct table_key key = table_key_of(direction, packet->remote,
						    has_long_prefixes());

		set_class(&key, packet->class);
		set_interface(&key, number + 1, packet->ifindex, direction,
			      true);
		if (!count_in_table(own, cpu, &key, packet->size))
			room = count_in_map(own, number, direction,
					    packet->class, &packet->remote,
					    packet->size) ?
				       ROOM_IN_MAP :
				       ROOM_NOWHERE;
	}
	/* Read again, so that it takes no room on the stack until here. */
	number = *(const volatile __u32 *)&packet->interface - 1;
	add_to_total(total_index(cpu, number, direction), packet->remote.family,
		     packet->size);
	return room;
}

/*
 * Counts a packet of a class, whose flow is not in the table, in the total of
 * the class: after the flow, which the map may evict unread. Apart from
 * count_packet(), whose frame on the stack must not grow.
 */
__noinline int count_class(const struct packet *packet, enum flow_room room)
{
	struct traffic_statistics *own;
	struct traffic_key key = {};
	__u64 *prefix = (__u64 *)key.remote;
	__u32 now = bpf_jiffies64();

	own = own_statistics(bpf_get_smp_processor_id());
	if (!packet || !own || !packet->interface || !packet->class)
		return 0;
	key.interface = packet->interface - 1;
	key.direction = packet->direction;
	key.ip_version = packet->remote.family == TRAFFIC_IPV6 ? 6 : 4;
	key.class = packet->class;
	prefix[0] = prefix[1] = ~0ULL;
	if ((add_to_flow(&class_totals, &key, packet->size, now) ||
	     create_flow(&class_totals, own, NULL, &key, packet->size, now)) &&
	    room == ROOM_NOWHERE)
		own->counters[TRAFFIC_MAP_PACKETS]++;
	return 0;
}

/* Counts a packet that was read, unless it was counted while encrypted. */
static __always_inline int count_read(struct __sk_buff *skb,
				      struct packet *packet)
{
	enum flow_room room;
	__u32 number;

	if (!packet)
		return 0;
	number = interface_number(packet->ifindex);
	if (has_ipsec && number & TRAFFIC_HAS_IPSEC &&
	    packet->direction == TRAFFIC_RECEIVED && was_counted_encrypted(skb))
		return 0;
	packet->interface = number & ~TRAFFIC_HAS_IPSEC;
	room = count_packet(packet);
	if (room != ROOM_IN_TABLE && has_classes())
		count_class(packet, room);
	return 0;
}

/*
 * Returns whether the packet is a copy that the stack gives itself of a packet
 * that it sends to all or to a group of its own (dev_loopback_xmit()): the copy
 * was on no wire. On egress such a copy goes out by another device, as a router
 * of multicast sends it (ip_mr_input()).
 */
static __always_inline bool is_own_copy(struct __sk_buff *skb,
					enum traffic_direction direction)
{
	return direction == TRAFFIC_RECEIVED &&
	       skb->pkt_type == PACKET_LOOPBACK;
}

/* Counts any packet that was or will be on the wire. */
__noinline int count_any(struct __sk_buff *skb, __u32 is_sent, __u32 has_link)
{
	enum traffic_direction direction = is_sent ? TRAFFIC_SENT :
						     TRAFFIC_RECEIVED;
	struct network_header network = {};
	struct packet packet = {};

	if (is_own_copy(skb, direction))
		return 0;
	network = parse_link(skb, direction,
			     has_link ? LINK_ETHERNET : LINK_NONE);
	packet.size = wire_size_of(skb, direction, network);
	packet.remote = find_remote(skb, network, direction);
	packet.ifindex = skb->ifindex;
	packet.direction = direction;
	if (has_classes() && packet.remote.family < TRAFFIC_NON_IP)
		packet.class = find_class(skb, network.offset,
					  packet.remote.family == TRAFFIC_IPV6,
					  is_sent);
	return count_read(skb, &packet);
}

/*
 * Returns whether the packet of a device without an Ethernet header begins with
 * its network header. A sent packet of the stack is as long as its header says;
 * a received one has no bytes before the part that the network layer will see.
 */
static __always_inline bool
is_bare(struct __sk_buff *skb, enum traffic_direction direction, __u32 told)
{
	return direction == TRAFFIC_SENT ? told == skb->len :
					   skb->wire_len == skb->len;
}

/*
 * Reads an ordinary packet: one frame without a tag, its header in place.
 * Returns false for any other.
 */
static __always_inline bool read_ordinary(struct __sk_buff *skb,
					  enum traffic_direction direction,
					  enum link_layer link, bool is_long,
					  struct table_key *key)
{
	__u32 offset = link == LINK_ETHERNET ? ETH_HLEN : 0;
	void *data = READ_CONTEXT(skb, data);
	void *data_end = READ_CONTEXT(skb, data_end);
	void *header = data + offset;
	__be16 protocol;
	__u32 told;

	if (header + sizeof(struct iphdr) > data_end)
		return false;
	protocol = link == LINK_ETHERNET ? *(__be16 *)(header - 2) :
					   skb->protocol;
	if (protocol == bpf_htons(ETH_P_IP)) {
		if (!is_ipv4(header))
			return false;
		told = bpf_ntohs(((struct iphdr *)header)->tot_len);
		*key = table_key_of(direction,
				    remote_of_ipv4(header, direction), is_long);
	} else if (protocol == bpf_htons(ETH_P_IPV6)) {
		if (header + sizeof(struct ipv6hdr) > data_end ||
		    !is_version_6(header))
			return false;
		told = bpf_ntohs(((struct ipv6hdr *)header)->payload_len) +
		       sizeof(struct ipv6hdr);
		*key = table_key_of(direction,
				    remote_of_ipv6(header, direction, is_long),
				    is_long);
	} else {
		return false;
	}
	if (link == LINK_NONE && !is_bare(skb, direction, told))
		return false;
	return !skb->gso_size && !skb->vlan_present &&
	       !is_own_copy(skb, direction);
}

/* Returns the size of a packet that is one frame. */
static __always_inline struct wire_size
ordinary_size_of(struct __sk_buff *skb, enum traffic_direction direction)
{
	__u32 bytes = direction == TRAFFIC_SENT ? skb->wire_len : skb->len;

	return (struct wire_size){ .packets = 1, .bytes = bytes };
}

/*
 * Counts a packet of a flow that is found at once. Otherwise does nothing and
 * returns false.
 *
 * Four registers survive a look-up; all other values that are needed later are
 * written to memory and read again. So the function reads values again instead
 * of keeping them, and computes each as late as it can.
 */
static __always_inline bool count_at_once(struct __sk_buff *skb,
					  enum traffic_direction direction,
					  bool is_classed, struct table_key key)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u32 ifindex = skb->ifindex;
	__u32 *known, number, total;
	struct wire_size size;

	known = bpf_map_lookup_elem(&interfaces, &ifindex);
	if (!known)
		return false;
	number = *known;
	/* Otherwise the class and the number would overlap in the tag. */
	if (is_classed && number - 1 >= TRAFFIC_INTERFACES)
		return false;
	total = total_index(cpu, number - 1, direction);
	set_interface(&key, number, ifindex, direction, is_classed);
	size = ordinary_size_of(skb, direction);
	if (!count_at_places(cpu, is_classed || key.is_long ? 1 : 2, &key,
			     size))
		return false;
	add_to_total(total, family_of(&key), size);
	return true;
}

static __always_inline int count_for(struct __sk_buff *skb,
				     enum traffic_direction direction,
				     enum link_layer link, bool is_long,
				     bool is_classed)
{
	struct table_key key;

	if (!read_ordinary(skb, direction, link, is_long, &key)) {
		count_any(skb, direction == TRAFFIC_SENT,
			  link == LINK_ETHERNET);
		return TCX_NEXT;
	}
	if (is_classed)
		set_class(&key,
			  find_class(skb, link == LINK_ETHERNET ? ETH_HLEN : 0,
				     family_of(&key) == TRAFFIC_IPV6,
				     direction == TRAFFIC_SENT) &
				  0xFFFF);
	if (!count_at_once(skb, direction, is_classed, key)) {
		struct packet packet = {
			.remote = remote_of(&key),
			.size = ordinary_size_of(skb, direction),
			.ifindex = skb->ifindex,
			.direction = direction,
			.class = is_classed ? class_of(&key) : 0,
		};

		count_read(skb, &packet);
	}
	return TCX_NEXT;
}

/*
 * The code is there four times, and the verifier leaves one: without the code
 * for long prefixes or classes, it needs no registers for them either.
 */
static __always_inline int count(struct __sk_buff *skb,
				 enum traffic_direction direction,
				 enum link_layer link)
{
	switch (packet_path()) {
	case 0:
		return count_for(skb, direction, link, false, false);
	case PATH_LONG_PREFIXES:
		return count_for(skb, direction, link, true, false);
	case PATH_CLASSES:
		return count_for(skb, direction, link, false, true);
	default:
		return count_for(skb, direction, link, true, true);
	}
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
 * Attached nowhere: user space runs it to read the clock of `last_seen`, so
 * that both sides read the same clock.
 */
SEC("classifier/clock")
int traffic_clock(struct __sk_buff *skb __attribute__((unused)))
{
	return (__u32)bpf_jiffies64();
}

char _license[] SEC("license") = "Dual BSD/GPL";

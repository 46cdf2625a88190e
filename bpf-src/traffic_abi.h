/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The border between the kernel side and the user side: every struct, number
 * and map size that crosses it. src/kernel/abi.rs mirrors it, and
 * tests/it/abi.rs compares the two through the compiled object's BTF.
 *
 * Rules: fixed-width integers only, largest first, no holes (a hole in a key
 * is uninitialised memory that makes one prefix many keys), no bit-fields.
 */
#ifndef TRAFFIC_ABI_H
#define TRAFFIC_ABI_H

#include <stddef.h>
#include <linux/types.h>

/* Seen from this machine. */
enum traffic_direction {
	TRAFFIC_RECEIVED = 0, /* ingress hook */
	TRAFFIC_SENT = 1, /* egress hook */
};

/* The kinds of traffic that the exact totals tell apart. */
enum traffic_family {
	TRAFFIC_IPV4 = 0,
	TRAFFIC_IPV6 = 1,
	TRAFFIC_NON_IP = 2,
	TRAFFIC_FAMILIES = 3,
};

/*
 * One version for the maps of each feature, as src/kernel/features.rs groups
 * them. The number changes with every change of a map, of a struct in it, or of
 * a counter's meaning. Maps of another number that an exporter left are made
 * anew. The first is that of the totals, of the numbers of interfaces and of
 * `marks`: without them the counts of the others mean nothing.
 */
enum traffic_abi {
	TRAFFIC_ABI_VERSION = 2,
	TRAFFIC_FLOW_MAP_VERSION = 1,
	TRAFFIC_FLOW_TABLE_VERSION = 1,
	TRAFFIC_IPSEC_VERSION = 1,
	TRAFFIC_CLASSES_VERSION = 1,
};

/* Numbers that user space writes into the instructions: constants.bpf.h. */
enum traffic_constant {
	TRAFFIC_PACKET_PATH = 0,
	TRAFFIC_IPV4_PREFIX_MASK = 1,
	TRAFFIC_IPV6_PREFIX_MASK = 2, /* the first half of an address */
	TRAFFIC_IPV6_PREFIX_MASK_REST = 3,
	TRAFFIC_HAS_CARRIED_IPV4 = 4,
	TRAFFIC_TABLE_SETS = 5,
	TRAFFIC_TABLE_BLOCK_SETS = 6,
	TRAFFIC_TABLE_LAST_BLOCK = 7,
	TRAFFIC_TABLE_SEED = 8,
	TRAFFIC_TABLE_SEED_SECOND = 9,
	TRAFFIC_TABLE_SEED_REST = 10,
};

/* The placeholder of a constant is this and its number. */
#define TRAFFIC_CONSTANTS 0x5EEDC0DEB10C0000

/* The number of interfaces that can be counted at the same time. */
#define TRAFFIC_INTERFACES 4096

/* Ways of a set of the flow table. */
#define TRAFFIC_WAYS 8

/*
 * An ifindex below this finds its interface in an array, one above it in a
 * hash map, 20 ns later. Only hosts that created this many devices since they
 * were booted see the second.
 */
#define TRAFFIC_DIRECT_IFINDEXES 65536

/*
 * In an element of `interfaces`, beside the number: look for packets that IPsec
 * decrypted. It becomes the highest bit of a tag, which no way has, so that no
 * packet is found at once. Element 0 belongs to no device: it has the bit for
 * the devices that are not in the array.
 */
#define TRAFFIC_HAS_IPSEC (1U << 27)

/*
 * The element of `class_settings`: in its lowest 32 bits two numbers of packets
 * without a local range, in the others these flags. All numbers of classes are
 * pairs: the low half is the first.
 */
#define TRAFFIC_CLASS_IS_SECOND (1ULL << 32) /* the second half is in force */
#define TRAFFIC_CLASS_HAS_LOCAL (1ULL << 33) /* there are local ranges */
#define TRAFFIC_CLASS_HAS_NARROW (1ULL << 34) /* there are narrow ranges */
#define TRAFFIC_CLASS_HAS_SERVICES (1ULL << 35) /* there are services */

/* Added to the number of a service for a packet that asks for a connection. */
#define TRAFFIC_CLASS_ATTEMPT 0x00010001U

/* Elements of `service_ports` for each protocol. */
#define TRAFFIC_PORTS 65536

/* The most ranges of each kind. */
#define TRAFFIC_RANGES 131072

/* The most keys of `class_totals`. */
#define TRAFFIC_CLASS_TOTALS 65536

/* The first bits of a range are those of its version of IP. */
#define TRAFFIC_RANGE_VERSION_BITS 32

/* Places for the received packets of states of IPsec. */
#define TRAFFIC_IPSEC_STATES 8192

/* The key that a packet is counted for. */
struct traffic_key {
	/*
	 * The number that user space gave this attachment, not the ifindex:
	 * the kernel gives an ifindex out again after a device is gone.
	 */
	__u32 interface;
	__u8 direction; /* enum traffic_direction */
	__u8 ip_version; /* 4 or 6 */
	__u16 class; /* find_class(); zero without classes */
	/*
	 * The other end's prefix in network order, the bits past the prefix
	 * zero; IPv4 in the first four bytes, the rest zero. An address of
	 * IPv6 that carries one of IPv4 is kept in another form: see
	 * carried_ipv4(). All bits are set for packets of a class whose flows
	 * found no room.
	 */
	__u8 remote[16];
};

/*
 * A range in a trie. `prefix_length` counts the bits from `ip_version` on: 32
 * more than in the range. `ip_version` is 4 or 6.
 */
struct traffic_range_key {
	__u32 prefix_length;
	__u32 ip_version;
	__u8 address[16]; /* as in struct traffic_key */
};

/* The counters of one CPU for a key. They only grow. */
struct traffic_value {
	__u64 packets;
	__u64 bytes;
	__u32 last_seen; /* low half of jiffies64; zero if never on this CPU */
	/*
	 * The number of this creation of the key: on the CPU that created it
	 * the count of its creations and, in the low byte, its number; zero on
	 * the others. It tells a key that was evicted and came back from one
	 * that stayed.
	 */
	__u32 generation;
};

/*
 * A way: the counts of one CPU for the flow that the tag names. Half a cache
 * line. Counters only grow, from one flow that has the way to the next.
 *
 * A tag is zero if the way is free; else, from the lowest bit:
 *
 *   32  IPv4: the prefix, as it lies in the packet; IPv6: a hash of it
 *    2  enum traffic_state
 *    1  set for IPv6
 *    1  enum traffic_direction
 *   12  number of the interface
 *   16  class
 *
 * Only the program, on its own CPU, turns a free way into a used one; only user
 * space turns a used one into a retired one, and that into a free one once no
 * program can be running that has seen it used.
 */
struct traffic_entry {
	__u64 tag;
	__u64 remote; /* the first half of the prefix; IPv4: all of it, and 0 */
	__u64 packets;
	__u64 bytes;
};

/*
 * A flow may have any way of two sets on one CPU. In each set it first tries
 * the two ways of its place.
 */
struct traffic_set {
	struct traffic_entry entries[TRAFFIC_WAYS];
};

/* The second halves of IPv6 prefixes that are longer than 64 bits. */
struct traffic_rests {
	__u64 remote[TRAFFIC_WAYS];
};

enum traffic_state {
	TRAFFIC_USED = 1,
	TRAFFIC_RETIRED = 2,
};

#define TRAFFIC_TAG_STATE 32
#define TRAFFIC_TAG_IPV6 34
#define TRAFFIC_TAG_DIRECTION 35
#define TRAFFIC_TAG_INTERFACE 36
#define TRAFFIC_TAG_CLASS 48

/* Everything one CPU saw on one interface in one direction. */
struct traffic_total {
	__u64 packets[TRAFFIC_FAMILIES];
	__u64 bytes[TRAFFIC_FAMILIES];
};

/*
 * A CPU's counters of its own work. src/accounting/kernel_counters.rs has the
 * same in the same order, with their meaning; a new one goes to the end.
 */
enum traffic_counter {
	TRAFFIC_NEW_KEYS = 0,
	TRAFFIC_LOOKUP_FAILURES = 1,
	TRAFFIC_UPDATE_FAILURES = 2,
	TRAFFIC_UNKNOWN_INTERFACES = 3,
	TRAFFIC_NEW_ENTRIES = 4,
	TRAFFIC_MAP_PACKETS = 5,
};

/* A cache line of counters, with room for two more. */
struct traffic_statistics {
	__u64 counters[8];
};

/* The part of the flow table that one CPU uses: a cache line. */
struct traffic_part {
	/* The blocks that may have used ways, less one; only grows. */
	__u64 blocks_mask;
	__u64 taken_entries; /* ways taken */
	__u64 freed_entries; /* ways freed; written by user space alone */
	/*
	 * The blocks in which flows have their places, less one. User space
	 * makes it smaller, and the program larger.
	 */
	__u64 places_mask;
	/*
	 * Written by user space alone: the used ways from which on the part
	 * grows, in the low half, if it has as many blocks as the high half
	 * says.
	 */
	__u64 limit;
	__u64 unused[3];
};

/* The number of keys that the flow map took in. */
struct traffic_admission {
	__u64 admitted; /* since user space last set it back */
};

/* The packets of a state of IPsec that a device received lately. */
struct traffic_ipsec_state {
	__u32 seen_at; /* a whole packet; zero for never */
	__s32 fragments; /* packets in fragments that are not decrypted yet */
};

#define TRAFFIC_AT(type, field, offset)                 \
	_Static_assert(offsetof(type, field) == offset, \
		       #type "." #field " has moved")

_Static_assert(sizeof(struct traffic_key) == 24, "the key has a hole");
TRAFFIC_AT(struct traffic_key, interface, 0);
TRAFFIC_AT(struct traffic_key, direction, 4);
TRAFFIC_AT(struct traffic_key, ip_version, 5);
TRAFFIC_AT(struct traffic_key, class, 6);
TRAFFIC_AT(struct traffic_key, remote, 8);
_Static_assert(sizeof(struct traffic_range_key) == 24, "the range has a hole");
_Static_assert(sizeof(struct traffic_value) == 24, "the value has a hole");
TRAFFIC_AT(struct traffic_value, packets, 0);
TRAFFIC_AT(struct traffic_value, bytes, 8);
TRAFFIC_AT(struct traffic_value, last_seen, 16);
TRAFFIC_AT(struct traffic_value, generation, 20);
_Static_assert(sizeof(struct traffic_total) == 48, "the total has a hole");
_Static_assert(sizeof(struct traffic_entry) == 32, "the entry has a hole");
_Static_assert(sizeof(struct traffic_set) == 256, "the set has a hole");
_Static_assert(sizeof(struct traffic_rests) == 64, "the rests have a hole");
_Static_assert(1ULL << (TRAFFIC_TAG_CLASS - TRAFFIC_TAG_INTERFACE) ==
		       TRAFFIC_INTERFACES,
	       "the tag has no room for the interface");
_Static_assert((__u64)TRAFFIC_HAS_IPSEC << TRAFFIC_TAG_INTERFACE == 1ULL << 63,
	       "the bit is another one in the tag");
_Static_assert(sizeof(struct traffic_statistics) == 64,
	       "the statistics have a hole");
_Static_assert(sizeof(struct traffic_part) == 64, "the part has a hole");

#endif /* TRAFFIC_ABI_H */

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The border between connections.bpf.c and user space: every struct and number
 * that crosses it. src/kernel/connections/abi.rs mirrors it, and
 * tests/it/abi.rs compares the two through the compiled object's BTF. The rules
 * are those of traffic_abi.h.
 *
 * These maps never outlive the process, so they have no version.
 */
#ifndef CONNECTIONS_ABI_H
#define CONNECTIONS_ABI_H

#include <linux/types.h>

enum connections_direction {
	CONNECTIONS_INBOUND = 0,
	CONNECTIONS_OUTBOUND = 1,
};

/* Keys of each of the two maps of growth. */
#define CONNECTIONS_KEYS 32768

/* Places of connections in the table: CONNECTIONS_WAYS in each set. */
#define CONNECTIONS_SETS 4096
#define CONNECTIONS_WAYS 4

/* Buckets of round-trip times; the last one has no upper bound. */
#define CONNECTIONS_BUCKETS 10

/* In `word` of the settings: the growth map in use, then the generation. */
#define CONNECTIONS_IS_SECOND 1ULL

struct connections_key {
	__u8 remote[16]; /* in network order; IPv4 as ::ffff:a.b.c.d */
	__u16 local_port; /* 0 if outbound */
	__u16 direction; /* enum connections_direction */
};

/* Several CPUs add to one element: all of its words are changed by atomics. */
struct connections_growth {
	__u64 opened;
	__u64 failed;
	__u64 closed;
	__s64 open; /* the change of their number */
	/* Open ones of an older generation that were counted anew, or ended. */
	__u64 carried;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u64 segments_sent;
	__u64 segments_retransmitted;
	__u64 round_trips_sum; /* in microseconds */
	__u64 round_trips[CONNECTIONS_BUCKETS];
};

struct connections_settings {
	__u64 word; /* the generation * 2, and CONNECTIONS_IS_SECOND */
	__u64 unused[7]; /* the others change often: another cache line */
	__u64 keys[2]; /* in each growth map; user space sets it to 0 */
	__u64 untracked; /* connections without storage */
	__u64 displaced; /* ends that were counted under no key, see there */
	__u64 is_finding; /* user space looks for open connections */
	__u64 visited; /* open ones in a visit; user space sets it to 0 */
	__u64 unused2[2];
};

/* The notes on one socket; they fill one cache line. */
struct connections_socket {
	__u64 mark; /* connections_mark.bpf.h */
	/* The last readings, each beside the connection's number. */
	__u64 bytes_acked;
	__u64 bytes_received;
	__u64 segments_sent;
	__u64 segments_retransmitted;
};

/* The places of connections whose sockets have cookies of one remainder. */
struct connections_set {
	__u64 cookies[CONNECTIONS_WAYS]; /* 0 if the place is free */
	struct connections_socket sockets[CONNECTIONS_WAYS];
};

_Static_assert(sizeof(struct connections_key) == 20, "the key has a hole");
_Static_assert(sizeof(struct connections_growth) ==
		       (10 + CONNECTIONS_BUCKETS) * 8,
	       "the growth has a hole");
_Static_assert(sizeof(struct connections_settings) == 128,
	       "the settings have a hole");
/* The kernel puts 8 bytes before it, in a cache line of its own. */
_Static_assert(sizeof(struct connections_socket) + 8 <= 64,
	       "the socket's storage needs another cache line");

_Static_assert(sizeof(struct connections_set) == 192,
	       "a set of places has a hole");

#endif /* CONNECTIONS_ABI_H */

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The notes on a socket, and the claims of the growth since the last
 * reading.
 *
 * Nothing is counted twice or lost between a visit and an event at the same
 * time on two CPUs: what moved is claimed by an atomic exchange of the reading.
 */
#ifndef CONNECTIONS_SOCKET_BPF_H
#define CONNECTIONS_SOCKET_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "connections_abi.h"
#include "connections_kernel.bpf.h"
#include "connections_mark.bpf.h"

/* The states of an open connection. */
#define STATES_OPEN                                            \
	(1U << BPF_TCP_ESTABLISHED | 1U << BPF_TCP_FIN_WAIT1 | \
	 1U << BPF_TCP_FIN_WAIT2 | 1U << BPF_TCP_CLOSE_WAIT |  \
	 1U << BPF_TCP_LAST_ACK | 1U << BPF_TCP_CLOSING)

/*
 * The notes on sockets without a place in the table (connections_places.bpf.h),
 * in the memory of the socket's options: the kernel frees them with the socket.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connections_socket);
} connections_sockets SEC(".maps");

/* The readings of a socket. */
struct readings {
	__u64 bytes_acked;
	__u64 bytes_received;
	__u64 segments_sent;
	__u64 segments_retransmitted;
};

static __always_inline struct readings readings_of(const struct tcp_sock *tcp)
{
	return (struct readings){
		.bytes_acked = tcp->bytes_acked,
		.bytes_received = tcp->bytes_received,
		.segments_sent = tcp->segs_out,
		.segments_retransmitted = tcp->total_retrans,
	};
}

/* Returns the mark of a connection that begins to be counted as open. */
static __always_inline __u64 open_mark(struct sock *sk, __u64 before,
				       __u64 word, bool is_outbound)
{
	return (before & MARK_NUMBER) | MARK_OPEN |
	       (is_outbound ? MARK_OUTBOUND : 0) | generation_of_word(word) |
	       (__u64)sk->__sk_common.skc_num << MARK_PORT_SHIFT;
}

static __always_inline void set_readings(struct connections_socket *known,
					 __u64 mark, struct readings now)
{
	known->bytes_acked = reading(mark, now.bytes_acked);
	known->bytes_received = reading(mark, now.bytes_received);
	known->segments_sent = reading(mark, now.segments_sent);
	known->segments_retransmitted =
		reading(mark, now.segments_retransmitted);
}

static __always_inline struct connections_socket *stored_of(struct sock *sk)
{
	return bpf_sk_storage_get(&connections_sockets, sk, NULL, 0);
}

static __always_inline struct connections_socket *made_for(struct sock *sk)
{
	return bpf_sk_storage_get(&connections_sockets, sk, NULL,
				  BPF_SK_STORAGE_GET_F_CREATE);
}

static __always_inline __u64 mark_of(const struct connections_socket *known)
{
	return *(const volatile __u64 *)&known->mark;
}

static __always_inline void set_mark(struct connections_socket *known,
				     __u64 mark)
{
	*(volatile __u64 *)&known->mark = mark;
}

/* Begins the notes of another connection: all its counters are zero. */
static __always_inline void renew(struct connections_socket *known)
{
	__u64 mark =
		(mark_of(known) & MARK_NUMBER) + (1ULL << MARK_NUMBER_SHIFT);

	set_mark(known, mark);
	set_readings(known, mark, (struct readings){});
}

/*
 * Claims what moved since the last reading, at the end of a connection. A visit
 * at the same time read no more than this: it read before it saw that the
 * connection was still open.
 */
static __always_inline __u64 claim_last(__u64 *last, __u64 now)
{
	__u64 before = __sync_lock_test_and_set(last, now);

	return (before ^ now) & MARK_NUMBER ? 0 : now - before;
}

/* Claims what moved since the last reading of a number of 64 bits. */
static __always_inline __u64 claim(__u64 *last, __u64 now)
{
	__u64 before = *(volatile __u64 *)last;

	if ((before ^ now) & MARK_NUMBER || before >= now ||
	    __sync_val_compare_and_swap(last, before, now) != before)
		return 0;
	return now - before;
}

/* Likewise of one of 32 bits, which begins again at zero. */
static __always_inline __u64 claim_short(__u64 *last, __u64 now)
{
	__u64 before = *(volatile __u64 *)last;
	__u32 growth = (__u32)now - (__u32)before;

	if ((before ^ now) & MARK_NUMBER || (__s32)growth <= 0 ||
	    __sync_val_compare_and_swap(last, before, now) != before)
		return 0;
	return growth;
}

#endif /* CONNECTIONS_SOCKET_BPF_H */

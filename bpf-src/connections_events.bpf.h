/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The events of a connection: it is opened, it fails, it ends.
 */
#ifndef CONNECTIONS_EVENTS_BPF_H
#define CONNECTIONS_EVENTS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "connections_growth.bpf.h"
#include "connections_key.bpf.h"
#include "connections_places.bpf.h"
#include "connections_socket.bpf.h"

/*
 * A socket asks for a connection. It may have had one: after a disconnect all
 * its counters are zero.
 */
static __always_inline void begin_asking(struct sock *sk)
{
	struct connections_socket *known = known_of(sk).socket;

	if (known && state_of(mark_of(known)) != MARK_NONE)
		renew(known);
}

/* The other side asks at the same time. */
static __always_inline void note_asked(struct sock *sk)
{
	struct connections_key key = {};
	struct connections_socket *known;
	__u64 mark;

	if (!bpf_skc_to_tcp_sock(sk) || !find_remote(&key, sk))
		return;
	known = made_for(sk);
	if (!known)
		return;
	mark = mark_of(known);
	if (state_of(mark) == MARK_NONE)
		set_mark(known, mark | MARK_ASKED);
}

/*
 * Returns whether the first program counted this event, so that the second one
 * is done at once.
 */
static __always_inline bool is_done(struct sock *sk, bool is_second)
{
	struct connections_socket *known;

	if (!is_second)
		return false;
	known = known_of(sk).socket;
	return known && state_of(mark_of(known)) != MARK_NONE;
}

/*
 * Finds the address of a connection or an attempt. Returns false if it is not
 * to be counted, or if the first program has counted it.
 */
static __always_inline bool prepare(struct sock *sk, bool is_second,
				    struct connections_key *key)
{
	return !is_done(sk, is_second) && bpf_skc_to_tcp_sock(sk) &&
	       find_remote(key, sk);
}

/* Returns whether the event of a socket with these notes is to be counted. */
static __always_inline bool is_new(const struct connections_socket *known,
				   bool is_second, __u64 *mark)
{
	*mark = known ? mark_of(known) : 0;
	return state_of(*mark) == MARK_NONE && (known || !is_second);
}

static __always_inline void begin(struct sock *sk, int from, bool is_second)
{
	bool is_outbound = from == BPF_TCP_SYN_SENT;
	struct connections_settings *all = settings();
	struct connections_socket *known;
	struct connections_key key = {};
	struct connections_growth *growth;
	__u64 mark, word;

	if (!all || !prepare(sk, is_second, &key))
		return;
	known = room_for(sk);
	if (!is_new(known, is_second, &mark))
		return;
	word = word_of(all);
	mark = open_mark(sk, mark, word, is_outbound || (mark & MARK_ASKED));
	set_kind(&key, mark);
	growth = find_growth(all, word, &key, &mark);
	if (!growth)
		return;
	add(&growth->opened, 1);
	if (!known) {
		add(&all->untracked, 1);
		return;
	}
	add((__u64 *)&growth->open, 1);
	set_mark(known, mark);
}

static __always_inline void fail(struct sock *sk, bool is_second)
{
	struct connections_settings *all = settings();
	struct connections_socket *known;
	struct connections_key key = {};
	struct connections_growth *growth;
	struct tcp_sock *tcp;
	__u64 mark;

	if (!all || !prepare(sk, is_second, &key))
		return;
	known = made_for(sk);
	if (!is_new(known, is_second, &mark))
		return;
	mark = (mark & MARK_NUMBER) | MARK_FAILED | MARK_OUTBOUND;
	set_kind(&key, mark);
	if (known)
		set_mark(known, mark);
	growth = find_growth(all, word_of(all), &key, &mark);
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!growth || !tcp)
		return;
	add(&growth->failed, 1);
	add(&growth->segments_sent, tcp->segs_out);
	add(&growth->segments_retransmitted, tcp->total_retrans);
}

/*
 * Notes the end of a connection in the socket's storage, while the open ones
 * are looked for: the iterator may be about to find it, and to count it as open
 * for good. To be called before its place is given up.
 */
static __always_inline void note_end(struct sock *sk)
{
	struct connections_socket *stored = made_for(sk);
	__u64 mark;

	if (!stored)
		return;
	mark = mark_of(stored);
	if (state_of(mark) == MARK_NONE)
		__sync_val_compare_and_swap(&stored->mark, mark,
					    mark | MARK_DONE);
}

static __always_inline void count_end(struct connections_settings *all,
				      struct sock *sk,
				      struct connections_socket *known)
{
	struct connections_key key = {};
	struct connections_growth *growth;
	struct tcp_sock *tcp;
	struct readings now;
	__u64 mark, was, word;

	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || !set_remote(&key, sk))
		return;
	now = readings_of(tcp);
	/* Keeps a generation that a visit puts in at the same time. */
	mark = __sync_fetch_and_xor(&known->mark, MARK_OPEN ^ MARK_DONE);
	set_kind(&key, mark);
	word = word_of(all);
	was = mark;
	growth = find_growth(all, word, &key, &mark);
	if (!growth)
		return;
	add(&growth->closed, 1);
	if (is_of_generation(mark, word)) {
		add((__u64 *)&growth->open, -1);
		/* Another element than that which has it as open. */
		if (mark != was)
			add(&all->displaced, 1);
	} else {
		add(&growth->carried, 1);
	}
	add(&growth->bytes_acked,
	    claim_last(&known->bytes_acked, reading(mark, now.bytes_acked)));
	add(&growth->bytes_received,
	    claim_last(&known->bytes_received,
		       reading(mark, now.bytes_received)));
	/* These are numbers of 32 bits, which begin again at zero. */
	add(&growth->segments_sent,
	    (__u32)claim_last(&known->segments_sent,
			      reading(mark, now.segments_sent)));
	add(&growth->segments_retransmitted,
	    (__u32)claim_last(&known->segments_retransmitted,
			      reading(mark, now.segments_retransmitted)));
}

static __always_inline void end(struct sock *sk)
{
	struct connections_settings *all = settings();
	struct known known;

	if (!all)
		return;
	if (all->is_finding)
		note_end(sk);
	known = known_of(sk);
	if (!known.socket || state_of(mark_of(known.socket)) != MARK_OPEN)
		return;
	count_end(all, sk, known.socket);
	leave_place(known);
}

static __always_inline int count_change(__u64 *change, bool is_second)
{
	struct sock *sk = (struct sock *)change[0];
	int from = change[1], to = change[2];

	switch (to) {
	case BPF_TCP_ESTABLISHED:
		if (from == BPF_TCP_SYN_SENT || from == BPF_TCP_SYN_RECV)
			begin(sk, from, is_second);
		return 0;
	case BPF_TCP_CLOSE:
		if (from == BPF_TCP_SYN_SENT)
			fail(sk, is_second);
		else if (STATES_OPEN >> (from & 31) & 1)
			end(sk);
		return 0;
	case BPF_TCP_SYN_SENT:
		begin_asking(sk);
		return 0;
	case BPF_TCP_SYN_RECV:
		if (from == BPF_TCP_SYN_SENT)
			note_asked(sk);
		return 0;
	default:
		return 0;
	}
}

#endif /* CONNECTIONS_EVENTS_BPF_H */

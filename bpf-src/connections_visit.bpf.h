/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Visits of the sockets of open connections.
 */
#ifndef CONNECTIONS_VISIT_BPF_H
#define CONNECTIONS_VISIT_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "connections_growth.bpf.h"
#include "connections_key.bpf.h"
#include "connections_places.bpf.h"
#include "connections_socket.bpf.h"

/* Upper bounds of the buckets of round-trip times, in microseconds. */
const volatile __u32 round_trip_bounds[CONNECTIONS_BUCKETS - 1] = {};

/* The ports of listening sockets, a bit each, while the open ones are found. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536 / 64);
	__type(key, __u32);
	__type(value, __u64);
} connections_listening SEC(".maps");

static __always_inline void add_round_trip(struct connections_growth *growth,
					   __u32 time)
{
	__u32 bucket = 0;

#pragma unroll
	for (int i = 0; i < CONNECTIONS_BUCKETS - 1; i++)
		bucket += time > round_trip_bounds[i];
	if (bucket >= CONNECTIONS_BUCKETS)
		return;
	add(&growth->round_trips[bucket], 1);
	add(&growth->round_trips_sum, time);
}

/* Adds what moved since the last reading. An idle connection costs no look-up.
 */
static __always_inline void
count_progress(struct connections_settings *all, __u64 word,
	       const struct connections_key *key, __u64 mark,
	       struct connections_socket *known, const struct readings *now,
	       __u32 round_trip)
{
	struct connections_growth *growth;
	__u64 acked, received;
	__u32 sent, again;

	acked = claim(&known->bytes_acked, reading(mark, now->bytes_acked));
	received = claim(&known->bytes_received,
			 reading(mark, now->bytes_received));
	sent = claim_short(&known->segments_sent,
			   reading(mark, now->segments_sent));
	again = claim_short(&known->segments_retransmitted,
			    reading(mark, now->segments_retransmitted));
	if (!acked && !received && !sent && !again)
		return;
	growth = find_growth(all, word, key, &mark);
	if (!growth)
		return;
	add(&growth->bytes_acked, acked);
	add(&growth->bytes_received, received);
	add(&growth->segments_sent, sent);
	add(&growth->segments_retransmitted, again);
	if ((acked || received) && round_trip)
		add_round_trip(growth, round_trip);
}

/* Returns whether a reading is another one than the last. */
static __always_inline bool has_moved(const struct connections_socket *known,
				      __u64 mark, const struct readings *now)
{
	return known->bytes_acked != reading(mark, now->bytes_acked) ||
	       known->bytes_received != reading(mark, now->bytes_received) ||
	       known->segments_sent != reading(mark, now->segments_sent) ||
	       known->segments_retransmitted !=
		       reading(mark, now->segments_retransmitted);
}

/*
 * Ends a read of the iterator if the map in use is half full: user space takes
 * the growth, and reads on. Without this, a visit of more busy connections than
 * the map has keys would count the others without their addresses.
 */
static __always_inline void ask_to_take(const struct connections_settings *all,
					__u64 word, struct seq_file *output)
{
	const __u8 byte = 0;

	if (all->keys[word & CONNECTIONS_IS_SECOND] > CONNECTIONS_KEYS / 2)
		bpf_seq_write(output, &byte, sizeof(byte));
}

/* Visits a socket: adds what moved since the last visit. */
static __always_inline void visit(struct sock *sk, struct tcp_sock *tcp,
				  struct bpf_iter_meta *meta)
{
	struct connections_socket *known = visited(sk);
	struct connections_settings *all = settings();
	struct connections_growth *growth;
	struct connections_key key = {};
	struct readings now;
	__u64 mark, word;
	__u32 round_trip;

	if (!all || !known)
		return;
	mark = mark_of(known);
	if (state_of(mark) != MARK_OPEN)
		return;
	/* One visit at a time. */
	all->visited++;
	now = readings_of(tcp);
	word = word_of(all);
	/* Most are idle: they cost no look at their address. */
	if (is_of_generation(mark, word) && !has_moved(known, mark, &now))
		return;
	round_trip = tcp->srtt_us >> 3;
	if (!set_remote(&key, sk))
		return;
	/* All of this is this connection's if it is still open now. */
	if (mark_of(known) != mark)
		return;
	set_kind(&key, mark);
	if (!is_of_generation(mark, word)) {
		const __u64 old = mark;

		mark &= ~(MARK_GENERATION | MARK_OTHER);
		mark |= generation_of_word(word);
		growth = find_growth(all, word, &key, &mark);
		if (!growth ||
		    __sync_val_compare_and_swap(&known->mark, old, mark) != old)
			return;
		add((__u64 *)&growth->open, 1);
		add(&growth->carried, 1);
	}
	count_progress(all, word, &key, mark, known, &now, round_trip);
	ask_to_take(all, word, meta->seq);
}

/* Returns whether a socket of this side listens at a port. */
static __always_inline bool is_listening(__u16 port)
{
	__u32 index = port / 64;
	__u64 *ports = bpf_map_lookup_elem(&connections_listening, &index);

	return ports && *ports >> (port % 64) & 1;
}

static __always_inline void note_listening(__u16 port)
{
	__u32 index = port / 64;
	__u64 *ports = bpf_map_lookup_elem(&connections_listening, &index);

	if (ports)
		*ports |= 1ULL << (port % 64);
}

/*
 * Notes a connection that was open before the events were counted. Its mark is
 * of another generation, so the first visit counts it as open: only a visit can
 * take growth in between when the keys are more than the map has room for.
 */
static __always_inline void find_open(struct sock *sk, struct tcp_sock *tcp)
{
	struct connections_settings *all = settings();
	struct connections_key key = {};
	struct connections_socket *known;
	__u64 before, mark;

	/* With a place, its opening was counted. */
	if (!all || !find_remote(&key, sk) || place_of(sk).socket)
		return;
	known = made_for(sk);
	if (!known) {
		add(&all->untracked, 1);
		return;
	}
	before = mark_of(known);
	if (state_of(before) != MARK_NONE)
		return;
	mark = open_mark(sk, before, word_of(all),
			 !is_listening(sk->__sk_common.skc_num));
	mark ^= 1ULL << MARK_GENERATION_SHIFT;
	set_readings(known, mark, readings_of(tcp));
	__sync_val_compare_and_swap(&known->mark, before, mark);
}

/* Looks at a socket while the open ones are found. */
static __always_inline void find(struct sock *sk, struct tcp_sock *tcp)
{
	__u32 state = sk->__sk_common.skc_state;

	if (state == BPF_TCP_LISTEN)
		note_listening(sk->__sk_common.skc_num);
	else if (STATES_OPEN >> (state & 31) & 1)
		find_open(sk, tcp);
}

#endif /* CONNECTIONS_VISIT_BPF_H */

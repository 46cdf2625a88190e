// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts TCP connections by remote address.
 *
 * One tracepoint sees every change of state of every TCP socket, and an
 * iterator visits the sockets of the connections that are open.
 *
 * While a program of a tracepoint runs, the kernel runs it no second time on
 * the same CPU (prog->active in __bpf_trace_run()): a softirq that interrupts
 * it in process context would not be counted. So the code is there twice, and
 * the second program counts only what the first one did not, as the mark of the
 * socket tells. If one of them is interrupted, the other is not running.
 *
 * Nothing is counted twice or lost between a visit and an event at the same
 * time on two CPUs: what moved since the last reading is claimed by an atomic
 * exchange of the reading.
 */
#include "connections_abi.h"
#include "connections_growth.bpf.h"
#include "connections_kernel.bpf.h"
#include "connections_mark.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2
#define AF_INET6 10
#define IFF_LOOPBACK (1U << 3)

/* Sockets of one read of an iterator. */
#define CONNECTIONS_PER_READ 16384

/* Never read, as in traffic.bpf.c. */
const volatile struct {
	enum connections_direction direction;
} connections_enums = {};

/* The inode number of the network namespace that is counted; 0: all. */
const volatile __u32 only_namespace = 0;

/* Upper bounds of the buckets of round-trip times, in microseconds. */
const volatile __u32 round_trip_bounds[CONNECTIONS_BUCKETS - 1] = {};

/*
 * One element for each socket that has or had a connection, in the memory of
 * the socket's options: the kernel frees it with the socket.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connections_socket);
} connections_sockets SEC(".maps");

/* The ports of listening sockets, a bit each, while the open ones are found. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536 / 64);
	__type(key, __u32);
	__type(value, __u64);
} connections_listening SEC(".maps");

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

/* Sets the address of a key. Returns false if the socket is not of TCP/IP. */
static __always_inline bool set_remote(struct connections_key *key,
				       struct sock *sk)
{
	__u32 *remote = (__u32 *)key->remote;

	switch (sk->__sk_common.skc_family) {
	case AF_INET:
		remote[0] = 0;
		remote[1] = 0;
		remote[2] = bpf_htonl(0xFFFF);
		remote[3] = sk->__sk_common.skc_daddr;
		return true;
	case AF_INET6:
		remote[0] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[0];
		remote[1] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[1];
		remote[2] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[2];
		remote[3] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[3];
		return true;
	default:
		return false;
	}
}

static __always_inline bool is_mapped(const __u32 *remote)
{
	return !remote[0] && !remote[1] && remote[2] == bpf_htonl(0xFFFF);
}

static __always_inline bool is_loopback(const __u32 *remote)
{
	if (is_mapped(remote))
		return (remote[3] & bpf_htonl(0xFF000000)) ==
		       bpf_htonl(0x7F000000);
	return !remote[0] && !remote[1] && !remote[2] &&
	       remote[3] == bpf_htonl(1);
}

/* Returns whether the address of this side is that of the other side. */
static __always_inline bool is_own(struct sock *sk, const __u32 *remote)
{
	struct sock_common *common = &sk->__sk_common;

	if (common->skc_family == AF_INET || is_mapped(remote))
		return remote[3] == common->skc_rcv_saddr;
	return remote[0] == common->skc_v6_rcv_saddr.in6_u.u6_addr32[0] &&
	       remote[1] == common->skc_v6_rcv_saddr.in6_u.u6_addr32[1] &&
	       remote[2] == common->skc_v6_rcv_saddr.in6_u.u6_addr32[2] &&
	       remote[3] == common->skc_v6_rcv_saddr.in6_u.u6_addr32[3];
}

/*
 * Sets the address of a key. Returns false if the connection is not counted:
 * another namespace, or one with this machine itself, whose packets go over the
 * loopback device, whichever of its addresses they have.
 */
static __always_inline bool find_remote(struct connections_key *key,
					struct sock *sk)
{
	const __u32 *remote = (const __u32 *)key->remote;
	struct dst_entry *route;

	if (only_namespace &&
	    sk->__sk_common.skc_net.net->ns.inum != only_namespace)
		return false;
	if (!set_remote(key, sk) || is_loopback(remote) || is_own(sk, remote))
		return false;
	route = sk->sk_dst_cache;
	return !route || !(route->dev->flags & IFF_LOOPBACK);
}

/* Sets the rest of a key. */
static __always_inline void set_kind(struct connections_key *key, __u64 mark)
{
	if (mark & MARK_OUTBOUND) {
		key->direction = CONNECTIONS_OUTBOUND;
		key->local_port = 0;
	} else {
		key->direction = CONNECTIONS_INBOUND;
		key->local_port = port_of(mark);
	}
}

/*
 * Finds the growth that a connection is added to, and notes in its mark if this
 * is not that of its key.
 */
static __always_inline struct connections_growth *
find_growth(struct connections_settings *all, __u64 word,
	    const struct connections_key *key, __u64 *mark)
{
	struct connections_growth *growth = NULL;

	if (!(*mark & MARK_OTHER))
		growth = growth_of(all, word, key);
	if (growth)
		return growth;
	*mark |= MARK_OTHER;
	return rest_of(word, key->direction);
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

static __always_inline struct connections_socket *known_of(struct sock *sk)
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

static __always_inline __u64 word_of(const struct connections_settings *all)
{
	return *(const volatile __u64 *)&all->word;
}

/*
 * A socket asks for a connection. It may have had one: after a disconnect all
 * its counters are zero.
 */
static __always_inline void begin_asking(struct sock *sk)
{
	struct connections_socket *known = known_of(sk);
	__u64 mark;

	if (!known)
		return;
	mark = mark_of(known);
	if (state_of(mark) == MARK_NONE)
		return;
	mark = (mark & MARK_NUMBER) + (1ULL << MARK_NUMBER_SHIFT);
	set_mark(known, mark);
	set_readings(known, mark, (struct readings){});
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

static __always_inline void begin(struct sock *sk, int from, bool is_second)
{
	bool is_outbound = from == BPF_TCP_SYN_SENT;
	struct connections_settings *all = settings();
	struct connections_key key = {};
	struct connections_socket *known;
	struct connections_growth *growth;
	__u64 mark = 0, word;

	if (!all || !bpf_skc_to_tcp_sock(sk) || !find_remote(&key, sk))
		return;
	known = made_for(sk);
	if (known)
		mark = mark_of(known);
	else if (is_second)
		return;
	if (state_of(mark) != MARK_NONE)
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
	struct connections_key key = {};
	struct connections_growth *growth;
	struct connections_socket *known;
	struct tcp_sock *tcp;
	__u64 mark = 0;

	tcp = bpf_skc_to_tcp_sock(sk);
	if (!all || !tcp || !find_remote(&key, sk))
		return;
	known = made_for(sk);
	if (known)
		mark = mark_of(known);
	else if (is_second)
		return;
	if (state_of(mark) != MARK_NONE)
		return;
	mark = (mark & MARK_NUMBER) | MARK_FAILED | MARK_OUTBOUND;
	set_kind(&key, mark);
	if (known)
		set_mark(known, mark);
	growth = find_growth(all, word_of(all), &key, &mark);
	if (!growth)
		return;
	add(&growth->failed, 1);
	add(&growth->segments_sent, tcp->segs_out);
	add(&growth->segments_retransmitted, tcp->total_retrans);
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

static __always_inline void end(struct sock *sk)
{
	struct connections_socket *known = known_of(sk);
	struct connections_settings *all = settings();
	struct connections_key key = {};
	struct connections_growth *growth;
	struct tcp_sock *tcp;
	struct readings now;
	__u64 mark, was, word;

	if (!all || !known || state_of(mark_of(known)) != MARK_OPEN)
		return;
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
		else
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

SEC("tp_btf/inet_sock_set_state")
int connections_first(__u64 *change)
{
	return count_change(change, false);
}

SEC("tp_btf/inet_sock_set_state")
int connections_second(__u64 *change)
{
	return count_change(change, true);
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

/*
 * Lets a read of the iterator end now and then: the kernel holds an RCU section
 * for as long as one lasts.
 */
static __always_inline void pause_sometimes(struct bpf_iter_meta *meta)
{
	const __u8 byte = 0;

	if (meta->seq_num % CONNECTIONS_PER_READ == CONNECTIONS_PER_READ - 1)
		bpf_seq_write(meta->seq, &byte, sizeof(byte));
}

/* Visits a socket that has or had a connection. */
SEC("iter/bpf_sk_storage_map")
int connections_visit(struct bpf_iter__bpf_sk_storage_map *context)
{
	struct connections_socket *known = context->value;
	struct sock *sk = context->sk;
	struct connections_growth *growth;
	struct connections_settings *all;
	struct connections_key key = {};
	struct tcp_sock *tcp;
	__u64 mark, word;
	struct readings now;
	__u32 round_trip;

	if (!known || !sk)
		return 0;
	pause_sometimes(context->meta);
	mark = mark_of(known);
	if (state_of(mark) != MARK_OPEN)
		return 0;
	all = settings();
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!all || !tcp || !set_remote(&key, sk))
		return 0;
	now = readings_of(tcp);
	round_trip = tcp->srtt_us >> 3;
	/*
	 * Its memory may be another socket's by now. It was not, if the
	 * connection is still open after the readings.
	 */
	if (mark_of(known) != mark)
		return 0;
	set_kind(&key, mark);
	word = word_of(all);
	if (!is_of_generation(mark, word)) {
		const __u64 old = mark;

		mark &= ~(MARK_GENERATION | MARK_OTHER);
		mark |= generation_of_word(word);
		growth = find_growth(all, word, &key, &mark);
		if (!growth ||
		    __sync_val_compare_and_swap(&known->mark, old, mark) != old)
			return 0;
		add((__u64 *)&growth->open, 1);
	}
	count_progress(all, word, &key, mark, known, &now, round_trip);
	return 0;
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

#define STATES_OPEN                                            \
	(1U << BPF_TCP_ESTABLISHED | 1U << BPF_TCP_FIN_WAIT1 | \
	 1U << BPF_TCP_FIN_WAIT2 | 1U << BPF_TCP_CLOSE_WAIT |  \
	 1U << BPF_TCP_LAST_ACK | 1U << BPF_TCP_CLOSING)

/* Counts a connection that was open before the events were counted. */
static __always_inline void find_open(struct sock *sk, struct tcp_sock *tcp)
{
	struct connections_settings *all = settings();
	struct connections_key key = {};
	struct connections_growth *growth;
	struct connections_socket *known;
	__u64 before, mark, word;

	if (!all || !find_remote(&key, sk))
		return;
	known = made_for(sk);
	if (!known) {
		add(&all->untracked, 1);
		return;
	}
	before = mark_of(known);
	if (state_of(before) != MARK_NONE)
		return;
	word = word_of(all);
	mark = open_mark(sk, before, word,
			 !is_listening(sk->__sk_common.skc_num));
	set_kind(&key, mark);
	growth = find_growth(all, word, &key, &mark);
	if (!growth)
		return;
	set_readings(known, mark, readings_of(tcp));
	if (__sync_val_compare_and_swap(&known->mark, before, mark) == before)
		add((__u64 *)&growth->open, 1);
}

/*
 * Finds the connections that are open already, once. The kernel shows the
 * listening sockets first. It holds the lock of each socket (since 5.15) or of
 * its place in the table, which a socket leaves before it is closed: so none
 * ends between the look at its state and the mark.
 */
SEC("iter/tcp")
int connections_find(struct bpf_iter__tcp *context)
{
	struct sock_common *common = context->sk_common;
	struct tcp_sock *tcp;
	struct sock *sk;
	__u32 state;

	if (!common)
		return 0;
	tcp = bpf_skc_to_tcp_sock(common);
	if (!tcp)
		return 0;
	sk = (struct sock *)tcp;
	state = sk->__sk_common.skc_state;
	if (state == BPF_TCP_LISTEN)
		note_listening(sk->__sk_common.skc_num);
	else if (1U << (state & 31) & STATES_OPEN)
		find_open(sk, tcp);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The notes on a socket are in one of two memories, a table or the socket's
 * storage.
 *
 * A connection that begins takes a place of the table, which is allocated at
 * the start: the kernel needs longer to allocate a storage than the programs
 * need for all else. The storage is for connections that find their set of
 * places full, and for all that is rare: connections that were open before, and
 * failed attempts. The notes stay where they began, so that no visit has to
 * move them while the connection ends on another CPU.
 *
 * A place is found by the cookie of the socket. The kernel never gives a cookie
 * again, so a place whose end no program saw is not taken for that of another
 * socket. Children of one request inherit its cookie, and two CPUs may make
 * two of them. Only one leaves SYN_RECV, and only then does it take a place.
 *
 * While a visit looks at a place on another CPU, the connection may end, and
 * another one may take the place. For the visit this is like a new connection
 * of the same socket: the number in the mark and in the readings has changed,
 * so each of its exchanges fails.
 */
#ifndef CONNECTIONS_PLACES_BPF_H
#define CONNECTIONS_PLACES_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "connections_abi.h"
#include "connections_kernel.bpf.h"
#include "connections_mark.bpf.h"
#include "connections_socket.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CONNECTIONS_SETS);
	__type(key, __u32);
	__type(value, struct connections_set);
} connections_places SEC(".maps");

/* The notes on a socket, and the place that they are in. */
struct known {
	struct connections_socket *socket; /* NULL if nothing is */
	__u64 *cookie; /* that of its place; NULL if it is a storage */
};

/* Returns the places that a cookie may have. Cookies are given in order. */
static __always_inline struct connections_set *set_of(__u64 cookie)
{
	__u32 index = cookie % CONNECTIONS_SETS;

	return bpf_map_lookup_elem(&connections_places, &index);
}

/* Returns the place of a socket, if it has one. Many have no cookie yet. */
static __always_inline struct known place_of(struct sock *sk)
{
	__u64 cookie = sk->__sk_common.skc_cookie.counter;
	struct connections_set *set = cookie ? set_of(cookie) : NULL;

	if (!set)
		return (struct known){};
#pragma unroll
	for (int i = 0; i < CONNECTIONS_WAYS; i++) {
		if (*(const volatile __u64 *)&set->cookies[i] == cookie)
			return (struct known){ &set->sockets[i],
					       &set->cookies[i] };
	}
	return (struct known){};
}

/* Takes a place for a connection that begins; NULL if there is none. */
static __always_inline struct connections_socket *take_place(struct sock *sk)
{
	__u64 cookie = bpf_get_socket_cookie(sk);
	struct connections_set *set = set_of(cookie);

	if (!set)
		return NULL;
#pragma unroll
	for (int i = 0; i < CONNECTIONS_WAYS; i++) {
		if (*(const volatile __u64 *)&set->cookies[i] == 0 &&
		    __sync_val_compare_and_swap(&set->cookies[i], 0, cookie) ==
			    0) {
			renew(&set->sockets[i]);
			return &set->sockets[i];
		}
	}
	return NULL;
}

/*
 * Gives up a place, if it is one, after its last use. The exchanges before this
 * are ordered before it.
 */
static __always_inline void leave_place(struct known known)
{
	if (known.cookie)
		*(volatile __u64 *)known.cookie = 0;
}

/* Returns what is known of a socket. */
static __always_inline struct known known_of(struct sock *sk)
{
	struct known known = place_of(sk);

	if (!known.socket)
		known.socket = stored_of(sk);
	return known;
}

/*
 * Returns the notes on a socket that a visit finds. Of very many open
 * connections most have a storage, and the places are in no cache.
 */
static __always_inline struct connections_socket *visited(struct sock *sk)
{
	struct connections_socket *stored = stored_of(sk);

	return stored ? stored : place_of(sk).socket;
}

/* Returns the notes for a connection that begins; NULL without memory. */
static __always_inline struct connections_socket *room_for(struct sock *sk)
{
	struct connections_socket *known = known_of(sk).socket;

	if (!known)
		known = take_place(sk);
	return known ? known : made_for(sk);
}

#endif /* CONNECTIONS_PLACES_BPF_H */

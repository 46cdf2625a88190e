/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mark of a socket: all that is known of its connection, in one word, so
 * that a visit and an event on another CPU see one or the other whole.
 *
 * Two sides change it: the programs of events, which the lock of the socket
 * keeps apart, and a visit, which only ever puts a new generation into the mark
 * of an open connection, by compare and exchange.
 */
#ifndef CONNECTIONS_MARK_BPF_H
#define CONNECTIONS_MARK_BPF_H

#include <stdbool.h>
#include <linux/types.h>

enum mark_state {
	MARK_NONE = 0, /* not connected, or not counted */
	MARK_OPEN = 1, /* counted as open */
	MARK_DONE = 2, /* was open, and counted as closed */
	MARK_FAILED = 3, /* counted as failed */
};

#define MARK_STATE 3ULL
#define MARK_OUTBOUND (1ULL << 2)
/* It was counted without its key, and so will be its end. */
#define MARK_OTHER (1ULL << 3)
/* It was in SYN_SENT before it went to SYN_RECV: both sides asked. */
#define MARK_ASKED (1ULL << 4)

/*
 * The number of the connection among those whose notes were here: a socket may
 * connect again after a disconnect, and a place of the table gets other
 * sockets. It also stands in the highest byte of each reading, so a reading of
 * a connection never follows one of another.
 */
#define MARK_NUMBER_SHIFT 56
#define MARK_NUMBER (0xFFULL << MARK_NUMBER_SHIFT)

/* The generation in which it was counted as open. */
#define MARK_GENERATION_SHIFT 16
#define MARK_GENERATION (0xFFFFULL << MARK_GENERATION_SHIFT)

#define MARK_PORT_SHIFT 32

static __always_inline enum mark_state state_of(__u64 mark)
{
	return mark & MARK_STATE;
}

static __always_inline __u16 port_of(__u64 mark)
{
	return mark >> MARK_PORT_SHIFT;
}

/* Returns the part of the settings' word that a mark has. */
static __always_inline __u64 generation_of_word(__u64 word)
{
	return (word >> 1) << MARK_GENERATION_SHIFT & MARK_GENERATION;
}

static __always_inline bool is_of_generation(__u64 mark, __u64 word)
{
	return (mark & MARK_GENERATION) == generation_of_word(word);
}

/* Returns a reading as it is kept. */
static __always_inline __u64 reading(__u64 mark, __u64 value)
{
	return (mark & MARK_NUMBER) | (value & ~MARK_NUMBER);
}

#endif /* CONNECTIONS_MARK_BPF_H */

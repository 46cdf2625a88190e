/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The key of a connection: whether it is counted, and under which address.
 */
#ifndef CONNECTIONS_KEY_BPF_H
#define CONNECTIONS_KEY_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "connections_growth.bpf.h"
#include "connections_kernel.bpf.h"
#include "connections_mark.bpf.h"

#define AF_INET 2
#define AF_INET6 10
#define IFF_LOOPBACK (1U << 3)

/* The inode number of the exporter's network namespace. */
const volatile __u32 own_namespace = 0;

/* Not zero if other namespaces are counted too. */
const volatile __u32 has_all_namespaces = 0;

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

static __always_inline bool is_in_own_namespace(struct sock *sk)
{
	return sk->__sk_common.skc_net.net->ns.inum == own_namespace;
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

	if (!has_all_namespaces && !is_in_own_namespace(sk))
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

#endif /* CONNECTIONS_KEY_BPF_H */

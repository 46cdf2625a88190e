/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own types, as far as connections.bpf.c reads them. The loader
 * puts in the offsets of the running kernel (CO-RE), so that other members and
 * the order of these do not matter. Names and types must be the kernel's.
 */
#ifndef CONNECTIONS_KERNEL_BPF_H
#define CONNECTIONS_KERNEL_BPF_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	unsigned int flags;
};

struct dst_entry {
	struct net_device *dev;
};

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	struct dst_entry *sk_dst_cache;
};

struct tcp_sock {
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 segs_out;
	__u32 total_retrans;
	__u32 srtt_us; /* in eighths of a microsecond */
};

struct socket {
	struct sock *sk;
};

/* Contexts of iterators, which have no other offsets than these. */
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif /* CONNECTIONS_KERNEL_BPF_H */

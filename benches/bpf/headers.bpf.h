/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The least that finds a remote prefix in a received Ethernet frame. */
#ifndef HEADERS_BPF_H
#define HEADERS_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* From linux/bpf.h since 6.6, which the installed headers may be older than. */
#define TCX_NEXT (-1)

struct remote {
	/* /24 or /48, in network order, the bits behind it zero. */
	__u64 prefix;
	__u8 ip_version; /* 0 where it is neither */
};

static __always_inline struct remote remote_of(struct __sk_buff *skb)
{
	void *data_end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = (void *)(long)skb->data;
	struct remote remote = {};

	if ((void *)(ethernet + 1) > data_end)
		return remote;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ipv4 = (void *)(ethernet + 1);

		if ((void *)(ipv4 + 1) > data_end)
			return remote;
		remote.prefix = ipv4->saddr & bpf_htonl(0xffffff00);
		remote.ip_version = 4;
	} else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ipv6 = (void *)(ethernet + 1);
		__u32 *words;

		if ((void *)(ipv6 + 1) > data_end)
			return remote;
		words = ipv6->saddr.in6_u.u6_addr32;
		remote.prefix = words[0] |
				(__u64)(words[1] & bpf_htonl(0xffff0000)) << 32;
		remote.ip_version = 6;
	}
	return remote;
}

#endif /* HEADERS_BPF_H */

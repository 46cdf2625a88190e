/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the length of the headers that the packets of a super-frame share: all
 * headers before the merged payload, through one tunnel. Only super-frames get
 * here, so nothing in this file is on the path of each packet.
 *
 * Some functions are not static because the verifier then checks each of them
 * once by itself, for any argument, instead of again for every path that leads
 * there.
 */
#ifndef MERGED_BPF_H
#define MERGED_BPF_H

#include <linux/tcp.h>
#include <linux/udp.h>

#include "parsing.bpf.h"

/* Headers between IPv6 and the transport that are read past. */
#define MAX_IPV6_EXTENSIONS 4

struct extension_header {
	__u8 next;
	__u8 length; /* in units of 8 bytes, without the first 8 */
	__u8 option; /* the first one, of a header that holds options */
	__u8 option_length;
	__be32 option_value;
};

/* RFC 2675: a hop-by-hop option, for packets of more than 65,535 bytes. */
#define OPTION_JUMBO 0xC2

struct gre_header {
	__be16 flags;
	__be16 protocol;
};

/* RFC 2784 and 2890: each adds 4 bytes. */
#define GRE_CHECKSUM bpf_htons(0x8000)
#define GRE_KEY bpf_htons(0x2000)
#define GRE_SEQUENCE bpf_htons(0x1000)

/* VXLAN (RFC 7348) and Geneve (RFC 8926) begin with 8 bytes of this form. */
struct udp_tunnel_header {
	__u8 flags; /* VXLAN: 0x08; Geneve: version and length of options */
	__u8 reserved;
	__be16 protocol; /* Geneve only */
	__be32 network; /* 24 bits, the last 8 zero */
};

#define VXLAN_FLAGS 0x08
#define GENEVE_OPTIONS 0x3F /* length in units of 4 bytes */

/* The place of a transport header, and its protocol. */
struct transport_header {
	__u32 offset;
	__u8 protocol; /* IPPROTO_*; IPPROTO_NONE if it was not found */
	__u8 unsent; /* bytes before it that segmentation takes out */
};

/* The headers that the packets of a super-frame share. */
struct merged_headers {
	__u32 length; /* in the super-frame, before the merged payload */
	__u8 unsent; /* bytes of these that are in no packet */
	__u8 least; /* smallest payload of a packet */
	__u8 most; /* most packets of a super-frame; zero if not known */
};

/*
 * Linux makes a TCP segment of at least 48 bytes of options and payload, and of
 * 8 bytes of payload (TCP_MIN_SND_MSS, TCP_MIN_GSO_SIZE), and a super-frame of
 * UDP of at most 128 datagrams (UDP_MAX_SEGMENTS; 64 before Linux 6.9).
 */
#define LEAST_SEGMENT 48
#define LEAST_PAYLOAD 8
#define MOST_DATAGRAMS 128

/*
 * Copies a header, wherever in the skb it is; false if the packet ends before.
 * Reading in place would be faster, but would give the verifier two paths to
 * follow at each header.
 */
static __always_inline bool copy_header(struct __sk_buff *skb, __u32 offset,
					void *header, __u32 size)
{
	return bpf_skb_load_bytes(skb, offset, header, size) == 0;
}

/* The verifier lets functions that it checks by themselves return a number. */
static __always_inline __u64 pack(struct transport_header transport)
{
	return (__u64)transport.offset << 16 | transport.unsent << 8 |
	       transport.protocol;
}

/*
 * A super-frame of IPv6 that is too long for its length field (BIG TCP) shows
 * it by a header that the kernel added and will take out before it segments
 * (ip6_xmit(), ipv6_gro_complete(), ipv6_hopopt_jumbo_remove()).
 */
static __always_inline bool
is_jumbo_header(const struct ipv6hdr *ipv6,
		const struct extension_header *extension)
{
	return ipv6->payload_len == 0 && ipv6->nexthdr == IPPROTO_HOPOPTS &&
	       extension->length == 0 && extension->option == OPTION_JUMBO;
}

/*
 * Returns the transport header packed: the offset, 8 bits of `unsent`, 8 bits
 * of protocol.
 */
__noinline __u64 find_transport(struct __sk_buff *skb, __u32 offset,
				__u32 network_protocol)
{
	struct transport_header transport = { .offset = offset,
					      .protocol = IPPROTO_NONE };

	if (network_protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr ipv4;

		if (!copy_header(skb, transport.offset, &ipv4, sizeof(ipv4)))
			return pack(transport);
		transport.protocol = ipv4.protocol;
		transport.offset += ipv4.ihl * 4;
	} else if (network_protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ipv6;

		if (!copy_header(skb, transport.offset, &ipv6, sizeof(ipv6)))
			return pack(transport);
		transport.protocol = ipv6.nexthdr;
		transport.offset += sizeof(ipv6);
#pragma unroll
		for (int i = 0; i < MAX_IPV6_EXTENSIONS; i++) {
			struct extension_header extension;

			if (transport.protocol != IPPROTO_HOPOPTS &&
			    transport.protocol != IPPROTO_ROUTING &&
			    transport.protocol != IPPROTO_DSTOPTS)
				break;
			if (!copy_header(skb, transport.offset, &extension,
					 sizeof(extension)))
				break;
			if (i == 0 && is_jumbo_header(&ipv6, &extension))
				transport.unsent = sizeof(extension);
			transport.protocol = extension.next;
			transport.offset += 8 + extension.length * 8;
		}
	}
	return pack(transport);
}

static __always_inline struct transport_header
parse_network(struct __sk_buff *skb, struct network_header network)
{
	__u64 packed = find_transport(skb, network.offset, network.protocol);

	return (struct transport_header){ .offset = packed >> 16,
					  .unsent = packed >> 8,
					  .protocol = packed };
}

/*
 * Returns whether the length in an IP header is `length`, or is zero because
 * `length` does not fit into the field.
 */
static __always_inline bool tells_length(__be16 told, __u32 length)
{
	return length > 0xFFFF ? told == 0 : bpf_ntohs(told) == length;
}

/*
 * Returns whether a UDP header carries the rest of the packet as a tunnelled
 * Ethernet frame that begins at `offset`. A tunnel may use any port, so the
 * content decides: only in a tunnel does the inner IP header hold the length of
 * the whole super-frame, because GRO wrote it there (inet_gro_complete(),
 * ipv6_gro_complete()).
 */
static __always_inline bool is_tunnelled(struct __sk_buff *skb, __u32 offset,
					 struct network_header *inner)
{
	struct ethhdr ethernet;
	__u32 rest;

	if (!copy_header(skb, offset, &ethernet, sizeof(ethernet)))
		return false;
	inner->protocol = ethernet.h_proto;
	inner->offset = offset + sizeof(ethernet);
	rest = skb->len - inner->offset;

	if (inner->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr ipv4;

		return copy_header(skb, inner->offset, &ipv4, sizeof(ipv4)) &&
		       ipv4.version == 4 && tells_length(ipv4.tot_len, rest);
	}
	if (inner->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ipv6;

		return copy_header(skb, inner->offset, &ipv6, sizeof(ipv6)) &&
		       ipv6.version == 6 &&
		       tells_length(ipv6.payload_len, rest - sizeof(ipv6));
	}
	return false;
}

/*
 * Finds the network header that a transport header carries, if it is a tunnel.
 */
static __always_inline bool parse_tunnel(struct __sk_buff *skb,
					 struct transport_header transport,
					 struct network_header *inner)
{
	inner->offset = transport.offset;
	switch (transport.protocol) {
	case IPPROTO_IPIP:
		inner->protocol = bpf_htons(ETH_P_IP);
		return true;
	case IPPROTO_IPV6:
		inner->protocol = bpf_htons(ETH_P_IPV6);
		return true;
	case IPPROTO_GRE: {
		struct gre_header gre;
		struct network_header framed;
		__be16 protocol, flags;

		if (!copy_header(skb, transport.offset, &gre, sizeof(gre)))
			return false;
		protocol = gre.protocol;
		flags = gre.flags;
		inner->offset += sizeof(gre);
		if (flags & GRE_CHECKSUM)
			inner->offset += 4;
		if (flags & GRE_KEY)
			inner->offset += 4;
		if (flags & GRE_SEQUENCE)
			inner->offset += 4;
		if (protocol == bpf_htons(ETH_P_TEB) &&
		    is_tunnelled(skb, inner->offset, &framed)) {
			*inner = framed;
			return true;
		}
		inner->protocol = protocol;
		return true;
	}
	case IPPROTO_UDP: {
		struct udp_tunnel_header tunnel;
		__u32 payload = transport.offset + sizeof(struct udphdr);
		__u32 options = 0;

		if (!copy_header(skb, payload, &tunnel, sizeof(tunnel)))
			return false;
		if (tunnel.flags != VXLAN_FLAGS)
			options = (tunnel.flags & GENEVE_OPTIONS) * 4;
		return is_tunnelled(skb, payload + sizeof(tunnel) + options,
				    inner);
	}
	default:
		return false;
	}
}

/*
 * Returns the result of merged_headers_of() as one number. Not inlined, to keep
 * the path of ordinary packets short.
 */
__noinline __u64 find_merged_headers(struct __sk_buff *skb, __u32 offset,
				     __u32 network_protocol)
{
	struct network_header network = { .offset = offset,
					  .protocol = network_protocol };
	struct transport_header transport = parse_network(skb, network);
	__u64 unsent = transport.unsent;
	__u64 least = LEAST_PAYLOAD;
	__u64 most = 0;
	struct network_header inner;
	struct tcphdr tcp;

	if (parse_tunnel(skb, transport, &inner)) {
		transport = parse_network(skb, inner);
		unsent += transport.unsent;
	}
	if (transport.protocol == IPPROTO_UDP) {
		transport.offset += sizeof(struct udphdr);
		least = 1;
		most = MOST_DATAGRAMS;
	} else if (transport.protocol == IPPROTO_TCP &&
		   copy_header(skb, transport.offset, &tcp, sizeof(tcp))) {
		__u32 length = tcp.doff * 4;

		transport.offset += length;
		least = LEAST_SEGMENT + sizeof(tcp) - length;
		if (least > LEAST_SEGMENT || least < LEAST_PAYLOAD)
			least = LEAST_PAYLOAD;
	}
	return most << 48 | least << 40 | unsent << 32 | transport.offset;
}

static __always_inline struct merged_headers
merged_headers_of(struct __sk_buff *skb, struct network_header network)
{
	__u64 packed =
		find_merged_headers(skb, network.offset, network.protocol);

	return (struct merged_headers){ .length = packed,
					.unsent = packed >> 32,
					.least = packed >> 40,
					.most = packed >> 48 };
}

#endif /* MERGED_BPF_H */

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Computes the frames and bytes that a packet at the hook was, or will be, on
 * the wire. No other file does.
 *
 * With segmentation (GSO) and receive (GRO) offload the skb at the hook stands
 * for many frames, whose headers it carries once. A frame is counted from the
 * Ethernet header on, without preamble, padding and FCS, as network cards do;
 * on a device without a link layer from the IP header on.
 *
 * egress   wire_len: __dev_queue_xmit() calls qdisc_pkt_len_init() before
 *          sch_handle_egress() (net/core/dev.c), which adds the headers that
 *          segmentation will repeat.
 * ingress  len + (frames - 1) * headers: sch_handle_ingress() sets the packet
 *          length before the link header is pushed back and knows nothing of
 *          the headers that GRO removed (net/core/dev.c, net/core/gro.c).
 * both     the header that gives the length of IPv6 super-frames of more than
 *          64 KiB (BIG TCP) is on no wire; qdisc_pkt_len_init() adds it once a
 *          frame.
 *          A VLAN tag that the kernel keeps beside the packet
 *          (skb_vlan_tag_present) is on the wire, once a frame.
 * frames   gso_segs; a source outside the kernel (a guest, a tun user) leaves
 *          it zero and gives gso_size alone, as qdisc_pkt_len_init() knows.
 *          A received super-frame counts as no more frames than Linux would
 *          have made, because such a source may claim frames of one byte. A
 *          sent one is cut by the kernel as the source says, so that all of
 *          its frames are on the wire.
 */
#ifndef WIRE_BPF_H
#define WIRE_BPF_H

#include "merged.bpf.h"
#include "parsing.bpf.h"
#include "traffic_abi.h"

#define VLAN_TAG_LENGTH 4

/* gso_size of a super-frame that is a list of frames (SCTP): not a size. */
#define GSO_BY_FRAGS 0xFFFF

struct wire_size {
	__u32 packets;
	__u32 bytes;
};

/* Returns the number of packets of a super-frame that gives only their size.
 */
static __always_inline __u32 packets_of(__u32 payload, __u32 size,
					enum traffic_direction direction,
					struct merged_headers headers)
{
	__u32 packets;

	if (direction == TRAFFIC_RECEIVED && size < headers.least)
		size = headers.least;
	packets = (payload + size - 1) / size;
	if (direction == TRAFFIC_RECEIVED && headers.most &&
	    packets > headers.most)
		packets = headers.most;
	return packets;
}

static __always_inline struct wire_size
wire_size_of(struct __sk_buff *skb, enum traffic_direction direction,
	     struct network_header network)
{
	/* Both are read before the choice: reading one or the other in two
	 * branches makes clang merge the loads into one at a computed offset,
	 * which the verifier refuses for the context.
	 */
	__u32 length = skb->len;
	__u32 wire_length = skb->wire_len;
	__u32 packets = 1;
	__u32 bytes = direction == TRAFFIC_SENT ? wire_length : length;
	__u32 gso_size = skb->gso_size;

	if (gso_size) {
		struct merged_headers headers = merged_headers_of(skb, network);
		__u32 unsent;

		packets = skb->gso_segs;
		if (!packets && gso_size != GSO_BY_FRAGS &&
		    length > headers.length)
			packets = packets_of(length - headers.length, gso_size,
					     direction, headers);
		if (!packets)
			packets = 1;
		if (direction == TRAFFIC_RECEIVED)
			bytes += (packets - 1) * headers.length;
		/* Not if a sender lied and the kernel added nothing. */
		unsent = packets * headers.unsent;
		if (unsent < bytes)
			bytes -= unsent;
	}
	if (skb->vlan_present)
		bytes += packets * VLAN_TAG_LENGTH;
	if (network.uncounted) {
		__u32 uncounted = packets * network.uncounted;

		bytes -= uncounted < bytes ? uncounted : bytes;
	}
	return (struct wire_size){ packets, bytes };
}

#endif /* WIRE_BPF_H */

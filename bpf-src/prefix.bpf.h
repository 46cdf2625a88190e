/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How much of a remote address tells flows apart.
 */
#ifndef PREFIX_BPF_H
#define PREFIX_BPF_H

#include <linux/types.h>
#include <bpf/bpf_endian.h>

/*
 * How many bits of a remote address are kept. Set before the programs are
 * loaded; the verifier then knows them and removes what they make dead.
 */
const volatile __u32 ipv4_prefix_length = 24;
const volatile __u32 ipv6_prefix_length = 48;

/*
 * Copies the first `prefix_length` bits of an address of `words` 32-bit words
 * and leaves the rest zero.
 */
static __always_inline void keep_prefix(__u8 *remote, const __u32 *address,
					__u32 words, __u32 prefix_length)
{
	__u32 *kept = (__u32 *)remote;

#pragma unroll
	for (__u32 i = 0; i < words; i++) {
		__u32 bits = prefix_length > 32 * i ? prefix_length - 32 * i :
						      0;

		if (bits >= 32)
			kept[i] = address[i];
		else if (bits > 0)
			kept[i] = address[i] & bpf_htonl(~0U << (32 - bits));
	}
}

#endif /* PREFIX_BPF_H */

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that take packets before the stack, and so the exporter, sees them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int drops(struct xdp_md *packet __attribute__((unused)))
{
	return XDP_DROP;
}

SEC("xdp")
int sends_back(struct xdp_md *packet __attribute__((unused)))
{
	return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";

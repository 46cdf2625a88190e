// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Two programs that do nothing, where those of connections are: the cost of
 * being called, and of the kernel's statistics.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/inet_sock_set_state")
int empty_first(__u64 *change __attribute__((unused)))
{
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int empty_second(__u64 *change __attribute__((unused)))
{
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";

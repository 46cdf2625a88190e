// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts TCP connections by remote address.
 *
 * One tracepoint sees every change of state of every TCP socket, and an
 * iterator visits the sockets of the connections that are open.
 *
 * While a program of a tracepoint runs, the kernel runs it no second time on
 * the same CPU (prog->active in __bpf_trace_run()): a softirq that interrupts
 * it in process context would not be counted. So the code is there twice, and
 * the second program counts only what the first one did not, as the mark of the
 * socket tells. If one of them is interrupted, the other is not running.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "connections_abi.h"
#include "connections_events.bpf.h"
#include "connections_kernel.bpf.h"
#include "connections_visit.bpf.h"

/* Never read, as in traffic.bpf.c. */
const volatile struct {
	enum connections_direction direction;
} connections_enums = {};

SEC("tp_btf/inet_sock_set_state")
int connections_first(__u64 *change)
{
	return count_change(change, false);
}

SEC("tp_btf/inet_sock_set_state")
int connections_second(__u64 *change)
{
	return count_change(change, true);
}

/*
 * Iterators over the TCP sockets of the network namespace of the thread that
 * reads them. The kernel shows the listening sockets first. It shows requests
 * and sockets in TIME_WAIT too, which are no tcp_sock.
 *
 * An iterator over the elements of connections_sockets would see all
 * namespaces, but some kernels let no program use it (EPERM).
 */
SEC("iter/tcp")
int connections_find(struct bpf_iter__tcp *context)
{
	struct sock_common *common = context->sk_common;
	struct tcp_sock *tcp = common ? bpf_skc_to_tcp_sock(common) : NULL;

	if (tcp)
		find((struct sock *)tcp, tcp);
	return 0;
}

SEC("iter/tcp")
int connections_visit(struct bpf_iter__tcp *context)
{
	struct sock_common *common = context->sk_common;
	struct tcp_sock *tcp = common ? bpf_skc_to_tcp_sock(common) : NULL;

	if (tcp)
		visit((struct sock *)tcp, tcp, context->meta);
	return 0;
}

/* Returns the TCP socket of an open file, if it is of another namespace. */
static __always_inline struct tcp_sock *
tcp_of_file(struct bpf_iter__task_file *context)
{
	struct file *file = context->file;
	struct socket *socket;
	struct tcp_sock *tcp;
	struct sock *sk;

	if (!file)
		return NULL;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return NULL;
	sk = socket->sk;
	if (!sk)
		return NULL;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || is_in_own_namespace((struct sock *)tcp))
		return NULL;
	return tcp;
}

/*
 * Iterators over the open files of all processes: they lead to the sockets of
 * other namespaces, except to those that no process has or has accepted.
 */
SEC("iter/task_file")
int connections_find_files(struct bpf_iter__task_file *context)
{
	struct tcp_sock *tcp = tcp_of_file(context);

	if (tcp)
		find((struct sock *)tcp, tcp);
	return 0;
}

SEC("iter/task_file")
int connections_visit_files(struct bpf_iter__task_file *context)
{
	struct tcp_sock *tcp = tcp_of_file(context);

	if (tcp)
		visit((struct sock *)tcp, tcp, context->meta);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";

/* SPDX-License-Identifier: MIT */
/* Sockets, pairs and connections: whose other end is where, and is an answer outstanding? */
#ifndef GD_BPF_SOCKETS_H
#define GD_BPF_SOCKETS_H

#include "kernel_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

enum gd_role {
	GD_ROLE_UNKNOWN,
	GD_ROLE_FILE,
	GD_ROLE_TTY,
	GD_ROLE_OWN,    /* eventfd or socketpair that nobody else has, */
	GD_ROLE_SHARED, /* or somebody has, too */
	GD_ROLE_TIMER,
	GD_ROLE_EPOLL,
	GD_ROLE_CHILD, /* pidfd */
	GD_ROLE_SIGNAL,
	GD_ROLE_LISTENER,
	GD_ROLE_ACCEPTED, /* the other side came to us */
	GD_ROLE_CLIENT,   /* we went to the other side */
	GD_ROLE_QUIET,    /* the same by TCP, and no answer is outstanding */
	GD_ROLE_ASKING,   /* the same, and one is */
};

/* linux/socket.h, net/sock.h, net/tcp_states.h; the latter are for all sockets. */
#define AF_UNIX         1
#define AF_INET         2
#define AF_INET6        10
#define SOCK_STREAM     1
#define SOCK_DGRAM      2
#define SOCK_SEQPACKET  5
#define IPPROTO_TCP     6
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT    2
#define TCP_CLOSE       7
#define TCP_LISTEN      10
#define SOCK_BIND_LOCKS 0xc /* of the address, the port */

#define ASKED_TICKS 4000 /* of the kernel's clock: 4 to 40 s, as it is configured */

/* One descriptor of one process refers to it.  A call in a program of several threads does, too: then this says no. */
static __always_inline _Bool is_private(struct file *file)
{
	struct file___counted *counted = (struct file___counted *)file;

	if (bpf_core_field_exists(file->f_ref))
		return BPF_CORE_READ(file, f_ref.refcnt.counter) == 0;
	return BPF_CORE_READ(counted, f_count.counter) == 1;
}

#define NEAR 8

/* Is it open here, too?  The ends of a pair get the lowest numbers that are free: near each other. */
static __always_inline _Bool is_near(struct file *other, __u64 files, __u32 fd)
{
	struct file *near[2 * NEAR + 1] = { 0 };
	__u32 first = fd > NEAR ? fd - NEAR : 0;

	bpf_probe_read_kernel(near, sizeof(near), (struct file **)files + first);
	for (int i = 0; i <= 2 * NEAR; i++)
		if (near[i] == other)
			return 1;
	return 0;
}

/* Of a pair whose other end is open here: is it so elsewhere, too, then anybody may write to it. */
static __always_inline enum gd_role role_of_pair(struct file *file, struct file *other, __u64 files,
						 __u32 fd)
{
	if (!other || !is_near(other, files, fd))
		return GD_ROLE_UNKNOWN;
	return is_private(file) && is_private(other) ? GD_ROLE_OWN : GD_ROLE_SHARED;
}

/* files: the table that fd is an index of. */
static __always_inline enum gd_role role_of_unix(struct file *file, struct sock *sk, __u64 files,
						 __u32 fd)
{
	struct unix_sock *one = (struct unix_sock *)sk;
	struct sock *other = BPF_CORE_READ(one, peer);
	struct unix_sock *peer = (struct unix_sock *)other;
	_Bool is_named = BPF_CORE_READ(one, addr), is_peer_named;

	if (!peer)
		return GD_ROLE_UNKNOWN;
	is_peer_named = BPF_CORE_READ(peer, addr);
	if (is_named != is_peer_named)
		return is_named ? GD_ROLE_ACCEPTED : GD_ROLE_CLIENT;
	return is_named ? GD_ROLE_UNKNOWN
			: role_of_pair(file, BPF_CORE_READ(other, sk_socket, file), files, fd);
}

/*
 * Who sent last, waits for the answer: by the kernel's clock, and within one tick of it by what last
 * told of the window, an answer, or before one the bare acknowledgement of what was asked.  One that
 * does not come for long may not be meant to.
 */
static __always_inline enum gd_role role_of_client(struct tcp_sock *tcp)
{
	__u32 sent = BPF_CORE_READ(tcp, lsndtime);
	__s32 later = (__s32)(sent - BPF_CORE_READ(tcp, inet_conn.icsk_ack.lrcvtime));
	_Bool asks = later > 0 || BPF_CORE_READ(tcp, packets_out);

	if (!later && !asks)
		asks = BPF_CORE_READ(tcp, snd_wl1) == BPF_CORE_READ(tcp, rcv_nxt);
	if (asks && (__u32)bpf_jiffies64() - sent > ASKED_TICKS)
		return GD_ROLE_CLIENT;
	return asks ? GD_ROLE_ASKING : GD_ROLE_QUIET;
}

static __always_inline enum gd_role role_of_tcp(struct sock *sk, __u8 state)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	if (state == TCP_SYN_SENT)
		return GD_ROLE_ASKING;
	if (state == TCP_CLOSE || BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) != IPPROTO_TCP)
		return GD_ROLE_UNKNOWN;
	if (BPF_CORE_READ(sk, sk_max_ack_backlog))
		return GD_ROLE_ACCEPTED;
	/* A port that was chosen by bind() may be a client's, or that of a listener without a backlog. */
	if (BPF_CORE_READ(tcp, inet_conn.icsk_bind_hash, fastreuse) != -1)
		return GD_ROLE_UNKNOWN;
	return role_of_client(tcp);
}

/* To a socket that was bound datagrams come from whom it is connected to, asked or not. */
static __always_inline enum gd_role role_of_datagrams(struct sock *sk, __u8 state)
{
	return state == TCP_ESTABLISHED &&
			       !(BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BIND_LOCKS)
		       ? GD_ROLE_CLIENT
		       : GD_ROLE_UNKNOWN;
}

static __always_inline enum gd_role role_of_socket(struct file *file, __u64 files, __u32 fd)
{
	struct socket *socket = (struct socket *)BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	short type = BPF_CORE_READ(socket, type);

	if (state == TCP_LISTEN && (type == SOCK_STREAM || type == SOCK_SEQPACKET))
		return GD_ROLE_LISTENER;
	if (family == AF_UNIX)
		return type == SOCK_DGRAM ? GD_ROLE_UNKNOWN : role_of_unix(file, sk, files, fd);
	if (family != AF_INET && family != AF_INET6)
		return GD_ROLE_UNKNOWN;
	if (type == SOCK_DGRAM)
		return role_of_datagrams(sk, state);
	return type == SOCK_STREAM ? role_of_tcp(sk, state) : GD_ROLE_UNKNOWN;
}

#endif

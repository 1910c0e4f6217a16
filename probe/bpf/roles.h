/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor is, as agent/fd.h says it of its own: who waits on it waits for an answer, for
 * clients, or for its own process.  By the kernel's structs; what they do not tell is unknown.
 */
#ifndef GD_BPF_ROLES_H
#define GD_BPF_ROLES_H

#include "kernel_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

enum gd_role {
	GD_ROLE_UNKNOWN,
	GD_ROLE_FILE,
	GD_ROLE_TTY,
	GD_ROLE_PIPE, /* its other end may be anywhere */
	GD_ROLE_OWN,  /* eventfd or socketpair */
	GD_ROLE_TIMER,
	GD_ROLE_EPOLL,
	GD_ROLE_CHILD, /* pidfd */
	GD_ROLE_SIGNAL,
	GD_ROLE_LISTENER,
	GD_ROLE_ACCEPTED, /* the other side came to us */
	GD_ROLE_CLIENT,   /* we went to the other side */
	GD_ROLE_QUIET,    /* the same by TCP, and no answer is outstanding */
	GD_ROLE_TIED,   /* the same, and sent and received within one tick of the kernel's clock */
	GD_ROLE_ASKING, /* the same, and one is */
};

/* linux/magic.h, linux/stat.h, linux/socket.h, net/tcp_states.h; the latter are for all sockets. */
#define ANON_INODE_FS_MAGIC 0x09041934
#define PID_FS_MAGIC        0x50494446
#define S_IFMT              0170000
#define S_IFSOCK            0140000
#define S_IFIFO             0010000
#define S_IFCHR             0020000
#define AF_UNIX             1
#define AF_INET             2
#define AF_INET6            10
#define SOCK_STREAM         1
#define SOCK_DGRAM          2
#define SOCK_SEQPACKET      5
#define IPPROTO_TCP         6
#define TCP_ESTABLISHED     1
#define TCP_SYN_SENT        2
#define TCP_CLOSE           7
#define TCP_LISTEN          10

/* What was sent and received by all connections that were looked at: a sum, to see that it changes. */
struct gd_traffic {
	__u32 sent;
	__u32 received;
};

static __always_inline enum gd_role role_of_unix(struct sock *sk)
{
	struct unix_sock *one = (struct unix_sock *)sk;
	struct unix_sock *peer = (struct unix_sock *)BPF_CORE_READ(one, peer);
	_Bool is_named = BPF_CORE_READ(one, addr), is_peer_named;

	if (!peer)
		return GD_ROLE_UNKNOWN;
	is_peer_named = BPF_CORE_READ(peer, addr);
	if (!is_named && !is_peer_named)
		return GD_ROLE_OWN;
	if (is_named && is_peer_named)
		return GD_ROLE_UNKNOWN;
	return is_named ? GD_ROLE_ACCEPTED : GD_ROLE_CLIENT;
}

/* Who sent last, waits for the answer. */
static __always_inline enum gd_role role_of_client(struct tcp_sock *tcp, struct gd_traffic *traffic)
{
	__s32 later = (__s32)(BPF_CORE_READ(tcp, lsndtime) -
			      BPF_CORE_READ(tcp, inet_conn.icsk_ack.lrcvtime));

	traffic->sent += BPF_CORE_READ(tcp, write_seq);
	traffic->received += BPF_CORE_READ(tcp, rcv_nxt);
	if (later > 0 || BPF_CORE_READ(tcp, packets_out))
		return GD_ROLE_ASKING;
	return later ? GD_ROLE_QUIET : GD_ROLE_TIED;
}

static __always_inline enum gd_role role_of_tcp(struct sock *sk, __u8 state,
						struct gd_traffic *traffic)
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
	return role_of_client(tcp, traffic);
}

static __always_inline enum gd_role role_of_socket(struct socket *socket,
						   struct gd_traffic *traffic)
{
	struct sock *sk = BPF_CORE_READ(socket, sk);
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	short type = BPF_CORE_READ(socket, type);

	if (state == TCP_LISTEN && (type == SOCK_STREAM || type == SOCK_SEQPACKET))
		return GD_ROLE_LISTENER;
	if (family == AF_UNIX)
		return type == SOCK_DGRAM ? GD_ROLE_UNKNOWN : role_of_unix(sk);
	if (family != AF_INET && family != AF_INET6)
		return GD_ROLE_UNKNOWN;
	if (type == SOCK_DGRAM && state == TCP_ESTABLISHED)
		return GD_ROLE_CLIENT;
	return type == SOCK_STREAM ? role_of_tcp(sk, state, traffic) : GD_ROLE_UNKNOWN;
}

/* fs/eventpoll.c, eventfd.c, timerfd.c, signalfd.c, and fork.c before Linux 6.9. */
static __always_inline enum gd_role role_of_anonymous(struct file *file)
{
	char name[8] = "";

	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name[1] == 'e')
		return name[6] == 'p'   ? GD_ROLE_EPOLL
		       : name[6] == 'f' ? GD_ROLE_OWN
					: GD_ROLE_UNKNOWN;
	return name[1] == 't' && name[2] == 'i'   ? GD_ROLE_TIMER
	       : name[1] == 's' && name[2] == 'i' ? GD_ROLE_SIGNAL
	       : name[1] == 'p' && name[2] == 'i' ? GD_ROLE_CHILD
						  : GD_ROLE_UNKNOWN;
}

static __always_inline _Bool is_terminal(__u32 device)
{
	__u32 major = device >> 20; /* MAJOR(), linux/kdev_t.h */

	return major == 4 || major == 5 || (major >= 136 && major <= 143);
}

static __always_inline enum gd_role role_of(struct file *file, struct gd_traffic *traffic)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);

	if (!inode)
		return GD_ROLE_UNKNOWN;
	if (magic == ANON_INODE_FS_MAGIC)
		return role_of_anonymous(file);
	if (magic == PID_FS_MAGIC)
		return GD_ROLE_CHILD;
	switch (BPF_CORE_READ(inode, i_mode) & S_IFMT) {
	case S_IFSOCK:
		return role_of_socket(BPF_CORE_READ(file, private_data), traffic);
	case S_IFIFO:
		return GD_ROLE_PIPE;
	case S_IFCHR:
		return is_terminal(BPF_CORE_READ(inode, i_rdev)) ? GD_ROLE_TTY : GD_ROLE_UNKNOWN;
	default:
		return GD_ROLE_FILE;
	}
}

/* The file behind a descriptor of a task; NULL: there is none. */
static __always_inline struct file *file_of(struct task_struct *task, __u32 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = 0;

	if (fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

#endif

/* SPDX-License-Identifier: MIT */
/* The part of kernel_types.h that is about descriptors, and what stands behind them. */
#ifndef GD_BPF_KERNEL_FILES_H
#define GD_BPF_KERNEL_FILES_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	__u32 i_rdev;
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
	struct {
		struct {
			long counter; /* less one */
		} refcnt;
	} f_ref;
};

/* Before Linux 6.13. */
struct file___counted {
	struct {
		long counter;
	} f_count;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

/* ---- Sockets --------------------------------------------------------------------------------- */

struct sock_common {
	unsigned short skc_family;
	unsigned char skc_state;
};

struct sock {
	struct sock_common __sk_common;
	__u32 sk_max_ack_backlog; /* of the listener, also where it came from one */
	unsigned char sk_userlocks;
	unsigned short sk_protocol;
	struct socket *sk_socket;
};

struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};

struct unix_sock {
	void *addr; /* its name; one that was accepted has the listener's */
	struct sock *peer;
};

struct inet_bind_bucket {
	signed char fastreuse; /* -1: connect() chose the port (inet_hash_connect()) */
};

struct inet_connection_sock {
	struct inet_bind_bucket *icsk_bind_hash;
	struct {
		__u32 lrcvtime; /* jiffies when data last came */
	} icsk_ack;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 lsndtime; /* jiffies when data was last sent */
	__u32 packets_out;
	__u32 snd_wl1; /* sequence number of what last told of the window */
	__u32 rcv_nxt;
};

/* ---- Epoll sets ------------------------------------------------------------------------------ */

struct rb_node {
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct rb_root_cached {
	struct rb_root rb_root;
};

struct list_head {
	struct list_head *next;
};

struct eventpoll {
	struct rb_root_cached rbr; /* of struct epitem, which begins with its node */
	struct list_head rdllist;  /* of those that are ready, by rdllink */
};

struct epoll_filefd {
	struct file *file;
	int fd;
};

struct epoll_event {
	__u32 events;
};

struct epitem {
	struct list_head rdllink;
	struct epoll_filefd ffd;
	struct epoll_event event;
};

#pragma clang attribute pop

#endif

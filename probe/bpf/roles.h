/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor is, as agent/fd.h says it of its own: who waits on it waits for an answer, for
 * clients, or for its own process.  By the kernel's structs; what they do not tell is unknown.
 */
#ifndef GD_BPF_ROLES_H
#define GD_BPF_ROLES_H

#include "sockets.h"

/* linux/magic.h, linux/stat.h. */
#define ANON_INODE_FS_MAGIC 0x09041934
#define PID_FS_MAGIC        0x50494446
#define S_IFMT              0170000
#define S_IFSOCK            0140000
#define S_IFIFO             0010000
#define S_IFCHR             0020000

/* The first eight characters of a name as one word. */
static __always_inline __u64 word_of(const char *name)
{
	__u64 word;

	__builtin_memcpy(&word, name, sizeof(word));
	return word;
}

/* fs/eventpoll.c, eventfd.c, timerfd.c, signalfd.c, and fork.c before Linux 6.9. */
static __always_inline enum gd_role role_of_anonymous(struct file *file)
{
	__u64 name = 0;

	bpf_probe_read_kernel(&name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name == word_of("[eventpoll]"))
		return GD_ROLE_EPOLL;
	if (name == word_of("[eventfd]"))
		return is_private(file) ? GD_ROLE_OWN : GD_ROLE_SHARED;
	return name == word_of("[timerfd]")    ? GD_ROLE_TIMER
	       : name == word_of("[signalfd]") ? GD_ROLE_SIGNAL
	       : name == word_of("[pidfd]")    ? GD_ROLE_CHILD
					       : GD_ROLE_UNKNOWN;
}

static __always_inline _Bool is_terminal(__u32 device)
{
	__u32 major = device >> 20; /* MAJOR(), linux/kdev_t.h */

	return major == 4 || major == 5 || (major >= 136 && major <= 143);
}

/* files: the table of the process that fd is an index of. */
static __always_inline enum gd_role role_of(struct file *file, __u64 files, __u32 fd)
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
		return role_of_socket(file, files, fd);
	case S_IFIFO:
		return GD_ROLE_UNKNOWN; /* its other end may be anywhere */
	case S_IFCHR:
		return is_terminal(BPF_CORE_READ(inode, i_rdev)) ? GD_ROLE_TTY : GD_ROLE_UNKNOWN;
	default:
		return GD_ROLE_FILE;
	}
}

#endif

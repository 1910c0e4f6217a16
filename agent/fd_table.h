/* SPDX-License-Identifier: MIT */
/* The table of descriptors, as fd*.c share it; nobody else includes this. */
#ifndef GD_FD_TABLE_H
#define GD_FD_TABLE_H

#include "fd.h"

struct gd_fd_entry {
	uint8_t role;
	uint8_t is_outstanding;
	uint8_t set_plus_1;     /* of those of fd_set.c; where this one is a member */
	uint8_t own_set_plus_1; /* where this one is the epoll set */
	int32_t peer;           /* the other end, for GD_ROLE_OWN; -1 elsewhere */
	uint32_t pipe_plus_1;   /* row of PIPES */
};

/* The entry of a descriptor; NULL: it has none, which is counted, or it is not ours to note. */
struct gd_fd_entry *gd_fd_entry(int fd);

/* Changes the entry, and the sums of the set that it is a member of. */
void gd_fd_change_role(struct gd_fd_entry *entry, enum gd_role role);
void gd_fd_change_outstanding(struct gd_fd_entry *entry, bool is_outstanding);

/* It is no member any more; the sums of its set follow. */
void gd_fd_leave_set(struct gd_fd_entry *entry);

/* An epoll set is closed: its members belong to none. */
void gd_fd_dissolve_set(struct gd_fd_entry *entry);

/* No entry above this number was ever used. */
int32_t gd_fd_top(void);

/* Asks the kernel.  GD_ROLE_UNKNOWN and 0 where it does not say, or a filter forbids to ask. */
enum gd_role gd_fd_ask(int fd);
uint64_t gd_fd_ask_inode(int fd);

/*
 * This process has one end of it.  Both ends of a pipe have one inode; a socketpair has two, and is
 * known by the smaller one, which whoever saw it made knows.  0: not known, nothing happens.
 */
void gd_fd_register_pipe(struct gd_fd_entry *entry, uint64_t inode);

#endif

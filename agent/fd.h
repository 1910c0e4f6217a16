/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor is, and whether an answer is outstanding on it: this decides what a wait on it
 * counts as.  Roles are followed through the calls that make and unmake descriptors, and asked of
 * the kernel once where they are not known.
 */
#ifndef GD_FD_H
#define GD_FD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum gd_role {
	GD_ROLE_UNKNOWN, /* not asked yet */
	GD_ROLE_FILE,
	GD_ROLE_TTY,
	GD_ROLE_PIPE,  /* its other end is elsewhere */
	GD_ROLE_OWN,   /* pipe, socketpair or eventfd whose other end is in this process */
	GD_ROLE_TIMER, /* timerfd */
	GD_ROLE_EPOLL,
	GD_ROLE_CHILD,  /* pidfd */
	GD_ROLE_SIGNAL, /* signalfd */
	GD_ROLE_LISTENER,
	GD_ROLE_ACCEPTED, /* the other side came to us */
	GD_ROLE_CLIENT,   /* we went to the other side */
	GD_ROLE_SOCKET,   /* not connected yet */
	GD_ROLE_OTHER,
	GD_ROLE_COUNT
};

/* How many descriptors of each kind a poll waits for, and how many answers are outstanding. */
struct gd_fd_set {
	uint32_t servers; /* listeners and accepted ones */
	uint32_t clients;
	uint32_t outstanding; /* of the clients */
	uint32_t own;         /* own pipes and events */
	uint32_t timers;
	uint32_t children;
	uint32_t pipes;
	int32_t pipe_fd_plus_1; /* one of them */
	uint32_t terminals;
	uint32_t others;
};

/* Maps the table.  Context: constructor; later a filter may forbid it. */
void gd_fd_init(void);

/*
 * The role; asks the kernel when it is not known yet, unless a seccomp filter forbids.
 * Context: any thread, also in a signal handler; errno is kept.
 */
enum gd_role gd_fd_role(int fd);

/* It was made as this, or became this. */
void gd_fd_set_role(int fd, enum gd_role role);

/* Two ends of one pipe or socketpair. */
void gd_fd_pair(int a, int b);

/* to is another name of from. */
void gd_fd_copy(int from, int to);

/* It is closed: whatever comes next under this number is unknown. */
void gd_fd_forget(int fd);
void gd_fd_forget_range(unsigned int first, unsigned int last);

/* Something was sent, or a connection begun: an answer is outstanding; or one came. */
void gd_fd_sent(int fd);
void gd_fd_got(int fd);
bool gd_fd_is_outstanding(int fd);

/* The inode that tells who is at the other end of a pipe; 0: not known. */
uint64_t gd_fd_pipe_inode(int fd);

/* A wait on a pipe has ended, n bytes came or went; negative: none. */
void gd_fd_pipe_waited(int fd, uint64_t waited, ssize_t n);

/* In a fork's child: its descriptors are the parent's, its recording is new. */
void gd_fd_fork_child(void);

/* Adds fd to a set. */
void gd_fd_count(struct gd_fd_set *set, int fd);

/* Members of an epoll set come and go; the sum over them. */
void gd_fd_epoll_add(int epfd, int fd);
void gd_fd_epoll_remove(int epfd, int fd);
void gd_fd_epoll_count(struct gd_fd_set *set, int epfd);

#endif

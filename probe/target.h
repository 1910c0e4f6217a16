/* SPDX-License-Identifier: MIT */
/*
 * A process that the sampler watches: its image, mapped here too, and a handle on the process.
 */
#ifndef GD_TARGET_H
#define GD_TARGET_H

#include <gildiag/image.h>
#include <stdbool.h>

/* Of a slot's books for computing of one kind, GIL held or not, what stood there a stretch ago. */
struct gd_books {
	uint64_t ticks;
	uint64_t off;
	double ran; /* share on a CPU since, or of the stretch before */
	bool is_full;
};

/* What the sampler remembers of one slot between two instants. */
struct gd_slot_memory {
	int32_t tid;        /* 0: nothing yet */
	uint8_t names_read; /* how often its name was read */
	uint64_t window_ns; /* CLOCK_MONOTONIC when the window of computing below began; 0: none */
	uint64_t window_run_ns;   /* what it had run by then */
	double ran;               /* share of the last whole window that it ran */
	struct gd_books books[2]; /* by GD_CAUSE_CPU_* */
	uint64_t wait_cpu;        /* ticks on a CPU inside waits, so far; without those for a GIL */
	int64_t wait_credit;      /* of them, not yet in the picture; below zero: too many there */
};

struct gd_on_cpu_when;

struct gd_target {
	int32_t pid;         /* in our namespace */
	int pidfd;           /* -1: before Linux 5.3 */
	bool is_end_awaited; /* by the sampler's epoll set */
	void *image;
	struct gd_process *process;
	struct gd_section *sections;
	struct gd_thread *threads;
	struct gd_joint *joints;
	struct gd_module *modules;
	struct gd_pipe *pipes;
	uint32_t pipes_seen;                /* rows that the tree knows */
	uint64_t exec_ns;                   /* when it was seen to have become another program */
	bool has_successor;                 /* which is followed, too */
	struct gd_slot_memory *memory;      /* GD_THREAD_CAPACITY, sparse */
	uint64_t planned_ns;                /* the last instant that was planned, CLOCK_MONOTONIC */
	uint64_t asked_ticks, asked_cpu_ns; /* the last instant, and the CPU clock then */
	uint64_t pictured_ticks;            /* the last instant that a picture was taken of */
	uint32_t next_slot;                 /* round robin of the slower readings */
	int throttle_fd;                    /* cpu.stat of the cgroup with the quota; -1: none */
	uint64_t throttled_base_ns;         /* what it said when we came */
	struct gd_on_cpu_when *when;        /* during an instant */
	struct gd_target *next;
};

/*
 * Maps memfd, which the caller may close then, checks that it is an image of ours and takes over its
 * writing.  Returns 0 and a target to be freed by gd_target_free(), or -errno.
 */
int gd_target_new(int memfd, int32_t pid, struct gd_target **ret_target);

/* Unmaps and frees; accepts NULL. */
void gd_target_free(struct gd_target *target);

/* True when the process has ended, or has become another program that brought its own image. */
bool gd_target_is_gone(const struct gd_target *target);

/* The target's clock, read now. */
uint64_t gd_target_ticks(const struct gd_target *target);

/* Slots that were ever used; never more than there are. */
uint32_t gd_target_slots(const struct gd_target *target);

#endif

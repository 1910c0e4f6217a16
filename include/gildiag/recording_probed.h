/* SPDX-License-Identifier: MIT */
/*
 * The recording's file of the eBPF probe: what the scheduler saw.  A part of recording.h, which is
 * what to include.  Times are nanoseconds of CLOCK_MONOTONIC.  Writer of all of it: gildiag-probe.
 *
 * It does not grow with the run: what is over and small is summed up, and rows hold no zeros.
 */
#ifndef GILDIAG_RECORDING_PROBED_H
#define GILDIAG_RECORDING_PROBED_H

#include "recording.h" /* what comes before, where this is included alone */

/* ---- The probe itself ------------------------------------------------------------------------ */

#define GD_PROBED_LOST_EVENTS  0 /* ends of threads and processes, births of processes */
#define GD_PROBED_LOST_THREADS 1 /* threads without a record, or beyond the table */
#define GD_PROBED_LOST_IMAGES  2 /* processes beyond the table */
#define GD_PROBED_LOST_WAITS   3 /* waits beyond the table: their threads' sums have them */
#define GD_PROBED_LOST_STACKS  4
#define GD_PROBED_LOST_GILS    5 /* GILs, or threads at one, beyond the tables: not split by it */
#define GD_PROBED_LOST_SAMPLES 6 /* Python stacks beyond the tables, or whose names were gone */
#define GD_PROBED_LOST_HOLDS   7 /* holds that the agent told of and that have no row */
#define GD_PROBED_LOST_COUNT   8

struct gd_probed {
	uint64_t attached_ns;
	uint64_t copied_ns; /* when this was written */
	uint64_t lost[GD_PROBED_LOST_COUNT];
	uint64_t slots_none; /* switches at which the thread had no slot of the agent's */
	uint64_t slots_faulted;
	uint64_t slots_wrong;
	uint64_t cpu_ns;  /* what the probe's own process took */
	uint64_t dropped; /* processes that took other credentials and are not followed since */
	uint64_t mended;  /* switches that the kernel did not show, by the thread's clock */
	uint32_t cpus; /* that affinity allows the process that was followed first; 0: not known */
	uint32_t cpus_online;
	/* Programs that ended, did next to nothing and have no row; they waited for children at most. */
	uint64_t small_images;
	uint64_t small_images_cpu_ns;
	uint64_t small_images_off_ns; /* off the CPU */
	/* Blocks by what for that are too little of the whole for a row: the threads' sums have them. */
	uint64_t small_waits; /* that there were rows for */
	uint64_t small_waits_ns;
	uint64_t looks;        /* joint instants taken: GD_SECTION_JOINT */
	uint64_t sees_holds;   /* the agent tells when holds end: GD_SECTION_PROBED_HOLDS */
	uint64_t slots_pinned; /* so that reading one is cheap; 0: the kernel pins none */
};
GD_ASSERT_SIZE(gd_probed, 200);

/* ---- A program that a process ran: from its birth or exec to its end or next exec ------------ */

#define GD_PROBED_PYTHON         0x01u /* it looks like CPython: there may be a GIL that nobody saw */
#define GD_PROBED_VERSION(flags) ((flags) >> 16) /* 0x030b for 3.11; 0: not known */

/*
 * Who reads what may be anything, a pipe for one, may wait for an answer or for work: without an
 * agent nobody knows.  Such a wait stays unseen.
 */
#define GD_PROBED_IS_DOUBTFUL(cause) ((cause) == GD_CAUSE_OTHER)

struct gd_probed_image {
	uint32_t image;    /* 1 and up */
	int32_t pid;       /* in its own PID namespace */
	int32_t ppid;      /* of its parent, in the parent's */
	uint32_t flags;    /* GD_PROBED_* */
	uint64_t start_ns; /* or when the probe came */
	uint64_t end_ns;   /* 0: it was there at the end */
	char command[64];  /* the end of its file's path, or the kernel's short name */
};
GD_ASSERT_SIZE(gd_probed_image, 96);

/* ---- A thread -------------------------------------------------------------------------------- */

/* Who ended a block. */
#define GD_WOKEN_THREAD    0 /* of the same process */
#define GD_WOKEN_PROCESS   1 /* another process */
#define GD_WOKEN_INTERRUPT 2 /* a timer, a device, the network */
#define GD_WOKEN_COUNT     3

/* Index of what was off the CPU where no slot of the agent's was known; GD_CAUSE_* are the rest. */
#define GD_PROBED_NO_SLOT 31

/*
 * Off the CPU for one cause: blocked until it was woken, then queued for a CPU (delay); or queued
 * at once, as it was preempted.
 */
struct gd_probed_sums {
	uint64_t blocked_ns;
	uint64_t delay_ns;
	uint64_t preempted_ns;
	/* Of what is blocked or delayed where no wrapper stood: this is what the call waits for. */
	uint64_t explained_ns;
	uint32_t explained_blocks;
	uint32_t blocks;
	uint32_t woken_by[GD_WOKEN_COUNT];
	uint32_t reserved;
};
GD_ASSERT_SIZE(gd_probed_sums, 56);

/*
 * A thread; or with tid 0 all those of its program that have no row of their own: the shorter-lived
 * of those that ended.  on_cpu_ns and its rows of PROBED_CAUSES, but what is explained, are its life.
 */
struct gd_probed_thread {
	uint32_t image;
	int32_t tid; /* in its own PID namespace */
	uint64_t threads;
	uint64_t life_ns;
	uint64_t ended_ns; /* the last of them; 0: alive */
	uint64_t on_cpu_ns;
	uint64_t switches; /* off the CPU */
	uint64_t slots_read;
};
GD_ASSERT_SIZE(gd_probed_thread, 56);

/* What a thread was off the CPU for; causes that it never had have no row. */
struct gd_probed_cause {
	uint32_t thread; /* index of its row */
	uint32_t cause;  /* GD_CAUSE_* or GD_PROBED_NO_SLOT */
	struct gd_probed_sums sums;
};
GD_ASSERT_SIZE(gd_probed_cause, 64);

/* ---- Blocks, by what for --------------------------------------------------------------------- */

/*
 * Waits for locks and the GIL, by lock and by the thread that ended them; and blocks where no
 * wrapper of the agent's stood (cause CPU_GIL, CPU_FREE or GD_PROBED_NO_SLOT), by system call.  What
 * is little of the whole is summed up: first without its waker, then without its stack.
 */
struct gd_probed_wait {
	uint32_t image;
	uint32_t cause;  /* GD_CAUSE_* or GD_PROBED_NO_SLOT */
	uint64_t object; /* the lock; or the number of the system call, ~0: none (a page fault) */
	uint32_t stack;  /* 1 + index of its first address; 0: none, or several */
	int32_t waker; /* thread of the same process, in its namespace; 0: somebody else, or several */
	uint64_t blocks;
	uint64_t blocked_ns;
	uint64_t delay_ns;
	uint64_t blocked_ns_max;
};
GD_ASSERT_SIZE(gd_probed_wait, 56);

/*
 * Holds of a lock that others waited for, where an agent told when each ended: what the holder's
 * thread did meanwhile.
 */
struct gd_probed_hold {
	uint32_t image;
	uint32_t cause;  /* of the waits for it: GD_CAUSE_* */
	uint64_t object; /* the lock */
	uint64_t holds;
	uint64_t hold_ns;
	uint64_t split_ns; /* of it: this is what the next two are of, the rest lies too far back */
	uint64_t cpu_ns;
	uint64_t queued_ns; /* for a CPU; what is left, the holder was blocked */
};
GD_ASSERT_SIZE(gd_probed_hold, 56);

#define GD_PROBED_STACK_DEPTH 32

/* Native stacks by frame pointers, one after the other: innermost first, each ended by a 0. */
struct gd_probed_address {
	uint64_t address;
};
GD_ASSERT_SIZE(gd_probed_address, 8);

/*
 * Blocks of a program that runs CPython, without an agent in it, by Python stack.  Where a thread
 * blocked very often chance said which blocks were looked at, and each stands for others: the sums
 * have no bias.  The file has STRINGS, FRAMES and STACKS as an agent's has.
 */
struct gd_probed_sample {
	uint32_t image;
	uint32_t cause; /* GD_CAUSE_* that the system call stands for; GIL; 0: none */
	uint32_t stack; /* 1 + index */
	uint32_t reserved;
	uint64_t waited_ns; /* until they had a CPU again */
	uint64_t samples;   /* blocks that were looked at */
};
GD_ASSERT_SIZE(gd_probed_sample, 32);

#endif

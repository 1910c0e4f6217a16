/* SPDX-License-Identifier: MIT */
/*
 * What the programs in the kernel and the process that loads them share.  Not part of the
 * recording: the loader translates.  Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef GD_BPF_SHARED_H
#define GD_BPF_SHARED_H

#include "python_shared.h"
#include "requests_shared.h"
#include "slot_shared.h"
#include "waits_shared.h"
#include <gildiag/recording.h>

/* What a thread did; the recording has no room for zeros, the kernel none for rows that come. */
struct gd_task_sums {
	uint64_t born_ns;
	uint64_t ended_ns; /* 0: alive */
	uint64_t on_cpu_ns;
	uint64_t switches; /* off the CPU */
	uint64_t slots_read;
	struct gd_probed_sums causes[GD_CAUSE_MAX];
};

/* A time on a CPU: since when, and how long it had one, or was queued for one, before. */
#define GD_STAYS 8

struct gd_stay {
	uint64_t came_ns; /* 0: none yet */
	uint64_t cpu_ns;
	uint64_t queued_ns;
};

/*
 * A followed thread.  Writer: the CPU that switches it, so one at a time; a waker writes woken_ns
 * and waker while it is off the CPU.
 */
struct gd_task {
	uint64_t tls_offset; /* of the slot pointer from the thread pointer; 0: not known */
	uint64_t slot;       /* its address, where it was last found; 0: not yet */
	uint32_t image;      /* which program of which process; 0: not followed yet */
	uint32_t tgid;       /* in the outermost namespace */
	int32_t tid;         /* in its own namespace */
	uint32_t operations; /* of its open block: that are outstanding outside, at least one */
	/* On the CPU since on_ns, or off it since off_ns: the other one is 0. */
	uint64_t on_ns;
	uint64_t off_ns;
	uint64_t left_ns;   /* when it last left it, and */
	uint64_t came_ns;   /* got it: these stay */
	uint64_t woken_ns;  /* 0: not yet */
	uint64_t clock_ns;  /* its CPU clock when it last left the CPU */
	uint32_t state;     /* at the switch; 0: it could go on */
	uint32_t cause;     /* GD_CAUSE_* of its slot, or GD_PROBED_NO_SLOT */
	uint64_t object;    /* of its slot; without a cause: the system call */
	int32_t stack;      /* -1: none */
	uint32_t waker;     /* tid of the same process, or 0 */
	uint32_t woken_by;  /* GD_WOKEN_* */
	uint32_t explained; /* without a wrapper: the GD_CAUSE_* that the system call stands for */
	uint32_t set;       /* of that call: a number of the epoll set; 0: none */
	uint32_t padding;
	uint64_t queued_ns; /* for a CPU, in its whole life */
	struct gd_task_wait wait;
	struct gd_task_python python;
	struct gd_task_sums sums;
	struct gd_stay stays[GD_STAYS]; /* the last ones, by sums.switches modulo GD_STAYS */
};

/* It blocked where no wrapper of the agent's stood, or where there is none: explained says why. */
static inline _Bool gd_has_no_wrapper(const struct gd_task *task)
{
	return task->cause <= GD_CAUSE_CPU_FREE || task->cause == GD_PROBED_NO_SLOT;
}

/* What the Python stack of its open block waits for: GD_CAUSE_*; 0: a call without a name. */
static inline uint32_t gd_python_cause(const struct gd_task *task)
{
	return task->python.gil == GD_AT_GIL_WAITS ? (uint32_t)GD_CAUSE_GIL : task->explained;
}

/* A thread at an instant. */
struct gd_glance {
	uint32_t image;
	int32_t tid; /* in its own namespace */
	uint8_t does;
	uint8_t cause; /* GD_CAUSE_* of what it waits for; 0: not known */
	uint8_t gil;   /* GD_AT_GIL_* */
	uint8_t operations;
	uint32_t set; /* the epoll set that it waits on; 0: none */
};

#define GD_DOES_RUN   0
#define GD_DOES_QUEUE 1 /* for a CPU */
#define GD_DOES_BLOCK 2

/* A followed process, by tgid in the outermost namespace. */
struct gd_tgid {
	uint64_t tls_offset;
	uint32_t image;
	uint32_t layout; /* of its Python stacks */
};

struct gd_wait_key {
	uint32_t image;
	uint32_t cause;
	uint64_t object;
	int32_t stack;
	uint32_t waker;
};

struct gd_wait_sums {
	uint64_t blocks;
	uint64_t blocked_ns;
	uint64_t delay_ns;
	uint64_t blocked_ns_max;
};

/* Of a lock's holds that others waited for. */
struct gd_hold_key {
	uint32_t image;
	uint32_t cause;
	uint64_t object;
};

struct gd_hold_sums {
	uint64_t holds;
	uint64_t hold_ns;
	uint64_t split_ns;          /* of it: the rest lies too far back */
	uint64_t cpu_ns, queued_ns; /* of that */
};

/* What was lost of them. */
#define GD_BPF_LOST_HOLDS 0 /* the table was full */
#define GD_BPF_HOLD_FAULT 1 /* what the agent told could not be read, or is nonsense */
#define GD_BPF_HOLD_COUNT 2

#define GD_EVENT_IMAGE_BORN   1
#define GD_EVENT_IMAGE_ENDED  2
#define GD_EVENT_THREAD_ENDED 3
#define GD_EVENT_DROPPED      4 /* its credentials changed: none of the caller's business */
#define GD_EVENT_PYTHON_STACK 5 /* one that was not seen before */
#define GD_EVENT_SLOT_SOUGHT  6 /* pid, a thread, is switched often: its slot is worth a pin */

/* What happens rarely.  task is whole with GD_EVENT_THREAD_ENDED only. */
struct gd_event {
	uint32_t what; /* GD_EVENT_* */
	uint32_t image;
	int32_t pid;
	int32_t ppid;
	uint32_t tgid;    /* in the outermost namespace */
	uint32_t copy_of; /* of one that is born: the image whose memory it has a copy of, or 0 */
	uint32_t is_program; /* the same: it begins to execute one, and was asked for */
	uint32_t padding;
	uint64_t now_ns;
	uint64_t
		detail; /* GD_EVENT_PYTHON_STACK: its key; GD_EVENT_SLOT_SOUGHT: the slot's since */
	char command[16]; /* the kernel's short name */
	struct gd_task task;
};

/* What was lost, by reason; one counter per CPU each. */
#define GD_BPF_LOST_EVENTS  0 /* the ring was full */
#define GD_BPF_LOST_THREADS 1 /* no memory for a thread's record */
#define GD_BPF_LOST_IMAGES  2 /* the table of processes was full */
#define GD_BPF_LOST_WAITS   3 /* the table of waits was full */
#define GD_BPF_LOST_STACKS  4 /* no room, or not walkable */
/* How the slots were read. */
#define GD_BPF_SLOT_NONE   5 /* the agent has not woken yet, or the thread has ended */
#define GD_BPF_SLOT_FAULT  6 /* its page was not there */
#define GD_BPF_SLOT_WRONG  7 /* not this thread's: between a fork and its handler */
#define GD_BPF_MENDED      8 /* switches onto a CPU that the kernel did not show */
#define GD_BPF_LOST_PYTHON 9 /* Python stacks: the table was full */
#define GD_BPF_COUNT_COUNT 10

#endif

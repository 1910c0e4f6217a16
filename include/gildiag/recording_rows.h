/* SPDX-License-Identifier: MIT */
/*
 * The recording's tables: ended threads, locks, GILs, kinds of instants, pipes, small processes.  A
 * part of recording.h, which is what to include.
 */
#ifndef GILDIAG_RECORDING_ROWS_H
#define GILDIAG_RECORDING_ROWS_H

#include "recording.h" /* what comes before, where this is included alone */

/* ---- Threads that ended and whose slot was used again, by start function --------------------- */

/* Writer: any thread, by atomic addition. */
struct gd_ended {
	uint64_t start_function;
	uint64_t threads;
	uint64_t life;
	uint64_t ticks[GD_CAUSE_MAX];
	uint64_t cpu_in[GD_CAUSE_MAX];
	uint64_t count[GD_CAUSE_MAX];
	uint64_t off_in[2];
	uint64_t holding_gil;
	uint64_t gil_takes;
	uint64_t gil_drops;
	uint64_t gil_forced;
	uint64_t gil_hold;
	uint64_t cpu_ns;
	uint64_t run_delay_ns;
	uint64_t yields;
	uint64_t wakes;
	uint64_t pipe_bytes;
	uint64_t reserved[1];
};
GD_ASSERT_SIZE(gd_ended, 896);

/* ---- One lock that was waited for ------------------------------------------------------------ */

#define GD_LOCK_HOLDERS 8
#define GD_GIL_HOLDERS  32

/*
 * Who kept others waiting: the site that acquired the lock, blamed for what others waited during
 * its holds; or the one that woke a waiter, blamed for that wait.  The last entry of a row is for
 * all that found none of their own: those with the least blame share it.
 */
struct gd_lock_holder {
	uint64_t site;  /* GD_SITE_* */
	uint64_t blame; /* ticks that others waited */
	uint64_t times;
};
GD_ASSERT_SIZE(gd_lock_holder, 24);

/*
 * count threads wait now, that arrived at times whose sum is arrivals: so at time t they have
 * waited count * t - arrivals altogether.  Changed as one word of 16 bytes.
 */
struct gd_lock_queue {
	uint64_t count;
	uint64_t arrivals; /* ticks, modulo 2^64 */
} __attribute__((aligned(16)));
GD_ASSERT_SIZE(gd_lock_queue, 16);

/* Writer: any thread, by atomic addition. */
struct gd_lock {
	struct gd_lock_queue queue;
	uint64_t key;   /* address of the lock; of the PyMutex for waits in CPython's parking lot */
	uint32_t cause; /* GD_CAUSE_MUTEX and the like */
	uint32_t reserved0;
	uint64_t waits; /* that ended, timed out ones included */
	uint64_t wait;  /* ticks */
	uint64_t wait_max;
	uint64_t timeouts;
	uint64_t released; /* holds that ended while others waited, or had given up: a lock */
	uint64_t posted;   /* wake-ups while others waited, by another thread: a signal */
	uint64_t hold;     /* ticks of the holds counted in released */
	uint64_t hold_max;
	uint64_t unbounded; /* of those, holds whose beginning was not seen: not in hold */
	uint64_t site;      /* where the first waiter waited */
	struct gd_lock_holder holders[GD_LOCK_HOLDERS];
	uint64_t holder_hold[GD_LOCK_HOLDERS]; /* of hold, the part of each of holders */
	uint64_t given_up; /* ticks waited until a time-out, not yet blamed on a release */
	uint64_t waker;    /* site of the last wake-up that was no release; 0: none */
};
GD_ASSERT_SIZE(gd_lock, 384);

/* ---- One GIL --------------------------------------------------------------------------------- */

/* Writer: whoever owns the GIL's own mutex, so one thread at a time, by plain stores. */
struct gd_gil {
	uint64_t cond;   /* address of gil->cond; also its identity */
	uint32_t alive;  /* 0 after its condition was destroyed */
	uint32_t holder; /* 1 + index of the holder's slot; 0: free */
	uint64_t taken;  /* ticks of the last take */
	uint64_t takes;
	uint64_t drops;
	uint64_t waits;  /* takes that had to wait */
	uint64_t forced; /* drops that a waiter asked for */
	uint64_t hold;   /* ticks, finished holds */
	uint64_t wait;   /* ticks, finished waits */
	uint64_t hold_max;
	uint64_t wait_max;
	uint64_t hold_long; /* ticks of holds of 100 us and longer (by a rough clock) */
	uint32_t waiters;   /* now; changed atomically */
	uint32_t reserved0;
	struct gd_lock_holder holders[GD_GIL_HOLDERS]; /* who held it while others waited */
	uint64_t holder_hold[GD_GIL_HOLDERS];          /* ticks that they held it then */
	uint32_t hold_hist[GD_HIST_STEPS];
	uint32_t wait_hist[GD_HIST_STEPS];
};
GD_ASSERT_SIZE(gd_gil, 104 + 32 * GD_GIL_HOLDERS + 8 * GD_HIST_STEPS);

/* ---- The joint picture ----------------------------------------------------------------------- */

#define GD_HOLDER_NONE    0 /* no GIL held */
#define GD_HOLDER_RUNS    1 /* on a CPU */
#define GD_HOLDER_WAITS   2 /* its holder waits for something else */
#define GD_HOLDER_STARVES 3 /* its holder is queued for a CPU */

#define GD_PHASE_START  0 /* until some thread first waited for something that is no file */
#define GD_PHASE_STEADY 1

/*
 * What the whole process did at an instant.  Few kinds, lest a table grow with the run: counts that
 * only their sum is asked of are 0 or 1 here.  Others stop at 255.
 */
struct gd_joint_key {
	uint8_t computing;           /* on a CPU, or so it seems */
	uint8_t starved;             /* want a CPU and have none */
	uint8_t unseen;              /* 1: of no thread more is known than off the CPU, unseen */
	uint8_t gil_wait;            /* 1: some wait for the GIL; gil_wait_sum */
	uint8_t outside;             /* 1: operations are outstanding outside; outside_sum */
	uint8_t sleeping;            /* threads in SLEEP, stops at 2 */
	uint8_t loop_timer;          /* threads in LOOP_TIMER, stops at 1 */
	uint8_t child;               /* threads in CHILD, stops at 1 */
	uint8_t locked;              /* 1: at most, threads wait for locks; else see locked_sum */
	uint8_t holder;              /* GD_HOLDER_* of the first GIL */
	uint8_t file;                /* 1: all that is outside are files */
	uint8_t looped;              /* 1: all that is outside is waited for by poll and the like */
	uint8_t gil_computing;       /* of computing, those that hold a GIL; stops at 8 */
	uint8_t phase;               /* GD_PHASE_* */
	uint8_t outside_processes;   /* in the tree: how many have something outside; stops at 8 */
	uint8_t computing_processes; /* in the tree: how many compute; stops at 8 */
};
GD_ASSERT_SIZE(gd_joint_key, 16);

/* Writer: the sampler; of programs that no agent is in the eBPF probe. */
struct gd_joint {
	struct gd_joint_key key;
	uint64_t instants;
	uint64_t weight_ns;   /* time that they stand for */
	uint64_t outside_sum; /* operations, not capped */
	uint64_t locked_sum;  /* threads, not capped */
	uint64_t gil_wait_sum;
	uint64_t computing_sum;
};
GD_ASSERT_SIZE(gd_joint, 64);

/* ---- Pipes: who is at the other end ---------------------------------------------------------- */

/*
 * A pipe or socket of which this process has, or had, only one end; by inode.  The same one in
 * another followed process is its other end: waiting there is waiting for that process. Writer: any
 * thread, by atomic addition.
 */
struct gd_pipe {
	uint64_t inode;
	uint64_t waits;
	uint64_t wait;  /* ticks */
	uint64_t bytes; /* sent and received */
};
GD_ASSERT_SIZE(gd_pipe, 32);

/* ---- Processes too small for a file of their own --------------------------------------------- */

/* Writer: the sampler. */
struct gd_short {
	int32_t pid;
	int32_t ppid;
	int32_t exit_code; /* with GD_END_EXIT */
	uint32_t end;      /* GD_END_* */
	uint64_t start_ns; /* CLOCK_MONOTONIC */
	uint64_t end_ns;
	uint64_t cpu_ns;
	uint64_t children_cpu_ns;
	char command[40]; /* the end of it */
	uint64_t children_reaped;
};
GD_ASSERT_SIZE(gd_short, 96);

#endif

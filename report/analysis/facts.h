/* SPDX-License-Identifier: MIT */
/*
 * What the verdict rests on: a handful of measured quantities of one process, nothing else.  No
 * name and no count of one kind of call is among them.
 */
#ifndef GD_FACTS_H
#define GD_FACTS_H

#include "classes.h"

struct gd_facts {
	/* The evidence. */
	double wall_s;    /* of the steady phase */
	double active_s;  /* of it, the part that is judged: somebody computed or waited outside */
	double instants;  /* looked at in the judged part */
	bool has_picture; /* a sampler or a probe looked; else the sums alone */
	bool is_python;
	bool is_free_threaded;
	bool is_gil_known;
	bool is_tree;      /* several processes */
	bool has_family;   /* from outside, one of several processes that does nearly everything */
	bool from_outside; /* no agent: system calls say what threads wait for, not which lock */
	double cpus;       /* by affinity and quota */

	/* Shares of the steady phase and of the judged part; the latter six add up to one. */
	double idle;
	double computing;  /* at least one thread computes, or would if it had a CPU */
	double outside;    /* else: at least one waits outside */
	double child;      /* else: for a child */
	double sleeping;   /* else: sleeps */
	double loop_timer; /* else: an event loop waits for its own timers */
	double unknown;    /* else: off the CPU where nobody saw why */

	/* While computing. */
	double gil_share; /* of the threads on a CPU, those that hold the GIL */
	double running;   /* threads on a CPU */
	double wanting;   /* threads that are on a CPU or queued for one */
	double starved;   /* of those, the share without a CPU */
	double gil_held, gil_wanted, gil_waiters; /* shares of judged time; mean threads in line */

	/* While waiting. */
	double overlap;  /* operations outstanding outside */
	double sleepers; /* threads asleep at once, counted to two */
	double looped;   /* share waited for by poll and the like */
	double files;    /* share that is files only */
	double stream;   /* of all waits outside, the share for one pipe that others write into */
	double file_cpu; /* of the judged time, spent on the CPU inside calls for files */
	double holder_waits; /* of the judged time: who holds the GIL waits, others want it */
	double held_waits;   /* of all the time waited outside, the share with the GIL held */

	/* Threads and locks. */
	unsigned int contenders; /* threads that work and spend a good part in lock waits */
	bool has_coordinator; /* a thread that does not work, but ends waits as often as they wait */
	double contenders_wait; /* mean number of them that wait for a lock */
	double contenders_wake; /* waits for locks that they ended, per wait of their own */
	double others_wake;     /* that all other threads ended, per wait of theirs */
	const struct gd_lock_model *lock; /* the one that cost most, NULL: none */
	double lock_waiters;              /* mean threads waiting for it */
	double operations;                /* waits outside that took a millisecond, roughly */
	double wait_per_cpu;              /* seconds waited outside per second computed */
	double yields_per_s;
	double gil_takes_per_s; /* from outside only */
	double in_futex; /* from outside: mean threads that wait for others of them, not for the GIL */
	double cpu_per_block_s; /* from outside: computed between two blocks; 0: not known */

	/* Processes, where there are several. */
	double outside_processes;   /* that had something outstanding at once, while waiting */
	double computing_processes; /* that computed at once, while computing */
	double pipe_calls;          /* between them, and to themselves */
	double cpu_per_pipe_call_s;
	double pipe_bytes_per_cpu_s;
	double unfollowed; /* CPUs that children took that nobody followed, per second watched */
};

/*
 * Gathers them.  Pure: reads the model only.  unfollowed_cpu_s: of the children that nobody
 * followed; is_tree: process stands for several.
 */
struct gd_facts gd_facts_gather(const struct gd_process_model *process, bool is_tree,
				double unfollowed_cpu_s);

#endif

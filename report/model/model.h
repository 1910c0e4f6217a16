/* SPDX-License-Identifier: MIT */
/*
 * The nouns: a session, its processes, their threads, GILs and locks.  Values in seconds and
 * counts; nothing here knows the format that they came from.
 */
#ifndef GD_MODEL_H
#define GD_MODEL_H

#include "pool.h"
#include "scheduled.h"
#include <gildiag/recording.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gd_times {
	double cause_s[GD_CAUSE_COUNT];  /* wall time, what is still open included */
	double cpu_in_s[GD_CAUSE_COUNT]; /* of it, on the CPU */
	uint64_t count[GD_CAUSE_COUNT];
	double off_in_s[2]; /* off the CPU while computing: GIL held, GIL free */
	double holding_gil_s;
	double gil_hold_s;
	uint64_t gil_takes, gil_drops, gil_forced;
	double cpu_s;       /* by the thread's own clock */
	double run_delay_s; /* by the kernel */
	uint64_t major_faults;
	uint64_t yields;
	uint64_t wakes; /* of threads that waited for a lock or a signal */
	double life_s;
};

/* A place in the program; what is not known is "" or 0. */
struct gd_place {
	const char *file; /* of the source */
	const char *function;
	const char *module; /* of native code: the file that was mapped */
	int line, first_line;
	uint64_t offset;  /* in the module */
	uint64_t address; /* in the process; 0: a frame of the runtime */
	bool is_library;  /* not the program's own line */
	bool is_data;     /* of a variable, not of code: function is its name */
};

/* A stack that was sampled, innermost place first; at least one. */
struct gd_stack_model {
	const struct gd_place **places;
	size_t count;
	bool is_cut;
};

struct gd_sample_model {
	const struct gd_stack_model *stack;
	uint32_t cause;
	double weight_s;
	uint64_t samples;
};

struct gd_holder_model {
	const struct gd_place *place; /* NULL: several others, or not known */
	double blame_s;               /* that others waited, each waiter's time added */
	double hold_s;                /* of its holds meanwhile; 0 for who only woke others */
	uint64_t times;
};

struct gd_thread_model {
	int32_t tid;
	const char *name; /* never NULL */
	bool is_main;
	bool has_ended;
	const struct gd_place *start; /* the outermost place that was seen; NULL: none */
	uint64_t threads;             /* that this row stands for: more than one for folded ones */
	uint64_t start_function;
	struct gd_times times;
	struct gd_scheduled *scheduled; /* NULL: no probe saw it */
};

struct gd_gil_model {
	uint64_t takes, drops, waits, forced;
	double hold_s, wait_s, hold_long_s, hold_max_s, wait_max_s;
	double hold_p50_s, hold_p99_s, wait_p50_s, wait_p99_s; /* NAN: none */
	bool is_alive;
	struct gd_holder_model holders[GD_GIL_HOLDERS];
	size_t holder_count;
};

struct gd_lock_model {
	int32_t pid;
	uint64_t key;
	uint32_t cause;
	uint64_t waits, timeouts, released, posted, unbounded;
	uint64_t waiting; /* threads that still waited at the end: not in waits */
	bool is_exact;    /* no wait and no hold was left out */
	double wait_s, wait_max_s;
	double hold_s, hold_max_s;    /* NAN: nobody holds such a lock, or no hold was measured */
	struct gd_hold_model seen;    /* by the eBPF probe */
	const struct gd_place *place; /* where somebody waited first; NULL: not known */
	const struct gd_place
		*variable; /* that it is; NULL: none that lives as long as the program */
	struct gd_holder_model holders[GD_LOCK_HOLDERS];
	size_t holder_count;
};

/* A pipe of which the process has or had one end. */
struct gd_pipe_model {
	uint64_t inode, waits, bytes;
	double wait_s;
};

/* A file that is mapped. */
struct gd_module_model {
	uint64_t start, end;
	const char *path;
};

/* One kind of instant. */
struct gd_joint_model {
	struct gd_joint_key key;
	uint64_t instants;
	double weight_s;
	double outside_mean, locked_mean, gil_wait_mean, computing_mean;
};

enum gd_gil_state { GD_GIL_NONE, GD_GIL_ON, GD_GIL_OFF, GD_GIL_UNKNOWN };

struct gd_process_model {
	int32_t pid, ppid;
	const char *command, *script, *runtime, *runtime_version; /* never NULL, perhaps empty */
	uint32_t flags;
	enum gd_gil_state gil_state;
	bool is_complete;    /* it ended and everything is here */
	bool has_no_agent;   /* the scheduler's word is all there is */
	bool has_family;     /* and not only of it */
	bool became_another; /* its end was an exec */
	bool has_exit_code, was_collected;
	int exit_code;
	bool clock_is_tsc;
	double start_s, end_s;  /* CLOCK_MONOTONIC; the start of what is told here */
	double steady_s;        /* the same; NAN: no sampler saw it */
	double life_s;          /* all of it, also where only its end is told */
	double started_epoch_s; /* for humans */
	uint64_t threads_born;
	uint32_t cpus, cpus_online; /* 0: unknown */
	double cpu_quota;           /* CPUs; 0: none */
	double throttled_s;
	uint64_t samples, samples_missed;
	double sampler_cpu_s;
	uint64_t lost[GD_LOST_COUNT];
	uint64_t lost_rows[GD_SECTION_COUNT]; /* by section kind */
	struct gd_thread_model *threads;
	size_t thread_count;
	struct gd_gil_model *gils;
	size_t gil_count;
	struct gd_lock_model *locks;
	size_t lock_count;
	struct gd_joint_model *joints;
	size_t joint_count;
	struct gd_pipe_model *pipes;
	size_t pipe_count;
	uint64_t pipe_bytes;   /* through pipes, own ones too */
	double children_cpu_s; /* of the children that it waited for, and theirs */
	uint64_t children_reaped;
	struct gd_place **natives; /* the native places among all of the above */
	size_t native_count;
	struct gd_sample_model *sampled;
	size_t sampled_count;
	struct gd_module_model *modules;
	size_t module_count;
	struct gd_scheduled *scheduled; /* all its threads; NULL: no probe saw it */
	struct gd_block_model *blocks;
	size_t block_count;
};

/* A process that did next to nothing: shells and what they call. */
struct gd_short_model {
	int32_t pid, ppid;
	double start_s, end_s, cpu_s;
	double children_cpu_s;    /* of the children that it waited for, and theirs */
	uint64_t children_reaped; /* waits that ended with a child's end */
	bool became_another;      /* its end was an exec */
	bool has_exit_code;
	int exit_code;
	const char *command; /* the end of it */
};

struct gd_session_model {
	const char *path;
	struct gd_process_model *processes; /* in order of start */
	size_t process_count;
	size_t unreadable; /* files that were refused */
	double since_s;    /* CLOCK_MONOTONIC: only what was since then; NAN: all */
	bool has_sampler_seen;
	struct gd_process_model *tree; /* joints and samples of all at once; NULL: not seen */
	struct gd_short_model *shorts;
	size_t short_count;
	struct gd_probe_model *probe; /* NULL: there was none */
	struct gd_pool *pool;
};

#endif

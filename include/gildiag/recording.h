/* SPDX-License-Identifier: MIT */
/*
 * The recording: what crosses from the target to the report.  FORMAT.md explains it in prose.
 *
 *   memfd, 64 MiB, sparse             file on disk, packed
 *   +--------------------+            +--------------------+
 *   | gd_file_header     |            | gd_file_header     |   frozen for ever
 *   | gd_section table   |  image.h   | gd_section table   |   other offsets
 *   | PROCESS            | ---------> | PROCESS            |
 *   | JOINT              |            | JOINT  (used part) |
 *   | GILS THREADS LOCKS |            | ...                |
 *   +--------------------+            +--------------------+
 *
 * It is state in place (slots, tables, sums), not a log: its size does not grow with the run.
 * Times are "ticks" of the clock that gd_process.clock names; the reader converts them once.
 *
 * May change: structs grow at the end, the reader takes entry_size from the section table; numbers
 * are never renumbered, a retired one stays a hole; abi_major moves when an old reader would be
 * wrong, abi_minor when it would merely miss something.
 */
#ifndef GILDIAG_RECORDING_H
#define GILDIAG_RECORDING_H

#include <stdint.h>

#ifdef __cplusplus
#define GD_ASSERT_SIZE(type, size)                                                                 \
	static_assert(sizeof(struct type) == (size), #type " changed size")
#else
#define GD_ASSERT_SIZE(type, size)                                                                 \
	_Static_assert(sizeof(struct type) == (size), #type " changed size")
#endif

/* ---- File ------------------------------------------------------------------------------------ */

#define GD_MAGIC       "GILDIAG"
#define GD_ABI_MAJOR   1
#define GD_ABI_MINOR   1
#define GD_ARCH_X86_64 1

#define GD_WRITER_AGENT   0 /* one process */
#define GD_WRITER_SAMPLER 1 /* the whole session: its JOINT and SHORTS sections */
#define GD_WRITER_PROBE   2 /* the whole session: the sections that begin with PROBED */

#define GD_STATE_OPEN   0x6e65706fu /* still written, or its writer was killed */
#define GD_STATE_CLOSED 0x65736c63u /* the process ended and everything it knew is here */

/* The first 64 bytes of every file.  Writer: the agent; state and copied_ns: who copies to disk. */
struct gd_file_header {
	char magic[8];
	uint16_t abi_major;
	uint16_t abi_minor;
	uint16_t header_size;   /* where the section table starts */
	uint16_t section_count; /* entries of the section table */
	uint8_t arch;           /* GD_ARCH_* */
	uint8_t writer;         /* GD_WRITER_* */
	uint8_t reserved0[2];
	uint32_t state; /* GD_STATE_* */
	int32_t pid;    /* in the target's own PID namespace */
	uint32_t reserved1;
	uint64_t start_ns;          /* CLOCK_MONOTONIC when the agent woke */
	uint64_t start_realtime_ns; /* for humans only, never subtracted */
	uint64_t copied_ns;         /* CLOCK_MONOTONIC of this copy; 0 in the memfd */
	uint64_t reserved2;
};
GD_ASSERT_SIZE(gd_file_header, 64);

#define GD_SECTION_PROCESS            1
#define GD_SECTION_JOINT              2
#define GD_SECTION_GILS               3
#define GD_SECTION_THREADS            4
#define GD_SECTION_LOCKS              5
#define GD_SECTION_ENDED              6
#define GD_SECTION_STRINGS            7 /* bytes; texts end with a zero, the first byte is one */
#define GD_SECTION_FRAMES             8
#define GD_SECTION_STACKS             9
#define GD_SECTION_SAMPLES            10
#define GD_SECTION_MODULES            11
#define GD_SECTION_PIPES              12
#define GD_SECTION_SHORTS             13 /* the last that an agent's image has */
#define GD_SECTION_PROBED             14
#define GD_SECTION_PROBED_IMAGES      15
#define GD_SECTION_PROBED_THREADS     16
#define GD_SECTION_PROBED_WAITS       17
#define GD_SECTION_PROBED_STACKS      18
#define GD_SECTION_PROBED_CAUSES      19
#define GD_SECTION_PROBED_GILS        20
#define GD_SECTION_PROBED_GIL_THREADS 21
#define GD_SECTION_PROBED_SAMPLES     22
#define GD_SECTION_PROBED_HOLDS       23
#define GD_SECTION_COUNT              24 /* one more than the last kind */

/* Writer: the agent, but JOINT's used and lost: the sampler. */
struct gd_section {
	uint32_t kind;       /* GD_SECTION_* */
	uint32_t entry_size; /* bytes */
	uint64_t offset;     /* from the start of the file */
	uint32_t used;       /* entries; all before it have been touched */
	uint32_t capacity;   /* entries; used never exceeds it */
	uint64_t lost;       /* what did not fit */
};
GD_ASSERT_SIZE(gd_section, 32);

/* ---- Causes: why a thread is where it is ----------------------------------------------------- */

/*
 * X(name, number, class, words).  A cause is a fact that the agent saw; its class is what the cause
 * counts as until the analysis knows better.  IDLE here means: by itself nothing is pending.
 */
#define GD_CAUSES(X)                                                                               \
	X(CPU_GIL, 0, CPU_GIL, "computing, GIL held")                                              \
	X(CPU_FREE, 1, CPU_FREE, "computing, GIL free")                                            \
	X(GIL, 2, GIL_WAIT, "GIL")                                                                 \
	X(MUTEX, 3, LOCK_WAIT, "mutex")                                                            \
	X(RWLOCK, 4, LOCK_WAIT, "rwlock")                                                          \
	X(SEM, 5, LOCK_WAIT, "semaphore or lock")                                                  \
	X(COND, 6, LOCK_WAIT, "condition")                                                         \
	X(BARRIER, 7, LOCK_WAIT, "barrier")                                                        \
	X(JOIN, 8, LOCK_WAIT, "thread join")                                                       \
	X(FUTEX, 9, LOCK_WAIT, "futex")                                                            \
	X(INTERNAL, 10, LOCK_WAIT, "own pipe or event")                                            \
	X(SLEEP, 11, TIMER_WAIT, "sleep")                                                          \
	X(LOOP_TIMER, 12, TIMER_WAIT, "timer of an event loop")                                    \
	X(RECV, 13, IO_WAIT, "socket receive")                                                     \
	X(SEND, 14, IO_WAIT, "socket send")                                                        \
	X(CONNECT, 15, IO_WAIT, "connect")                                                         \
	X(POLL, 16, IO_WAIT, "socket poll")                                                        \
	X(DNS, 17, IO_WAIT, "name lookup")                                                         \
	X(FILE, 18, IO_WAIT, "file")                                                               \
	X(PIPE, 19, IO_WAIT, "pipe")                                                               \
	X(OTHER, 20, IO_WAIT, "other descriptor")                                                  \
	X(CHILD, 21, CHILD_WAIT, "child process")                                                  \
	X(ACCEPT, 22, IDLE, "accept")                                                              \
	X(SERVE, 23, IDLE, "clients of a server")                                                  \
	X(TTY, 24, IDLE, "terminal")                                                               \
	X(SIGNAL, 25, IDLE, "signal")

#define GD_CLASS_CPU_GIL    0
#define GD_CLASS_CPU_FREE   1
#define GD_CLASS_GIL_WAIT   2
#define GD_CLASS_LOCK_WAIT  3
#define GD_CLASS_IO_WAIT    4
#define GD_CLASS_TIMER_WAIT 5
#define GD_CLASS_CHILD_WAIT 6
#define GD_CLASS_IDLE       7
#define GD_CLASS_NO_CPU     8 /* decided by the analysis only */
#define GD_CLASS_UNSEEN     9 /* decided by the analysis only */
#define GD_CLASS_COUNT      10

#define GD_CAUSE_NUMBER_(name, number, class, words) GD_CAUSE_##name = (number),
enum gd_cause { GD_CAUSES(GD_CAUSE_NUMBER_) GD_CAUSE_COUNT };
#define GD_CAUSE_MAX 32 /* room in the structs below */

/* ---- Histogram: 8 linear steps per octave, at most 12.5 % error ------------------------------ */

#define GD_HIST_STEPS 320 /* 40 octaves of ticks: 2^40 ticks are six minutes at 3 GHz */

/* ---- One process ----------------------------------------------------------------------------- */

#define GD_CLOCK_TSC       1 /* rdtsc, invariant and used by the kernel as its clock source */
#define GD_CLOCK_MONOTONIC 2 /* nanoseconds */

#define GD_END_RUNNING 0 /* or killed: nobody told us */
#define GD_END_EXIT    1 /* exit, _exit or the return of main: exit_code holds */
#define GD_END_EXEC    2 /* became another program */

#define GD_FLAG_FREE_THREADED 0x01u /* a CPython built to run without a GIL */
#define GD_FLAG_SECCOMP       0x02u /* a filter was seen: the agent makes no system calls since */
#define GD_FLAG_NO_SAMPLER    0x04u /* none could be started: no joint picture */
#define GD_FLAG_FORKED        0x08u /* begins at a fork, not at an exec */

/* 2 and 6 are holes. */
#define GD_LOST_THREADS  0 /* threads that found no slot */
#define GD_LOST_FDS      1 /* descriptors beyond the table */
#define GD_LOST_NESTED   3 /* waits inside a signal handler that hit our own code */
#define GD_LOST_CHILDREN 4 /* children that could not be followed */
#define GD_LOST_EPOLLS   5 /* epoll sets beyond the table */
#define GD_LOST_COUNT    16

#define GD_PATH_BYTES 256

/* One reading of two clocks at the same instant. */
struct gd_clock_pair {
	uint64_t ticks;
	uint64_t monotonic_ns;
};
GD_ASSERT_SIZE(gd_clock_pair, 16);

/* Writer: the agent, except the last group: the sampler. */
struct gd_process {
	int32_t pid;
	int32_t ppid;
	uint32_t uid;
	uint32_t flags; /* GD_FLAG_* */
	uint32_t clock; /* GD_CLOCK_* */
	uint32_t end;   /* GD_END_* */
	int32_t exit_code;
	uint32_t threads_born;
	uint64_t start_ticks;
	uint64_t end_ticks; /* 0 while running */
	struct gd_clock_pair first;
	struct gd_clock_pair last;   /* at the end; the sampler's is sampler_pair */
	char command[GD_PATH_BYTES]; /* argv[0], never the rest: it may hold secrets */
	char script[GD_PATH_BYTES];  /* the script, or "-m module", of an interpreter; else empty */
	char runtime[32];            /* "CPython" or empty */
	char runtime_version[32];    /* "3.11.7" or empty */
	uint64_t lost[GD_LOST_COUNT];
	uint64_t cookie;          /* random; the same word lies at cookie_address in the target */
	uint64_t cookie_address;  /* so that the sampler notices an exec */
	uint64_t children_cpu_ns; /* of those that it waited for, by getrusage, at its end */
	uint64_t children_reaped; /* waits that ended with a child's end */
	uint64_t slot_tls_offset; /* of the slot pointer from the thread pointer, for the probes */
	uint64_t reserved0[6];

	/* Writer: the sampler. */
	uint32_t collector; /* its PID while it will write this file; 0: the process must */
	uint32_t cpus;      /* that affinity allows; until it comes, the agent's word */
	uint32_t cpus_online;
	uint32_t cpu_quota_milli; /* thousandths of a CPU; 0: none */
	uint64_t heartbeat_ticks; /* last time that the collector looked */
	struct gd_clock_pair sampler_pair;
	uint64_t samples;        /* joint instants taken */
	uint64_t samples_missed; /* instants at which a slot had changed twice */
	uint64_t sampler_cpu_ns; /* what watching cost, outside the target */
	uint64_t cpu_ns;         /* the process's CPU clock, last reading */
	uint64_t throttled_ns;   /* by a cgroup quota, since the sampler came */
	uint64_t gone_ns;        /* CLOCK_MONOTONIC when the process was found gone; 0: not yet */
	uint64_t steady_ns; /* CLOCK_MONOTONIC of the first instant of GD_PHASE_STEADY; 0: none */
	uint64_t seen_children_cpu_ns; /* the same as children_cpu_ns, in steps of 10 ms */
	uint64_t reserved1[6];
};
GD_ASSERT_SIZE(gd_process, 1024);

/* ---- One thread ------------------------------------------------------------------------------ */

#define GD_THREAD_FREE    0
#define GD_THREAD_LIVE    1
#define GD_THREAD_ENDED   2
#define GD_THREAD_CLAIMED 3 /* about to be used again */

/*
 * A thread's slot.  Writer: its thread alone, except the last group: the sampler.
 * seq is odd while the thread writes the first line; a reader takes the line between two equal,
 * even readings.  ticks[] are wall time; cpu_in[] is the part of a wait that was spent on the CPU
 * (a cached read is all CPU), off_in[] the part of computing that was not.
 */
struct gd_thread {
	uint32_t seq;
	uint32_t state; /* GD_THREAD_* */
	int32_t tid;
	uint16_t cause; /* what it does now, since when */
	uint16_t cause_prev;
	uint64_t since;
	uint64_t since_prev;
	uint64_t object;  /* of the wait: lock key, or descriptor + 1 */
	uint32_t outside; /* operations outstanding outside while it waits in poll and the like */
	uint32_t gil;     /* 1 + index of the GIL it holds; 0: none */
	uint64_t born;    /* ticks */
	uint64_t ended;   /* ticks; 0: alive */

	uint64_t ticks[GD_CAUSE_MAX];
	uint64_t cpu_in[GD_CAUSE_MAX]; /* ticks */
	uint32_t count[GD_CAUSE_MAX];  /* calls that began a wait for this cause */
	uint64_t off_in[2];            /* ticks off the CPU while computing: GIL held, GIL free */
	uint64_t holding_gil;          /* ticks waited for anything while holding a GIL */
	uint64_t gil_takes;
	uint64_t gil_drops;
	uint64_t gil_forced; /* drops that a waiter asked for */
	uint64_t gil_hold;   /* ticks */
	uint64_t cpu_ns;     /* the thread's CPU clock, last reading by itself */
	uint64_t yields;     /* sched_yield and sleeps of zero */
	uint64_t start_function;
	uint64_t run_delay_ns; /* its own last reading, when it ended */
	uint32_t first_stack;  /* 1 + index of the first stack that was sampled; 0: none */
	uint32_t reserved1;
	uint64_t pipe_bytes; /* through pipes, own ones too */
	uint64_t wakes;      /* locks given back, or signals sent, while others waited for them */
	uint64_t reserved0[1];

	/* Writer: the sampler. */
	char name[16];
	uint64_t seen_cpu_ns; /* the thread's CPU clock */
	uint64_t seen_ticks;  /* when that was read */
	uint64_t seen_run_delay_ns;
	uint64_t seen_major_faults;
	uint64_t reserved2[3];
};
GD_ASSERT_SIZE(gd_thread, 896);

#include "recording_handover.h"
#include "recording_probed.h"
#include "recording_probed_gil.h"
#include "recording_rows.h"
#include "recording_sites.h"

#endif

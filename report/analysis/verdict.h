/* SPDX-License-Identifier: MIT */
/* Waiting or computing, and what to do: rules over facts. */
#ifndef GD_VERDICT_H
#define GD_VERDICT_H

#include "facts.h"

enum gd_verdict_class {
	GD_VERDICT_UNKNOWN,
	GD_VERDICT_IDLE,
	GD_VERDICT_WAITING,
	GD_VERDICT_COMPUTING,
	GD_VERDICT_MIXED,
};

enum gd_action {
	GD_ACTION_CANNOT_SAY,
	GD_ACTION_LEAVE,
	GD_ACTION_THREADS,
	GD_ACTION_ASYNCIO,
	GD_ACTION_PROCESSES,
	GD_ACTION_FIX_LOCK,
	GD_ACTION_FREE_GIL,
	GD_ACTION_FEWER_WORKERS,
	GD_ACTION_MORE_CPU,
	GD_ACTION_LOOK_IN_CHILD,
	GD_ACTION_FIX_IO,
	GD_ACTION_FIX_SPIN,
	GD_ACTION_LARGER_TASKS,
	GD_ACTION_FIX_MEMORY,
	GD_ACTION_RAISE_LIMIT,
};

enum gd_confidence { GD_CONFIDENCE_LOW, GD_CONFIDENCE_MEDIUM, GD_CONFIDENCE_HIGH };

/* X(symbol, id, unit): the numbers that a verdict can rest on; words are the renderer's. */
#define GD_EVIDENCE(X)                                                                             \
	X(COMPUTING, "computing", "share")                                                         \
	X(WAITING, "waiting", "share")                                                             \
	X(GIL_SHARE, "gil_share", "share")                                                         \
	X(RUNNING, "threads_running", "threads")                                                   \
	X(OVERLAP, "overlap", "operations")                                                        \
	X(SLEEPING, "sleeping", "share")                                                           \
	X(LOOP_TIMER, "loop_timer", "share")                                                       \
	X(CHILD, "child", "share")                                                                 \
	X(FILES, "files", "share")                                                                 \
	X(STREAM, "stream", "share")                                                               \
	X(STARVED, "starved", "share")                                                             \
	X(LOCK, "lock_waiters", "threads")                                                         \
	X(LIMITED, "limited_threads", "threads")                                                   \
	X(HELD_WAITS, "waits_holding_gil", "share")                                                \
	X(IDLE, "idle", "share")                                                                   \
	X(UNSEEN, "unseen", "share")                                                               \
	X(INSTANTS, "instants", "samples")                                                         \
	X(YIELDS, "yields_per_s", "1/s")                                                           \
	X(PIPE_CALLS, "cpu_per_pipe_call", "s")                                                    \
	X(PIPE_BYTES, "pipe_bytes_per_cpu_s", "bytes/s")                                           \
	X(PROCESSES, "processes_waiting", "processes")                                             \
	X(UNFOLLOWED, "unfollowed_cpus", "cpus")                                                   \
	X(IN_FUTEX, "threads_in_futex", "threads")                                                 \
	X(CPUS, "cpus", "cpus")

#define GD_EVIDENCE_NUMBER_(symbol, id, unit) GD_EVIDENCE_##symbol,
enum gd_evidence { GD_EVIDENCE(GD_EVIDENCE_NUMBER_) GD_EVIDENCE_COUNT };

#define GD_REASONS_MAX 6

struct gd_reason {
	enum gd_evidence evidence;
	double value;
};

struct gd_advice {
	enum gd_action action;
	unsigned int workers; /* 0: no number is meant */
};

struct gd_verdict {
	enum gd_verdict_class class;
	enum gd_confidence confidence;
	const char *rule; /* its name in the table */
	struct gd_advice advice;
	struct gd_advice alternatives[3];
	size_t alternative_count;
	struct gd_reason reasons[GD_REASONS_MAX];
	size_t reason_count;
	struct gd_reason ruled_out[GD_REASONS_MAX];
	size_t ruled_out_count;
};

struct gd_verdict gd_verdict_judge(const struct gd_facts *facts);

/* More waits at once than there were may be of use, as far as this side is concerned. */
bool gd_verdict_has_room(const struct gd_facts *facts);

/* The value of a piece of evidence. */
double gd_verdict_value(const struct gd_facts *facts, enum gd_evidence evidence);

#endif

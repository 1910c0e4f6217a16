/* SPDX-License-Identifier: MIT */
/*
 * The table of rules, most specific first; the first that holds speaks.  Each row names the workload
 * (in tests/workloads/truth.tsv) that proves it and the one that differs in one quantity and flips
 * it; tests/e2e/truth.py checks both.
 *
 * Thresholds: 0.8 of the judged time makes a class pure (the other has less than 0.2), 1.5
 * operations outstanding on average are overlap (one after another gives 1), 0.8 of the CPUs busy
 * is parallel.
 */
#include "rules.h"
#include <math.h>

#define PURE           0.8
#define OVERLAPPED     1.5
#define PARALLEL       0.8    /* of the CPUs */
#define SERIAL         1.3    /* threads at work at once, at most */
#define YIELDS         4000.0 /* a second: it asks again and again */
#define MANY_OPS       150.0  /* useful concurrency from which threads are a burden */
#define TINY_TASK_S    100e-6 /* of CPU per use of a pipe: a task of a pool uses four */
#define TINY_MESSAGE_S 20e-6  /* the same without pickling: two processes wake each other in half */
#define TINY_MESSAGE   4096.0 /* bytes */
#define LARGE_PICKLES  50e6   /* bytes through pipes per second of CPU */

#define THIN_S        0.1 /* an interpreter alone starts and ends in half of that */
#define THIN_INSTANTS 20

double gd_rules_waiting(const struct gd_facts *f)
{
	return f->outside + f->child + f->sleeping + f->loop_timer;
}

enum gd_verdict_class gd_rules_class(const struct gd_facts *f)
{
	double known = f->computing + gd_rules_waiting(f);

	if (f->idle >= 0.9)
		return GD_VERDICT_IDLE;
	if (known <= 0.5)
		return GD_VERDICT_UNKNOWN;
	if (f->computing >= PURE * known)
		return GD_VERDICT_COMPUTING;
	return f->computing <= (1 - PURE) * known ? GD_VERDICT_WAITING : GD_VERDICT_MIXED;
}

/* ---- Conditions ------------------------------------------------------------------------------ */

static bool is_thin(const struct gd_facts *f)
{
	if (f->idle >= 0.9 && f->wall_s > 3 * THIN_S)
		return false; /* nothing happened, for long enough to say so */
	return f->active_s < THIN_S || (f->has_picture && f->instants < THIN_INSTANTS);
}

static bool is_unknown(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_UNKNOWN;
}

static bool is_idle(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_IDLE;
}

static bool holds_gil_waiting(const struct gd_facts *f)
{
	return f->holder_waits >= 0.2 || (gd_rules_class(f) != GD_VERDICT_COMPUTING &&
					  f->held_waits >= 0.5 && f->outside + f->sleeping >= 0.2);
}

/* How many threads do at once what is done for most of the time. */
static double at_once(const struct gd_facts *f)
{
	if (f->computing >= f->outside && f->computing >= f->sleeping)
		return f->running;
	return f->outside >= f->sleeping ? f->overlap : f->sleepers;
}

/*
 * No agent said which locks its threads wait for, or what its processes wait for of each other: a
 * lock, a limit and an idle pool look the same; and so do computing in small pieces without the GIL,
 * and asking again and again whether another thread is ready.
 */
static bool is_hidden_from_outside(const struct gd_facts *f)
{
	bool computing = gd_rules_class(f) == GD_VERDICT_COMPUTING;

	if (!f->from_outside)
		return false;
	if (computing && f->is_tree && f->cpu_per_block_s < TINY_TASK_S)
		return true;
	if (computing)
		return (f->gil_share < 0.5 || f->gil_takes_per_s >= YIELDS) &&
		       f->running <= SERIAL && f->in_futex >= 0.5;
	/* Whether a sleep paces the others, or stands for work, nobody says. */
	if (f->child >= 0.5 || ((f->is_tree || f->has_family) && f->sleeping >= 0.5))
		return true;
	/* One waits for the end of the others, as a rule. */
	return f->in_futex >= (at_once(f) >= OVERLAPPED ? 1.5 : 0.5);
}

/* Work goes on in one thread at a time while others wait for a lock. */
static bool is_one_lock(const struct gd_facts *f)
{
	bool gil_anyway = f->computing >= 0.5 && f->gil_share >= 0.5;

	return !gil_anyway && f->lock && f->lock_waiters >= 0.5 && at_once(f) <= SERIAL;
}

/* It asks again after less than a quarter of a millisecond, all the time. */
static bool is_spin(const struct gd_facts *f)
{
	return f->yields_per_s >= YIELDS && f->computing + f->sleeping >= PURE &&
	       f->running <= SERIAL;
}

static bool has_too_many_workers(const struct gd_facts *f)
{
	return f->computing >= 0.5 && f->starved >= 0.3 && f->wanting >= 2 * f->cpus &&
	       f->wanting >= f->cpus + 1;
}

/* One thread may want one CPU, however little of it a quota leaves. */
static bool is_starved(const struct gd_facts *f)
{
	return f->computing >= 0.5 && f->starved >= 0.3 && f->wanting <= 1.25 * fmax(1, f->cpus);
}

/* Every task, or message, costs more to hand over than it can gain. */
static bool has_tiny_tasks(const struct gd_facts *f)
{
	double bytes = f->pipe_bytes_per_cpu_s * f->cpu_per_pipe_call_s;

	if (f->computing_processes <= 0 || f->pipe_calls < 1000 || f->computing < 0.6)
		return false;
	return bytes < TINY_MESSAGE &&
	       f->cpu_per_pipe_call_s < (f->is_python ? TINY_TASK_S : TINY_MESSAGE_S);
}

static bool has_large_pickles(const struct gd_facts *f)
{
	return f->computing_processes > 0 && f->is_python && f->computing >= 0.2 &&
	       f->pipe_bytes_per_cpu_s >= LARGE_PICKLES;
}

static bool computes_with_gil(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_COMPUTING && f->gil_share >= 0.5 && f->cpus >= 1.5;
}

static bool computes_unknown_gil(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_COMPUTING && f->is_python && !f->is_gil_known &&
	       f->running <= SERIAL && f->cpus >= 1.5;
}

static bool computes_in_parallel(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_COMPUTING && f->wanting >= PARALLEL * f->cpus;
}

static bool computes_free(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_COMPUTING;
}

/*
 * A child that nobody followed computes, while this one waits for it or for what it writes, or
 * sleeps between looks.
 */
static bool child_computes(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->unfollowed >= 0.5 &&
	       f->child + f->sleeping + f->stream * f->outside >= 0.5;
}

/* Processes of a pool that wait, one operation each: threads would overlap the same. */
bool gd_rules_wait_in_processes(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->is_python &&
	       f->overlap >= OVERLAPPED && f->outside_processes >= OVERLAPPED &&
	       f->outside_processes >= 0.7 * fmin(8, f->overlap) && f->pipe_calls > 0;
}

static bool waits_for_child(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->child >= 0.5;
}

static bool waits_for_own_timers(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->loop_timer >= 0.5;
}

static bool sleeps_overlapped(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->sleeping >= 0.5 &&
	       f->sleepers >= OVERLAPPED;
}

static bool sleeps_in_turn(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->sleeping >= 0.5;
}

static bool waits_for_files(const struct gd_facts *f)
{
	return gd_rules_class(f) != GD_VERDICT_COMPUTING && f->outside + f->file_cpu >= 0.5 &&
	       f->files >= PURE;
}

/*
 * Threads that work wait for a place that others of them give back, not for work that somebody
 * hands out: a semaphore, a pool of connections.
 */
static bool is_limited(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->outside >= 0.5 && f->contenders >= 2 &&
	       f->contenders > f->overlap + 1 && !f->has_coordinator && f->contenders_wait >= 1 &&
	       f->contenders_wait >= 0.5 * f->overlap && f->contenders_wake >= 0.5 &&
	       f->others_wake < 0.5;
}

/* Input from elsewhere, through one pipe: no model of concurrency brings it sooner. */
static bool waits_for_a_stream(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->outside >= 0.5 && f->stream >= PURE &&
	       f->overlap < OVERLAPPED;
}

static bool waits_overlapped(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->overlap >= OVERLAPPED;
}

static bool waits_in_a_loop(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->is_python && f->looped >= 0.5 &&
	       f->outside >= 0.5;
}

double gd_rules_useful_concurrency(const struct gd_facts *f)
{
	return fmin(1 + f->wait_per_cpu, f->operations);
}

static bool waits_for_very_many(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING && f->is_python &&
	       gd_rules_useful_concurrency(f) > MANY_OPS;
}

static bool waits_in_turn(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_WAITING;
}

static bool is_mixed_with_gil(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_MIXED && f->computing >= 0.5 &&
	       f->gil_share >= 0.5 && f->cpus >= 1.5;
}

static bool is_mixed_overlapped(const struct gd_facts *f)
{
	return gd_rules_class(f) == GD_VERDICT_MIXED && f->overlap >= OVERLAPPED;
}

static bool always(const struct gd_facts *f)
{
	(void)f;
	return true;
}

/* ---- The table ------------------------------------------------------------------------------- */

/* clang-format off */
static const struct gd_rule rules[] = {
	/* name               when                   action                    alternatives                      reasons */
	/* proved by thin, flipped by crunch-serial */
	{ "thin",             is_thin,               GD_ACTION_CANNOT_SAY,     { 0 },                            GD_EV(INSTANTS) },
	/* proved by hidden-wait, flipped by wait-socket */
	{ "unseen",           is_unknown,            GD_ACTION_CANNOT_SAY,     { 0 },                            GD_EV(UNSEEN) },
	/* proved by idle-server, flipped by busy-server */
	{ "idle",             is_idle,               GD_ACTION_LEAVE,          { 0 },                            GD_EV(IDLE) },
	/* proved by gil-sleep-held, flipped by gil-sleep-free */
	{ "gil-held-waiting", holds_gil_waiting,     GD_ACTION_FREE_GIL,       { GD_ACTION_PROCESSES },          GD_EV(HELD_WAITS) | GD_EV(WAITING) },
	/* proved by one-mutex, flipped by two-compute */
	{ "one-lock",         is_one_lock,           GD_ACTION_FIX_LOCK,       { 0 },                            GD_EV(LOCK) | GD_EV(COMPUTING) | GD_EV(WAITING) },
	/* proved by spin, flipped by crunch-serial */
	{ "spin",             is_spin,               GD_ACTION_FIX_SPIN,       { 0 },                            GD_EV(YIELDS) | GD_EV(COMPUTING) },
	/* proved by test_a_lock_seen_from_outside, flipped by fetch-serial */
	{ "from-outside",     is_hidden_from_outside, GD_ACTION_CANNOT_SAY,    { 0 },                            GD_EV(IN_FUTEX) | GD_EV(CHILD) },
	/* proved by pool-tiny, flipped by crunch-processes */
	{ "tiny-tasks",       has_tiny_tasks,        GD_ACTION_LARGER_TASKS,   { GD_ACTION_THREADS },            GD_EV(PIPE_CALLS) | GD_EV(COMPUTING) },
	/* proved by pool-huge, flipped by crunch-processes */
	{ "large-pickles",    has_large_pickles,     GD_ACTION_FIX_MEMORY,     { GD_ACTION_THREADS },            GD_EV(PIPE_BYTES) | GD_EV(COMPUTING) },
	/* proved by pool-many, flipped by pool-wide */
	{ "too-many-workers", has_too_many_workers,  GD_ACTION_FEWER_WORKERS,  { GD_ACTION_LEAVE },              GD_EV(STARVED) | GD_EV(RUNNING) | GD_EV(CPUS) },
	/* proved by crunch-starved, flipped by crunch-serial */
	{ "starved",          is_starved,            GD_ACTION_MORE_CPU,       { 0 },                            GD_EV(STARVED) | GD_EV(COMPUTING) },
	/* proved by two-compute, flipped by one-compute */
	{ "computing-parallel", computes_in_parallel, GD_ACTION_LEAVE,         { 0 },                            GD_EV(COMPUTING) | GD_EV(RUNNING) | GD_EV(CPUS) },
	/* proved by crunch-serial, flipped by hash-serial */
	{ "computing-gil",    computes_with_gil,     GD_ACTION_PROCESSES,      { GD_ACTION_LEAVE },              GD_EV(COMPUTING) | GD_EV(GIL_SHARE) },
	/* proved by test_a_gil_of_another_kind, flipped by crunch-serial */
	{ "computing-gil-unknown", computes_unknown_gil, GD_ACTION_PROCESSES,  { GD_ACTION_LEAVE },              GD_EV(COMPUTING) },
	/* proved by hash-serial, flipped by hash-small */
	{ "computing-free",   computes_free,         GD_ACTION_THREADS,        { GD_ACTION_PROCESSES, GD_ACTION_LEAVE }, GD_EV(COMPUTING) | GD_EV(GIL_SHARE) | GD_EV(RUNNING) },
	/* proved by child-run-clean, flipped by sleep-serial */
	{ "child-computes",   child_computes,        GD_ACTION_LOOK_IN_CHILD,  { 0 },                            GD_EV(UNFOLLOWED) | GD_EV(CHILD) },
	/* proved by child-waits-clean, flipped by child-run-clean */
	{ "waiting-child",    waits_for_child,       GD_ACTION_LOOK_IN_CHILD,  { 0 },                            GD_EV(CHILD) },
	/* proved by loop-sleepers, flipped by loop-serial */
	{ "waiting-own-timers", waits_for_own_timers, GD_ACTION_LEAVE,         { 0 },                            GD_EV(LOOP_TIMER) },
	/* proved by sleep-threads, flipped by sleep-serial */
	{ "sleeping-overlapped", sleeps_overlapped,  GD_ACTION_LEAVE,          { 0 },                            GD_EV(SLEEPING) },
	/* proved by sleep-serial, flipped by sleep-threads */
	{ "sleeping-in-turn", sleeps_in_turn,        GD_ACTION_THREADS,        { GD_ACTION_LEAVE, GD_ACTION_ASYNCIO }, GD_EV(SLEEPING) },
	/* proved by files, flipped by wait-serial */
	{ "waiting-files",    waits_for_files,       GD_ACTION_FIX_IO,         { GD_ACTION_THREADS },            GD_EV(WAITING) | GD_EV(FILES) },
	/* proved by limit, flipped by hand-out */
	{ "limited",          is_limited,            GD_ACTION_RAISE_LIMIT,    { GD_ACTION_LEAVE },              GD_EV(WAITING) | GD_EV(OVERLAP) | GD_EV(LIMITED) },
	/* proved by stream, flipped by wait-serial */
	{ "waiting-stream",   waits_for_a_stream,    GD_ACTION_LEAVE,          { 0 },                            GD_EV(WAITING) | GD_EV(STREAM) },
	/* proved by fetch-processes, flipped by fetch-threads */
	{ "waiting-in-processes", gd_rules_wait_in_processes, GD_ACTION_THREADS,       { GD_ACTION_LEAVE },              GD_EV(WAITING) | GD_EV(OVERLAP) | GD_EV(PROCESSES) },
	/* proved by fetch-threads, flipped by fetch-serial */
	{ "waiting-overlapped", waits_overlapped,    GD_ACTION_LEAVE,          { GD_ACTION_THREADS },                            GD_EV(WAITING) | GD_EV(OVERLAP) },
	/* proved by loop-serial, flipped by loop-gather */
	{ "waiting-loop",     waits_in_a_loop,       GD_ACTION_ASYNCIO,        { GD_ACTION_THREADS },            GD_EV(WAITING) | GD_EV(OVERLAP) },
	/* proved by wait-long, flipped by wait-serial */
	{ "waiting-very-many", waits_for_very_many,  GD_ACTION_ASYNCIO,        { GD_ACTION_THREADS },            GD_EV(WAITING) | GD_EV(OVERLAP) },
	/* proved by fetch-serial, flipped by fetch-threads */
	{ "waiting-in-turn",  waits_in_turn,         GD_ACTION_THREADS,        { GD_ACTION_ASYNCIO },            GD_EV(WAITING) | GD_EV(OVERLAP) },
	/* proved by mix-gil-60, flipped by mix-gil-30 */
	{ "mixed-gil",        is_mixed_with_gil,     GD_ACTION_PROCESSES,      { GD_ACTION_THREADS },            GD_EV(COMPUTING) | GD_EV(WAITING) | GD_EV(GIL_SHARE) },
	/* proved by mix-threads, flipped by mix-gil-30 */
	{ "mixed-overlapped", is_mixed_overlapped,   GD_ACTION_LEAVE,          { 0 },                            GD_EV(COMPUTING) | GD_EV(WAITING) | GD_EV(OVERLAP) },
	/* proved by mix-gil-30, flipped by mix-gil-60 */
	{ "mixed-in-turn",    always,                GD_ACTION_THREADS,        { GD_ACTION_PROCESSES },          GD_EV(COMPUTING) | GD_EV(WAITING) | GD_EV(OVERLAP) },
};
/* clang-format on */

const struct gd_rule *gd_rules_find(const struct gd_facts *facts)
{
	const struct gd_rule *rule = rules;

	while (!rule->when(facts))
		rule++; /* the last one always holds */
	return rule;
}

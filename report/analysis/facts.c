/* SPDX-License-Identifier: MIT */
/* From what a process did to the numbers that rules are about. */
#include "facts.h"
#include "sums.h"
#include <math.h>

#define YIELD_S        250e-6 /* who sleeps no longer at a time asks again and again */
#define LOCK_WAITS_MIN 4

/* ---- Threads and locks ----------------------------------------------------------------------- */

static double lock_wait_s(const struct gd_times *times)
{
	return times->cause_s[GD_CAUSE_MUTEX] + times->cause_s[GD_CAUSE_RWLOCK] +
	       times->cause_s[GD_CAUSE_SEM] + times->cause_s[GD_CAUSE_COND] +
	       times->cause_s[GD_CAUSE_FUTEX];
}

static double lock_waits(const struct gd_times *times)
{
	return (double)(times->count[GD_CAUSE_MUTEX] + times->count[GD_CAUSE_RWLOCK] +
			times->count[GD_CAUSE_SEM] + times->count[GD_CAUSE_COND] +
			times->count[GD_CAUSE_FUTEX]);
}

static double work_s(const struct gd_thread_model *thread)
{
	struct gd_classes classes = gd_classes_of(thread);

	return gd_classes_cpu_s(&classes) + gd_sums_outside_s(&classes) +
	       classes.s[GD_CLASS_TIMER_WAIT];
}

/* Threads that work as much as any other and are often kept from it by a lock. */
static void count_contenders(const struct gd_process_model *process, struct gd_facts *facts)
{
	double most_s = 0, waits = 0, wait_s = 0, all_waits = 0, wakes = 0, others_wake = 0;

	for (size_t i = 0; i < process->thread_count; i++) {
		const struct gd_thread_model *thread = &process->threads[i];

		most_s = fmax(most_s, work_s(thread) / (double)thread->threads);
	}
	for (size_t i = 0; i < process->thread_count; i++) {
		const struct gd_thread_model *thread = &process->threads[i];
		double per_thread_s = work_s(thread) / (double)thread->threads;

		if (per_thread_s < 0.2 * most_s ||
		    lock_wait_s(&thread->times) < 0.25 * thread->times.life_s) {
			others_wake += (double)thread->times.wakes;
			continue;
		}
		facts->contenders += (unsigned int)thread->threads;
		wait_s += lock_wait_s(&thread->times);
		all_waits += lock_waits(&thread->times);
		wakes += (double)thread->times.wakes;
		waits = fmax(waits, lock_waits(&thread->times) / (double)thread->threads);
	}
	for (size_t i = 0; i < process->thread_count; i++) {
		const struct gd_thread_model *thread = &process->threads[i];

		if (work_s(thread) < 0.2 * most_s && (double)thread->times.wakes >= 0.5 * waits)
			facts->has_coordinator = true;
	}
	facts->contenders_wait = gd_ratio(wait_s, facts->active_s);
	facts->contenders_wake = gd_ratio(wakes, all_waits);
	facts->others_wake = gd_ratio(others_wake, all_waits);
}

/* A line of the program's own: under a runtime native code is the runtime's. */
static bool is_own(const struct gd_process_model *process, const struct gd_place *place)
{
	return place && place->file[0] && !place->is_library &&
	       (!place->module[0] || !process->runtime[0]);
}

/* Most of its waits are the fault of who acquired it at such a line. */
static bool is_held_by_the_program(const struct gd_process_model *process,
				   const struct gd_lock_model *lock)
{
	double own_s = 0, all_s = 0;

	for (size_t i = 0; i < lock->holder_count; i++) {
		all_s += lock->holders[i].blame_s;
		if (is_own(process, lock->holders[i].place))
			own_s += lock->holders[i].blame_s;
	}
	return own_s > 0.5 * all_s;
}

/*
 * A semaphore serves as a lock where who acquired it gave it back, and where these holds explain
 * the waits: a worker that sends work to the next, or the last word to all, holds nothing.  Where
 * one thread only waits, it may wait for another's end: that one holds the semaphore while it lives,
 * and it was the runtime that acquired it.
 */
static bool is_held(const struct gd_process_model *process, const struct gd_lock_model *lock,
		    const struct gd_facts *facts)
{
	double given_back =
		gd_ratio((double)lock->released, (double)(lock->released + lock->posted));
	double threads = 0;

	for (size_t i = 0; i < process->thread_count; i++)
		threads += (double)process->threads[i].threads;
	return lock->waits >= LOCK_WAITS_MIN && given_back > 0.5 &&
	       threads * lock->hold_s >= 0.5 * given_back * lock->wait_s &&
	       (facts->contenders >= 2 || lock->wait_s >= 1.5 * facts->active_s ||
		is_held_by_the_program(process, lock));
}

/*
 * A mutex is a lock, a semaphore may be one.  A condition is a hand-over: among threads that all
 * work it makes them take turns.
 */
static bool is_lock(const struct gd_process_model *process, const struct gd_lock_model *lock,
		    const struct gd_facts *facts)
{
	switch (lock->cause) {
	case GD_CAUSE_MUTEX:
	case GD_CAUSE_RWLOCK:
		return true;
	case GD_CAUSE_SEM:
		return is_held(process, lock, facts);
	case GD_CAUSE_COND:
	case GD_CAUSE_FUTEX:
		return facts->contenders >= 2 && !facts->has_coordinator;
	default:
		return false;
	}
}

static void find_lock(const struct gd_process_model *process, struct gd_facts *facts)
{
	for (size_t i = 0; i < process->lock_count; i++) {
		const struct gd_lock_model *lock = &process->locks[i];

		if (is_lock(process, lock, facts) &&
		    (!facts->lock || lock->wait_s > facts->lock->wait_s))
			facts->lock = lock;
	}
	if (facts->lock)
		facts->lock_waiters = gd_ratio(facts->lock->wait_s, facts->active_s);
}

static void gather_threads(const struct gd_process_model *process, struct gd_facts *facts)
{
	struct gd_classes classes = gd_classes_of_process(process);
	double waited_s = gd_sums_outside_s(&classes) + classes.s[GD_CLASS_TIMER_WAIT];
	double cpu_s = gd_classes_cpu_s(&classes) - gd_sums_start_cpu_s(process);
	double yields = 0;

	for (size_t i = 0; i < process->thread_count; i++) {
		const struct gd_times *times = &process->threads[i].times;

		yields += (double)times->yields;
		for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
			if (gd_class_of(cause) == GD_CLASS_IO_WAIT ||
			    gd_class_of(cause) == GD_CLASS_TIMER_WAIT)
				facts->operations += fmin((double)times->count[cause],
							  times->cause_s[cause] / 0.001);
	}
	facts->held_waits = gd_ratio(classes.holding_gil_s, waited_s);
	facts->wait_per_cpu = cpu_s > 0 ? waited_s / cpu_s : INFINITY;
	facts->yields_per_s = gd_ratio(yields, facts->wall_s);
	count_contenders(process, facts);
	find_lock(process, facts);
}

/* The counts that an agent keeps, by the scheduler's blocks. */
static void gather_from_outside(const struct gd_process_model *process, struct gd_facts *facts)
{
	const struct gd_scheduled *seen = process->scheduled;
	double sleeps = (double)seen->explained_blocks[GD_CAUSE_SLEEP], blocks = 0;

	facts->from_outside = true;
	facts->has_family = process->has_family;
	facts->gil_takes_per_s =
		process->gil_count ? gd_ratio((double)process->gils[0].takes, facts->active_s) : 0;
	facts->in_futex = gd_ratio(seen->explained_s[GD_CAUSE_FUTEX], facts->active_s);
	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
		blocks += (double)seen->explained_blocks[cause];
		if (gd_class_of(cause) == GD_CLASS_IO_WAIT ||
		    gd_class_of(cause) == GD_CLASS_TIMER_WAIT)
			facts->operations += fmin((double)seen->explained_blocks[cause],
						  seen->explained_s[cause] / 0.001);
	}
	if (blocks > 0)
		facts->cpu_per_block_s = facts->computing * facts->active_s / blocks;
	if (seen->explained_s[GD_CAUSE_SLEEP] < YIELD_S * sleeps)
		facts->yields_per_s = gd_ratio(sleeps, facts->wall_s);
}

/* What is read from one pipe comes in the order and at the pace of who writes it. */
static void gather_descriptors(const struct gd_process_model *process, struct gd_facts *facts)
{
	double pipes_s = 0, longest_s = 0, file_cpu_s = 0, waited_s = 0;

	for (size_t i = 0; i < process->thread_count; i++) {
		const struct gd_times *times = &process->threads[i].times;

		pipes_s += gd_sums_off_cpu_s(times, GD_CAUSE_PIPE);
		file_cpu_s += times->cpu_in_s[GD_CAUSE_FILE];
		for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
			waited_s += gd_class_of(cause) == GD_CLASS_IO_WAIT
					    ? gd_sums_off_cpu_s(times, cause)
					    : 0;
	}
	for (size_t i = 0; i < process->pipe_count; i++)
		longest_s = fmax(longest_s, process->pipes[i].wait_s);
	facts->stream = gd_ratio(fmin(pipes_s, longest_s), waited_s);
	facts->file_cpu = gd_ratio(file_cpu_s, facts->active_s);
}

/* ---- Processes ------------------------------------------------------------------------------- */

static void gather_pipes(const struct gd_process_model *process, struct gd_facts *facts)
{
	struct gd_classes classes = gd_classes_of_process(process);
	double cpu_s = gd_classes_cpu_s(&classes);

	for (size_t i = 0; i < process->thread_count; i++)
		facts->pipe_calls += (double)(process->threads[i].times.count[GD_CAUSE_PIPE] +
					      process->threads[i].times.count[GD_CAUSE_INTERNAL]);
	facts->cpu_per_pipe_call_s = facts->pipe_calls > 0 ? cpu_s / facts->pipe_calls : INFINITY;
	facts->pipe_bytes_per_cpu_s = gd_ratio((double)process->pipe_bytes, cpu_s);
}

/* ---- Together -------------------------------------------------------------------------------- */

static double effective_cpus(const struct gd_process_model *process)
{
	double cpus = process->cpus          ? process->cpus
		      : process->cpus_online ? process->cpus_online
					     : 1;

	return process->cpu_quota > 0 ? fmin(cpus, process->cpu_quota) : cpus;
}

struct gd_facts gd_facts_gather(const struct gd_process_model *process, bool is_tree,
				double unfollowed_cpu_s)
{
	struct gd_facts facts = {
		.has_picture = process->joint_count > 0,
		.is_python = process->runtime[0] != 0 || process->gil_count > 0,
		.is_free_threaded = process->gil_state == GD_GIL_OFF,
		.is_gil_known = process->gil_state != GD_GIL_UNKNOWN,
		.cpus = effective_cpus(process),
		.is_tree = is_tree,
	};
	struct gd_sums sums =
		facts.has_picture ? gd_sums_of_picture(process) : gd_sums_of_threads(process);
	double active_s = 0;

	if (facts.has_picture && !process->has_no_agent)
		gd_sums_explain(process, &sums); /* else what is known is in the picture */
	for (unsigned int kind = 0; kind < GD_INSTANT_IDLE; kind++)
		active_s += sums.kind_s[kind];
	facts.active_s = active_s;
	facts.wall_s = active_s + sums.kind_s[GD_INSTANT_IDLE];
	facts.instants = sums.instants;
	facts.idle = gd_ratio(sums.kind_s[GD_INSTANT_IDLE], facts.wall_s);
	facts.computing = gd_ratio(sums.kind_s[GD_INSTANT_COMPUTING], active_s);
	facts.outside = gd_ratio(sums.kind_s[GD_INSTANT_OUTSIDE], active_s);
	facts.child = gd_ratio(sums.kind_s[GD_INSTANT_CHILD], active_s);
	facts.sleeping = gd_ratio(sums.kind_s[GD_INSTANT_SLEEPING], active_s);
	facts.loop_timer = gd_ratio(sums.kind_s[GD_INSTANT_LOOP_TIMER], active_s);
	facts.unknown = gd_ratio(sums.kind_s[GD_INSTANT_UNKNOWN], active_s);
	facts.gil_share = gd_ratio(sums.gil_running_s, sums.running_s);
	facts.running = gd_ratio(sums.running_s, sums.kind_s[GD_INSTANT_COMPUTING]);
	facts.wanting = gd_ratio(sums.wanting_s, sums.kind_s[GD_INSTANT_COMPUTING]);
	facts.starved = gd_ratio(sums.starved_s, sums.wanting_s);
	facts.gil_held = gd_ratio(sums.gil_held_s, active_s);
	facts.gil_wanted = gd_ratio(sums.gil_wanted_s, active_s);
	facts.gil_waiters = gd_ratio(sums.gil_waiters_s, active_s);
	facts.overlap = gd_ratio(sums.outside_ops_s, sums.kind_s[GD_INSTANT_OUTSIDE]);
	facts.sleepers = gd_ratio(sums.sleepers_s, sums.kind_s[GD_INSTANT_SLEEPING]);
	facts.looped = gd_ratio(sums.looped_s, sums.kind_s[GD_INSTANT_OUTSIDE]);
	facts.files = gd_ratio(sums.files_s, sums.kind_s[GD_INSTANT_OUTSIDE]);
	facts.holder_waits = gd_ratio(sums.holder_waits_s, active_s);
	gather_threads(process, &facts);
	if (process->has_no_agent && process->scheduled)
		gather_from_outside(process, &facts);
	gather_descriptors(process, &facts);
	if (is_tree) {
		facts.outside_processes =
			gd_ratio(sums.outside_processes_s, sums.kind_s[GD_INSTANT_OUTSIDE]);
		facts.computing_processes =
			gd_ratio(sums.computing_processes_s, sums.kind_s[GD_INSTANT_COMPUTING]);
		gather_pipes(process, &facts);
	}
	facts.unfollowed = gd_ratio(unfollowed_cpu_s, process->end_s - process->start_s);
	return facts;
}

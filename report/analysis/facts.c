/* SPDX-License-Identifier: MIT */
/*
 * From the joint picture where somebody looked, else from the threads' sums.  The order in an
 * instant matters: who computes decides, then who waits outside; a wait for another thread never
 * votes, that instant belongs to what the others do.
 */
#include "facts.h"
#include <math.h>

#define YIELD_S        250e-6 /* who sleeps no longer at a time asks again and again */
#define LOCK_WAITS_MIN 4
#define START_MAX_S    0.5 /* longer than that, what comes before the first wait is work */

enum instant { COMPUTING, OUTSIDE, CHILD, SLEEPING, LOOP_TIMER, UNKNOWN, IDLE, INSTANTS };

static enum instant kind_of(const struct gd_joint_key *key)
{
	if (key->computing || key->starved)
		return COMPUTING;
	if (key->outside)
		return OUTSIDE;
	if (key->child)
		return CHILD;
	if (key->sleeping)
		return SLEEPING;
	if (key->loop_timer)
		return LOOP_TIMER;
	if (key->unseen)
		return UNKNOWN;
	if (key->gil_wait)
		return COMPUTING; /* it is handed over: somebody is about to */
	return IDLE;
}

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

/* ---- The picture ----------------------------------------------------------------------------- */

struct sums {
	double kind_s[INSTANTS];
	double instants;
	double running_s, starved_s, wanting_s, gil_running_s;
	double outside_ops_s, looped_s, files_s, sleepers_s;
	double gil_held_s, gil_wanted_s, gil_waiters_s, holder_waits_s;
	double outside_processes_s, computing_processes_s;
};

static void add_cell(struct sums *sums, const struct gd_joint_model *cell)
{
	const struct gd_joint_key *key = &cell->key;
	enum instant kind = kind_of(key);
	double s = cell->weight_s;

	sums->kind_s[kind] += s;
	if (kind != IDLE)
		sums->instants += (double)cell->instants;
	if (kind == COMPUTING) {
		sums->running_s += s * key->computing;
		sums->starved_s += s * key->starved;
		sums->wanting_s += s * (key->computing + key->starved);
		sums->gil_running_s += s * key->gil_computing;
		sums->computing_processes_s += s * key->computing_processes;
	} else if (kind == OUTSIDE) {
		sums->outside_ops_s += s * cell->outside_mean;
		sums->looped_s += key->looped ? s : 0;
		sums->outside_processes_s += s * key->outside_processes;
		sums->files_s += key->file ? s : 0;
	} else if (kind == SLEEPING) {
		sums->sleepers_s += s * key->sleeping;
	}
	if (kind == IDLE)
		return;
	sums->gil_held_s += key->holder != GD_HOLDER_NONE ? s : 0;
	sums->gil_wanted_s += key->gil_wait ? s : 0;
	sums->gil_waiters_s += s * cell->gil_wait_mean;
	sums->holder_waits_s += key->holder == GD_HOLDER_WAITS && key->gil_wait ? s : 0;
}

/* The start counts only where it is all there is, or too long to be a start. */
static bool is_start_left_out(const struct gd_process_model *process)
{
	double start_s = 0, steady_s = 0;

	for (size_t i = 0; i < process->joint_count; i++)
		if (process->joints[i].key.phase == GD_PHASE_START)
			start_s += process->joints[i].weight_s;
		else
			steady_s += process->joints[i].weight_s;
	return start_s <= START_MAX_S && steady_s >= start_s;
}

/* The CPU that a start took which is left out. */
static double start_cpu_s(const struct gd_process_model *process)
{
	double cpu_s = 0;

	for (size_t i = 0; is_start_left_out(process) && i < process->joint_count; i++)
		if (process->joints[i].key.phase == GD_PHASE_START)
			cpu_s += process->joints[i].weight_s * process->joints[i].key.computing;
	return cpu_s;
}

/*
 * A thread that was just woken, or preempted by the one that it woke, seems to compute and has no
 * CPU yet.  The CPU clocks know how many threads really ran while some computed.
 */
static void correct_running(const struct gd_process_model *process, double computing_all_s,
			    struct sums *sums)
{
	struct gd_classes classes = gd_classes_of_process(process);
	double at_most = ratio(gd_classes_cpu_s(&classes), computing_all_s);
	double seen = ratio(sums->running_s, sums->kind_s[COMPUTING]);

	if (seen <= 1 || at_most >= seen)
		return;
	at_most = fmax(1, at_most);
	sums->gil_running_s *= at_most / seen;
	sums->running_s *= at_most / seen;
}

static struct sums sum_picture(const struct gd_process_model *process)
{
	bool skip_start = is_start_left_out(process);
	double computing_all_s = 0;
	struct sums sums = { 0 };

	for (size_t i = 0; i < process->joint_count; i++) {
		const struct gd_joint_model *cell = &process->joints[i];

		computing_all_s += kind_of(&cell->key) == COMPUTING ? cell->weight_s : 0;
		if (!skip_start || cell->key.phase != GD_PHASE_START)
			add_cell(&sums, cell);
	}
	if (!process->has_no_agent) /* the scheduler's word needs no correction */
		correct_running(process, computing_all_s, &sums);
	return sums;
}

/* ---- Without a picture ----------------------------------------------------------------------- */

static double outside_s(const struct gd_classes *classes)
{
	return classes->s[GD_CLASS_IO_WAIT];
}

/* What was waited for a cause: what was spent on the CPU meanwhile is in the computing. */
static double off_cpu_s(const struct gd_times *times, enum gd_cause cause)
{
	return fmax(0, times->cause_s[cause] - times->cpu_in_s[cause]);
}

/*
 * Sums cannot tell what happened at once.  Computing is taken to be one after another as far as the
 * run is long enough, waits to fill what is left.
 */
static struct sums sum_threads(const struct gd_process_model *process)
{
	struct gd_classes classes = gd_classes_of_process(process);
	double wall_s = process->end_s - process->start_s;
	double cpu_s = gd_classes_cpu_s(&classes) + classes.s[GD_CLASS_NO_CPU];
	double loop_s = 0, files_s = 0;
	struct sums sums = { 0 };
	double left_s, sleep_s;

	for (size_t i = 0; i < process->thread_count; i++) {
		loop_s += off_cpu_s(&process->threads[i].times, GD_CAUSE_LOOP_TIMER);
		files_s += off_cpu_s(&process->threads[i].times, GD_CAUSE_FILE);
	}
	if (process->has_no_agent && process->scheduled)
		files_s += process->scheduled->explained_s[GD_CAUSE_FILE];
	sleep_s = fmax(0, classes.s[GD_CLASS_TIMER_WAIT] - loop_s);
	sums.kind_s[COMPUTING] = fmin(cpu_s, wall_s);
	left_s = wall_s - sums.kind_s[COMPUTING];
	sums.kind_s[OUTSIDE] = fmin(outside_s(&classes), left_s);
	left_s -= sums.kind_s[OUTSIDE];
	sums.kind_s[CHILD] = fmin(classes.s[GD_CLASS_CHILD_WAIT], left_s);
	left_s -= sums.kind_s[CHILD];
	sums.kind_s[SLEEPING] = fmin(sleep_s, left_s);
	left_s -= sums.kind_s[SLEEPING];
	sums.kind_s[LOOP_TIMER] = fmin(loop_s, left_s);
	left_s -= sums.kind_s[LOOP_TIMER];
	sums.kind_s[UNKNOWN] = fmin(classes.s[GD_CLASS_UNSEEN], left_s);
	sums.kind_s[IDLE] = left_s - sums.kind_s[UNKNOWN];
	sums.running_s = gd_classes_cpu_s(&classes);
	sums.starved_s = classes.s[GD_CLASS_NO_CPU];
	sums.wanting_s = cpu_s;
	sums.gil_running_s = classes.s[GD_CLASS_CPU_GIL];
	sums.outside_ops_s = outside_s(&classes);
	sums.files_s = fmin(files_s, sums.kind_s[OUTSIDE]);
	sums.sleepers_s = sleep_s;
	sums.gil_held_s = fmin(process->gil_count ? process->gils[0].hold_s : 0, wall_s);
	return sums;
}

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

	return gd_classes_cpu_s(&classes) + outside_s(&classes) + classes.s[GD_CLASS_TIMER_WAIT];
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
	facts->contenders_wait = ratio(wait_s, facts->active_s);
	facts->contenders_wake = ratio(wakes, all_waits);
	facts->others_wake = ratio(others_wake, all_waits);
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
	double given_back = ratio((double)lock->released, (double)(lock->released + lock->posted));
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
		facts->lock_waiters = ratio(facts->lock->wait_s, facts->active_s);
}

static void gather_threads(const struct gd_process_model *process, struct gd_facts *facts)
{
	struct gd_classes classes = gd_classes_of_process(process);
	double waited_s = outside_s(&classes) + classes.s[GD_CLASS_TIMER_WAIT];
	double cpu_s = gd_classes_cpu_s(&classes) - start_cpu_s(process);
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
	facts->held_waits = ratio(classes.holding_gil_s, waited_s);
	facts->wait_per_cpu = cpu_s > 0 ? waited_s / cpu_s : INFINITY;
	facts->yields_per_s = ratio(yields, facts->wall_s);
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
		process->gil_count ? ratio((double)process->gils[0].takes, facts->active_s) : 0;
	facts->in_futex = ratio(seen->explained_s[GD_CAUSE_FUTEX], facts->active_s);
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
		facts->yields_per_s = ratio(sleeps, facts->wall_s);
}

/* What is read from one pipe comes in the order and at the pace of who writes it. */
static void gather_descriptors(const struct gd_process_model *process, struct gd_facts *facts)
{
	double pipes_s = 0, longest_s = 0, file_cpu_s = 0, waited_s = 0;

	for (size_t i = 0; i < process->thread_count; i++) {
		const struct gd_times *times = &process->threads[i].times;

		pipes_s += off_cpu_s(times, GD_CAUSE_PIPE);
		file_cpu_s += times->cpu_in_s[GD_CAUSE_FILE];
		for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
			waited_s += gd_class_of(cause) == GD_CLASS_IO_WAIT ? off_cpu_s(times, cause)
									   : 0;
	}
	for (size_t i = 0; i < process->pipe_count; i++)
		longest_s = fmax(longest_s, process->pipes[i].wait_s);
	facts->stream = ratio(fmin(pipes_s, longest_s), waited_s);
	facts->file_cpu = ratio(file_cpu_s, facts->active_s);
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
	facts->pipe_bytes_per_cpu_s = ratio((double)process->pipe_bytes, cpu_s);
}

/* ---- Together -------------------------------------------------------------------------------- */

static double effective_cpus(const struct gd_process_model *process)
{
	double cpus = process->cpus          ? process->cpus
		      : process->cpus_online ? process->cpus_online
					     : 1;

	return process->cpu_quota > 0 ? fmin(cpus, process->cpu_quota) : cpus;
}

/* What was done in instants of which the picture knows nothing, by the system calls meanwhile. */
static enum instant kind_of_cause(unsigned int cause)
{
	switch (gd_class_of(cause)) {
	case GD_CLASS_IO_WAIT:
		return OUTSIDE;
	case GD_CLASS_TIMER_WAIT:
		return SLEEPING;
	case GD_CLASS_CHILD_WAIT:
		return CHILD;
	case GD_CLASS_LOCK_WAIT:
	case GD_CLASS_IDLE:
		return IDLE;
	default:
		return UNKNOWN; /* a call without a name */
	}
}

static void explain_unknown(const struct gd_process_model *process, struct sums *sums)
{
	double unknown_s = sums->kind_s[UNKNOWN], all_s = 0;

	for (unsigned int cause = 0; process->scheduled && cause < GD_CAUSE_COUNT; cause++)
		all_s += process->scheduled->explained_s[cause];
	for (unsigned int cause = 0; all_s > 0 && cause < GD_CAUSE_COUNT; cause++) {
		double s = unknown_s * process->scheduled->explained_s[cause] / all_s;
		enum instant kind = kind_of_cause(cause);

		sums->kind_s[UNKNOWN] -= s;
		sums->kind_s[kind] += s;
		sums->outside_ops_s += kind == OUTSIDE ? s : 0;
		sums->sleepers_s += kind == SLEEPING ? s : 0;
	}
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
	struct sums sums = facts.has_picture ? sum_picture(process) : sum_threads(process);
	double active_s = 0;

	if (facts.has_picture && !process->has_no_agent)
		explain_unknown(process, &sums); /* else what is known is in the picture */
	for (unsigned int kind = 0; kind < IDLE; kind++)
		active_s += sums.kind_s[kind];
	facts.active_s = active_s;
	facts.wall_s = active_s + sums.kind_s[IDLE];
	facts.instants = sums.instants;
	facts.idle = ratio(sums.kind_s[IDLE], facts.wall_s);
	facts.computing = ratio(sums.kind_s[COMPUTING], active_s);
	facts.outside = ratio(sums.kind_s[OUTSIDE], active_s);
	facts.child = ratio(sums.kind_s[CHILD], active_s);
	facts.sleeping = ratio(sums.kind_s[SLEEPING], active_s);
	facts.loop_timer = ratio(sums.kind_s[LOOP_TIMER], active_s);
	facts.unknown = ratio(sums.kind_s[UNKNOWN], active_s);
	facts.gil_share = ratio(sums.gil_running_s, sums.running_s);
	facts.running = ratio(sums.running_s, sums.kind_s[COMPUTING]);
	facts.wanting = ratio(sums.wanting_s, sums.kind_s[COMPUTING]);
	facts.starved = ratio(sums.starved_s, sums.wanting_s);
	facts.gil_held = ratio(sums.gil_held_s, active_s);
	facts.gil_wanted = ratio(sums.gil_wanted_s, active_s);
	facts.gil_waiters = ratio(sums.gil_waiters_s, active_s);
	facts.overlap = ratio(sums.outside_ops_s, sums.kind_s[OUTSIDE]);
	facts.sleepers = ratio(sums.sleepers_s, sums.kind_s[SLEEPING]);
	facts.looped = ratio(sums.looped_s, sums.kind_s[OUTSIDE]);
	facts.files = ratio(sums.files_s, sums.kind_s[OUTSIDE]);
	facts.holder_waits = ratio(sums.holder_waits_s, active_s);
	gather_threads(process, &facts);
	if (process->has_no_agent && process->scheduled)
		gather_from_outside(process, &facts);
	gather_descriptors(process, &facts);
	if (is_tree) {
		facts.outside_processes = ratio(sums.outside_processes_s, sums.kind_s[OUTSIDE]);
		facts.computing_processes =
			ratio(sums.computing_processes_s, sums.kind_s[COMPUTING]);
		gather_pipes(process, &facts);
	}
	facts.unfollowed = ratio(unfollowed_cpu_s, process->end_s - process->start_s);
	return facts;
}

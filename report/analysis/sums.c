/* SPDX-License-Identifier: MIT */
/*
 * The order in an instant matters: who computes decides, then who waits outside; a wait for another
 * thread never votes, that instant belongs to what the others do.
 */
#include "sums.h"
#include <math.h>

#define START_MAX_S 0.5 /* longer than that, what comes before the first wait is work */

static enum gd_instant kind_of(const struct gd_joint_key *key)
{
	if (key->computing || key->starved)
		return GD_INSTANT_COMPUTING;
	if (key->outside)
		return GD_INSTANT_OUTSIDE;
	if (key->child)
		return GD_INSTANT_CHILD;
	if (key->sleeping)
		return GD_INSTANT_SLEEPING;
	if (key->loop_timer)
		return GD_INSTANT_LOOP_TIMER;
	if (key->unseen)
		return GD_INSTANT_UNKNOWN;
	if (key->gil_wait)
		return GD_INSTANT_COMPUTING; /* it is handed over: somebody is about to */
	return GD_INSTANT_IDLE;
}

double gd_sums_outside_s(const struct gd_classes *classes)
{
	return classes->s[GD_CLASS_IO_WAIT];
}

double gd_sums_off_cpu_s(const struct gd_times *times, enum gd_cause cause)
{
	return fmax(0, times->cause_s[cause] - times->cpu_in_s[cause]);
}

/* ---- The picture ----------------------------------------------------------------------------- */

static void add_cell(struct gd_sums *sums, const struct gd_joint_model *cell)
{
	const struct gd_joint_key *key = &cell->key;
	enum gd_instant kind = kind_of(key);
	double s = cell->weight_s;

	sums->kind_s[kind] += s;
	if (kind != GD_INSTANT_IDLE)
		sums->instants += (double)cell->instants;
	if (kind == GD_INSTANT_COMPUTING) {
		sums->running_s += s * key->computing;
		sums->starved_s += s * key->starved;
		sums->wanting_s += s * (key->computing + key->starved);
		sums->gil_running_s += s * key->gil_computing;
		sums->computing_processes_s += s * key->computing_processes;
	} else if (kind == GD_INSTANT_OUTSIDE) {
		sums->outside_ops_s += s * cell->outside_mean;
		sums->looped_s += key->looped ? s : 0;
		sums->outside_processes_s += s * key->outside_processes;
		sums->files_s += key->file ? s : 0;
	} else if (kind == GD_INSTANT_SLEEPING) {
		sums->sleepers_s += s * key->sleeping;
	}
	if (kind == GD_INSTANT_IDLE)
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

double gd_sums_start_cpu_s(const struct gd_process_model *process)
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
			    struct gd_sums *sums)
{
	struct gd_classes classes = gd_classes_of_process(process);
	double at_most = gd_ratio(gd_classes_cpu_s(&classes), computing_all_s);
	double seen = gd_ratio(sums->running_s, sums->kind_s[GD_INSTANT_COMPUTING]);

	if (seen <= 1 || at_most >= seen)
		return;
	at_most = fmax(1, at_most);
	sums->gil_running_s *= at_most / seen;
	sums->running_s *= at_most / seen;
}

struct gd_sums gd_sums_of_picture(const struct gd_process_model *process)
{
	bool skip_start = is_start_left_out(process);
	double computing_all_s = 0;
	struct gd_sums sums = { 0 };

	for (size_t i = 0; i < process->joint_count; i++) {
		const struct gd_joint_model *cell = &process->joints[i];

		computing_all_s += kind_of(&cell->key) == GD_INSTANT_COMPUTING ? cell->weight_s : 0;
		if (!skip_start || cell->key.phase != GD_PHASE_START)
			add_cell(&sums, cell);
	}
	if (!process->has_no_agent) /* the scheduler's word needs no correction */
		correct_running(process, computing_all_s, &sums);
	return sums;
}

/* ---- Without a picture ----------------------------------------------------------------------- */

/*
 * Sums cannot tell what happened at once.  Computing is taken to be one after another as far as the
 * run is long enough, waits to fill what is left.
 */
struct gd_sums gd_sums_of_threads(const struct gd_process_model *process)
{
	struct gd_classes classes = gd_classes_of_process(process);
	double wall_s = process->end_s - process->start_s;
	double cpu_s = gd_classes_cpu_s(&classes) + classes.s[GD_CLASS_NO_CPU];
	double loop_s = 0, files_s = 0;
	struct gd_sums sums = { 0 };
	double left_s, sleep_s;

	for (size_t i = 0; i < process->thread_count; i++) {
		loop_s += gd_sums_off_cpu_s(&process->threads[i].times, GD_CAUSE_LOOP_TIMER);
		files_s += gd_sums_off_cpu_s(&process->threads[i].times, GD_CAUSE_FILE);
	}
	if (process->has_no_agent && process->scheduled)
		files_s += process->scheduled->explained_s[GD_CAUSE_FILE];
	sleep_s = fmax(0, classes.s[GD_CLASS_TIMER_WAIT] - loop_s);
	sums.kind_s[GD_INSTANT_COMPUTING] = fmin(cpu_s, wall_s);
	left_s = wall_s - sums.kind_s[GD_INSTANT_COMPUTING];
	sums.kind_s[GD_INSTANT_OUTSIDE] = fmin(gd_sums_outside_s(&classes), left_s);
	left_s -= sums.kind_s[GD_INSTANT_OUTSIDE];
	sums.kind_s[GD_INSTANT_CHILD] = fmin(classes.s[GD_CLASS_CHILD_WAIT], left_s);
	left_s -= sums.kind_s[GD_INSTANT_CHILD];
	sums.kind_s[GD_INSTANT_SLEEPING] = fmin(sleep_s, left_s);
	left_s -= sums.kind_s[GD_INSTANT_SLEEPING];
	sums.kind_s[GD_INSTANT_LOOP_TIMER] = fmin(loop_s, left_s);
	left_s -= sums.kind_s[GD_INSTANT_LOOP_TIMER];
	sums.kind_s[GD_INSTANT_UNKNOWN] = fmin(classes.s[GD_CLASS_UNSEEN], left_s);
	sums.kind_s[GD_INSTANT_IDLE] = left_s - sums.kind_s[GD_INSTANT_UNKNOWN];
	sums.running_s = gd_classes_cpu_s(&classes);
	sums.starved_s = classes.s[GD_CLASS_NO_CPU];
	sums.wanting_s = cpu_s;
	sums.gil_running_s = classes.s[GD_CLASS_CPU_GIL];
	sums.outside_ops_s = gd_sums_outside_s(&classes);
	sums.files_s = fmin(files_s, sums.kind_s[GD_INSTANT_OUTSIDE]);
	sums.sleepers_s = sleep_s;
	sums.gil_held_s = fmin(process->gil_count ? process->gils[0].hold_s : 0, wall_s);
	return sums;
}

/* ---- What nobody saw -------------------------------------------------------------------------- */

/* What was done in instants of which the picture knows nothing, by the system calls meanwhile. */
static enum gd_instant kind_of_cause(unsigned int cause)
{
	switch (gd_class_of(cause)) {
	case GD_CLASS_IO_WAIT:
		return GD_INSTANT_OUTSIDE;
	case GD_CLASS_TIMER_WAIT:
		return GD_INSTANT_SLEEPING;
	case GD_CLASS_CHILD_WAIT:
		return GD_INSTANT_CHILD;
	case GD_CLASS_LOCK_WAIT:
	case GD_CLASS_IDLE:
		return GD_INSTANT_IDLE;
	default:
		return GD_INSTANT_UNKNOWN; /* a call without a name */
	}
}

void gd_sums_explain(const struct gd_process_model *process, struct gd_sums *sums)
{
	double unknown_s = sums->kind_s[GD_INSTANT_UNKNOWN], all_s = 0;

	for (unsigned int cause = 0; process->scheduled && cause < GD_CAUSE_COUNT; cause++)
		all_s += process->scheduled->explained_s[cause];
	for (unsigned int cause = 0; all_s > 0 && cause < GD_CAUSE_COUNT; cause++) {
		double s = unknown_s * process->scheduled->explained_s[cause] / all_s;
		enum gd_instant kind = kind_of_cause(cause);

		sums->kind_s[GD_INSTANT_UNKNOWN] -= s;
		sums->kind_s[kind] += s;
		sums->outside_ops_s += kind == GD_INSTANT_OUTSIDE ? s : 0;
		sums->sleepers_s += kind == GD_INSTANT_SLEEPING ? s : 0;
	}
}

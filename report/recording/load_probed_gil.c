/* SPDX-License-Identifier: MIT */
/*
 * A thread's row has its stretches with the GIL and in wait for it, by three clocks; what is left of
 * its life was free of it.  A thread without a row never touched a GIL.
 */
#include "load_probed_gil.h"
#include "load_parts.h"
#include <errno.h>
#include <math.h>

#define MISSED 0.01 /* of the takes: so many may be missing before nothing is believed */

/* A stretch of a thread's time, in seconds. */
struct part {
	double all_s, cpu_s, queued_s;
};

struct split {
	struct part hold, wait;
	struct part open; /* of one of them: since the row's last change */
};

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static struct part part_of(const struct gd_probed_part *row)
{
	return (struct part){ seconds(row->ns), seconds(row->cpu_ns), seconds(row->queued_ns) };
}

static void add(struct part *to, const struct part *more)
{
	to->all_s += more->all_s;
	to->cpu_s += more->cpu_s;
	to->queued_s += more->queued_s;
}

/* All that the scheduler saw of it. */
static struct part life_of(const struct gd_scheduled *scheduled)
{
	struct part life = { scheduled->life_s, scheduled->on_cpu_s, 0 };

	for (unsigned int i = 0; i < GD_CAUSE_MAX; i++)
		life.queued_s += scheduled->delay_s[i] + scheduled->preempted_s[i];
	return life;
}

/* ---- Threads --------------------------------------------------------------------------------- */

static struct split split_of(const struct gd_probed_gil_thread *row,
			     const struct gd_scheduled *seen, double end_s)
{
	struct part life = life_of(seen);
	struct split split = { .hold = part_of(&row->hold), .wait = part_of(&row->wait) };

	split.open.all_s = fmax(0, end_s - seconds(row->at.ns));
	split.open.cpu_s = fmax(0, life.cpu_s - seconds(row->at.cpu_ns));
	split.open.queued_s = fmax(0, life.queued_s - seconds(row->at.queued_ns));
	if (row->state == GD_PROBED_GIL_HOLDS)
		add(&split.hold, &split.open);
	else if (row->state == GD_PROBED_GIL_WAITS)
		add(&split.wait, &split.open);
	else
		split.open = (struct part){ .all_s = 0 };
	return split;
}

/* Waits for the GIL are blocks in futex: they are explained already. */
static void take_away(struct gd_scheduled *scheduled, double s)
{
	double *futex_s = &scheduled->explained_s[GD_CAUSE_FUTEX];

	*futex_s = fmax(0, *futex_s - s);
}

static void fill(struct gd_process_model *process, struct gd_thread_model *thread,
		 const struct split *split)
{
	const struct part *hold = &split->hold, *wait = &split->wait;
	struct gd_times *times = &thread->times;
	double free_s = fmax(0, times->life_s - hold->all_s - wait->all_s);
	double free_cpu_s = fmax(0, times->cpu_s - hold->cpu_s - wait->cpu_s);
	double blocked_s = fmax(0, wait->all_s - wait->cpu_s);

	times->cause_s[GD_CAUSE_CPU_GIL] = hold->all_s;
	times->off_in_s[0] = fmax(0, hold->all_s - hold->cpu_s);
	times->cause_s[GD_CAUSE_GIL] = wait->all_s;
	times->cpu_in_s[GD_CAUSE_GIL] = wait->cpu_s;
	times->cause_s[GD_CAUSE_CPU_FREE] = free_s;
	times->off_in_s[1] = fmax(0, free_s - free_cpu_s);
	times->run_delay_s = fmax(0, times->run_delay_s - wait->queued_s);
	times->holding_gil_s = fmax(0, hold->all_s - hold->cpu_s - hold->queued_s);
	times->gil_hold_s = hold->all_s;
	take_away(thread->scheduled, blocked_s);
	take_away(process->scheduled, blocked_s);
}

static struct gd_thread_model *find_thread(struct gd_process_model *process, int32_t tid)
{
	for (size_t i = 0; i < process->thread_count; i++)
		if (process->threads[i].tid == tid && process->threads[i].scheduled)
			return &process->threads[i];
	return NULL;
}

/* It holds a GIL, or waits for one, to the end. */
static void add_open(struct gd_process_model *process, const uint64_t *conds,
		     const struct gd_probed_gil_thread *row, double open_s)
{
	for (size_t i = 0; i < process->gil_count; i++) {
		struct gd_gil_model *gil = &process->gils[i];

		if (conds[i] != row->cond)
			continue;
		if (row->state == GD_PROBED_GIL_HOLDS) {
			gil->hold_s += open_s;
			gil->hold_max_s = fmax(gil->hold_max_s, open_s);
			gil->hold_long_s += open_s >= 100e-6 ? open_s : 0;
		} else {
			gil->wait_s += open_s;
		}
	}
}

static void load_threads(const struct gd_file *file, uint32_t image, double copied_s,
			 const uint64_t *conds, struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_PROBED_GIL_THREADS);

	for (uint32_t i = 0; i < count; i++) {
		double end_s = process->is_complete ? process->end_s : copied_s;
		struct gd_probed_gil_thread row;
		struct gd_thread_model *thread;
		struct split split;

		gd_file_entry(file, GD_SECTION_PROBED_GIL_THREADS, i, &row, sizeof(row));
		thread = row.image == image ? find_thread(process, row.tid) : NULL;
		if (!thread)
			continue;
		if (thread->has_ended)
			end_s = thread->scheduled->end_s;
		split = split_of(&row, thread->scheduled, end_s);
		fill(process, thread, &split);
		add_open(process, conds, &row, split.open.all_s);
		thread->times.count[GD_CAUSE_GIL] = row.waits;
		thread->times.gil_takes = row.takes;
		thread->times.gil_drops = row.drops;
		thread->times.gil_forced = row.forced;
		thread->scheduled->gil_blame_s = seconds(row.blame_ns);
		process->scheduled->gil_blame_s += seconds(row.blame_ns);
		process->gils[0].forced += row.forced;
	}
}

/* It held the GIL when the probe came, and nobody ever touched that. */
static void fill_silent_holder(struct gd_process_model *process, int32_t tid)
{
	struct gd_thread_model *thread = find_thread(process, tid);
	struct split split = { .hold = { .all_s = 0 } };

	if (!thread || process->gils[0].takes || process->gils[0].drops)
		return;
	split.hold = life_of(thread->scheduled);
	process->gils[0].hold_s = process->gils[0].hold_max_s = split.hold.all_s;
	process->gils[0].hold_long_s = split.hold.all_s;
	fill(process, thread, &split);
}

/* ---- GILs ------------------------------------------------------------------------------------ */

static struct gd_gil_model gil_of(const struct gd_probed_gil *row)
{
	return (struct gd_gil_model){
		.takes = row->takes,
		.drops = row->drops,
		.waits = row->waits,
		.hold_s = seconds(row->hold_ns),
		.wait_s = seconds(row->wait_ns),
		.hold_long_s = seconds(row->hold_long_ns),
		.hold_max_s = seconds(row->hold_ns_max),
		.wait_max_s = seconds(row->wait_ns_max),
		.hold_p50_s = gd_hist_percentile(row->hold_hist, 0.5) / 1e9,
		.hold_p99_s = gd_hist_percentile(row->hold_hist, 0.99) / 1e9,
		.wait_p50_s = gd_hist_percentile(row->wait_hist, 0.5) / 1e9,
		.wait_p99_s = gd_hist_percentile(row->wait_hist, 0.99) / 1e9,
		.is_alive = true,
	};
}

static bool was_seen(const struct gd_probed_gil *row)
{
	return row->takes || row->drops || row->first_holder != GD_PROBED_HOLDER_UNKNOWN;
}

/* The one that was taken most comes first: it is the main interpreter's. */
static void put(struct gd_process_model *process, uint64_t *conds, const struct gd_probed_gil *row)
{
	size_t at = process->gil_count++;

	if (at && row->takes > process->gils[0].takes) {
		process->gils[at] = process->gils[0];
		conds[at] = conds[0];
		at = 0;
	}
	process->gils[at] = gil_of(row);
	conds[at] = row->cond;
}

int gd_load_probed_gil(const struct gd_file *file, struct gd_pool *pool, uint32_t image,
		       double copied_s, uint64_t lost, struct gd_process_model *process)
{
	uint32_t count = gd_file_count(file, GD_SECTION_PROBED_GILS);
	uint64_t *conds = gd_pool_alloc(pool, count, sizeof(*conds));
	int32_t first_holder = 0;
	struct gd_probed_gil row;
	double takes = 0;

	process->gils = gd_pool_alloc(pool, count, sizeof(*process->gils));
	if (!process->gils || !conds)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		gd_file_entry(file, GD_SECTION_PROBED_GILS, i, &row, sizeof(row));
		if (row.image != image || !was_seen(&row))
			continue;
		put(process, conds, &row);
		takes += (double)row.takes;
		if (row.first_holder > 0)
			first_holder = row.first_holder;
	}
	if (process->gil_count && (double)lost > MISSED * takes)
		process->gil_count = 0;
	if (!process->gil_count)
		return 0;
	process->gil_state = GD_GIL_ON;
	process->runtime = "CPython";
	load_threads(file, image, copied_s, conds, process);
	if (first_holder)
		fill_silent_holder(process, first_holder);
	return 0;
}

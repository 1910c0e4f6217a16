/* SPDX-License-Identifier: MIT */
/*
 * Row by row.  Tables grow at their end and rows never move, so equal indices are the same row
 * wherever what names it is equal.  Both files are hostile input: nothing here goes below zero.
 */
#include "since.h"
#include <stdbool.h>
#include <string.h>

/* The copy's instant by both clocks. */
struct since {
	struct gd_file *now, *then;
	struct gd_clock_pair at;
	double ticks_per_ns;
};

static void less(uint64_t *now, uint64_t then)
{
	*now = *now > then ? *now - then : 0;
}

static void less_each(uint64_t *now, const uint64_t *then, size_t count)
{
	for (size_t i = 0; i < count; i++)
		less(&now[i], then[i]);
}

static void less_counts(uint32_t *now, const uint32_t *then, size_t count)
{
	for (size_t i = 0; i < count; i++)
		now[i] = now[i] > then[i] ? now[i] - then[i] : 0;
}

/* The largest of a life is the window's only where it is larger than before. */
static void keep_max(uint64_t *now, uint64_t then)
{
	if (*now == then)
		*now = then ? GD_NOT_KNOWN : 0;
}

static void put(struct gd_file *file, uint32_t kind, uint32_t index, const void *entry, size_t size)
{
	const struct gd_section *section = &file->sections[kind];

	memcpy(file->bytes + section->offset + (uint64_t)section->entry_size * index, entry,
	       section->entry_size < size ? section->entry_size : size);
}

/* ---- Threads --------------------------------------------------------------------------------- */

/* Adds to the earlier row what was open then; its CPU clock as the sampler saw it last. */
static void close_thread(struct gd_thread *row, const struct since *since)
{
	uint64_t at = since->at.ticks, cpu_ns, seen;

	if (row->state != GD_THREAD_LIVE || row->cause >= GD_CAUSE_COUNT || at <= row->since)
		return;
	row->ticks[row->cause] += at - row->since;
	if (row->seen_ticks <= row->since || row->seen_cpu_ns <= row->cpu_ns)
		return;
	seen = row->seen_ticks - row->since;
	cpu_ns = row->seen_cpu_ns - row->cpu_ns;
	row->cpu_ns = row->seen_cpu_ns;
	if (row->cause == GD_CAUSE_CPU_GIL || row->cause == GD_CAUSE_CPU_FREE) {
		double off = (double)seen - (double)cpu_ns * since->ticks_per_ns;

		row->off_in[row->cause] += off > 0 ? (uint64_t)off : 0;
	}
}

/* The sums that a thread's row and the row of ended ones have alike. */
#define LESS_SUMS(now, then)                                                                       \
	do {                                                                                       \
		less_each((now)->ticks, (then)->ticks, GD_CAUSE_MAX);                              \
		less_each((now)->cpu_in, (then)->cpu_in, GD_CAUSE_MAX);                            \
		less_each((now)->off_in, (then)->off_in, 2);                                       \
		less(&(now)->holding_gil, (then)->holding_gil);                                    \
		less(&(now)->gil_takes, (then)->gil_takes);                                        \
		less(&(now)->gil_drops, (then)->gil_drops);                                        \
		less(&(now)->gil_forced, (then)->gil_forced);                                      \
		less(&(now)->gil_hold, (then)->gil_hold);                                          \
		less(&(now)->cpu_ns, (then)->cpu_ns);                                              \
		less(&(now)->run_delay_ns, (then)->run_delay_ns);                                  \
		less(&(now)->yields, (then)->yields);                                              \
		less(&(now)->wakes, (then)->wakes);                                                \
		less(&(now)->pipe_bytes, (then)->pipe_bytes);                                      \
	} while (0)

static void less_thread(struct gd_thread *now, struct gd_thread *then, const struct since *since)
{
	bool is_open_still = now->state == GD_THREAD_LIVE && now->since == then->since;

	if (!is_open_still)
		close_thread(then, since);
	LESS_SUMS(now, then);
	less_counts(now->count, then->count, GD_CAUSE_MAX);
	if (is_open_still) {
		/* Open since before the copy: from there on, by the sampler's reading. */
		now->since = since->at.ticks;
		now->seen_cpu_ns -= then->seen_cpu_ns < now->seen_cpu_ns ? then->seen_cpu_ns : 0;
		now->cpu_ns = 0;
	} else {
		less(&now->seen_cpu_ns, then->cpu_ns);
	}
	less(&now->seen_run_delay_ns, then->seen_run_delay_ns);
	less(&now->seen_major_faults, then->seen_major_faults);
}

/* The slot was used again since: its thread ended, and is in the row of those that started alike. */
static void less_ended_thread(const struct since *since, struct gd_thread *then)
{
	uint32_t count = gd_file_count(since->now, GD_SECTION_ENDED);

	close_thread(then, since);
	for (uint32_t i = 0; i < count; i++) {
		struct gd_ended row;

		gd_file_entry(since->now, GD_SECTION_ENDED, i, &row, sizeof(row));
		if (!row.threads || row.start_function != then->start_function)
			continue;
		LESS_SUMS(&row, then);
		for (unsigned int cause = 0; cause < GD_CAUSE_MAX; cause++)
			less(&row.count[cause], then->count[cause]);
		less(&row.life, since->at.ticks - then->born);
		put(since->now, GD_SECTION_ENDED, i, &row, sizeof(row));
		return;
	}
}

static void less_threads(const struct since *since)
{
	uint32_t count = gd_file_count(since->now, GD_SECTION_THREADS);

	for (uint32_t i = 0; i < count; i++) {
		struct gd_thread now, then;

		gd_file_entry(since->now, GD_SECTION_THREADS, i, &now, sizeof(now));
		gd_file_entry(since->then, GD_SECTION_THREADS, i, &then, sizeof(then));
		/* Its own reading comes when it ends, and is of all its life. */
		if (then.seen_run_delay_ns > then.run_delay_ns)
			then.run_delay_ns = then.seen_run_delay_ns;
		if (now.tid == then.tid && now.born == then.born)
			less_thread(&now, &then, since);
		else if (then.state == GD_THREAD_LIVE)
			less_ended_thread(since, &then);
		if (now.ended && now.ended <= since->at.ticks)
			now.state = GD_THREAD_FREE;
		if (now.born < since->at.ticks)
			now.born = since->at.ticks;
		put(since->now, GD_SECTION_THREADS, i, &now, sizeof(now));
	}
}

static void less_ended(const struct since *since)
{
	uint32_t count = gd_file_count(since->now, GD_SECTION_ENDED);

	for (uint32_t i = 0; i < count; i++) {
		struct gd_ended now, then;

		gd_file_entry(since->now, GD_SECTION_ENDED, i, &now, sizeof(now));
		gd_file_entry(since->then, GD_SECTION_ENDED, i, &then, sizeof(then));
		if (now.start_function != then.start_function)
			continue;
		LESS_SUMS(&now, &then);
		less_each(now.count, then.count, GD_CAUSE_MAX);
		less(&now.life, then.life);
		less(&now.threads, then.threads);
		put(since->now, GD_SECTION_ENDED, i, &now, sizeof(now));
	}
}

/* ---- Locks and GILs -------------------------------------------------------------------------- */

/* Few entries that give way to worse ones: by their site. */
static void less_holders(struct gd_lock_holder *now, uint64_t *now_hold,
			 const struct gd_lock_holder *then, const uint64_t *then_hold,
			 unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int k = 0; k < count; k++)
			if (then[k].times && now[i].site == then[k].site) {
				less(&now[i].blame, then[k].blame);
				less(&now[i].times, then[k].times);
				less(&now_hold[i], then_hold[k]);
				break;
			}
}

static void less_lock(struct gd_lock *now, const struct gd_lock *then)
{
	if (now->key != then->key || now->cause != then->cause)
		return;
	less(&now->waits, then->waits);
	less(&now->wait, then->wait);
	less(&now->timeouts, then->timeouts);
	less(&now->released, then->released);
	less(&now->posted, then->posted);
	less(&now->hold, then->hold);
	less(&now->unbounded, then->unbounded);
	keep_max(&now->wait_max, then->wait_max);
	keep_max(&now->hold_max, then->hold_max);
	less_holders(now->holders, now->holder_hold, then->holders, then->holder_hold,
		     GD_LOCK_HOLDERS);
}

static void less_gil(struct gd_gil *now, const struct gd_gil *then, const struct since *since)
{
	bool is_held_still = now->holder && now->taken == then->taken;

	if (now->cond != then->cond)
		return;
	less(&now->takes, then->takes);
	less(&now->drops, then->drops);
	less(&now->waits, then->waits);
	less(&now->forced, then->forced);
	less(&now->hold, then->hold);
	if (is_held_still && then->taken < since->at.ticks)
		now->taken = since->at.ticks;
	else if (then->holder && then->taken < since->at.ticks)
		less(&now->hold, since->at.ticks - then->taken);
	less(&now->wait, then->wait);
	less(&now->hold_long, then->hold_long);
	keep_max(&now->hold_max, then->hold_max);
	keep_max(&now->wait_max, then->wait_max);
	less_holders(now->holders, now->holder_hold, then->holders, then->holder_hold,
		     GD_GIL_HOLDERS);
	less_counts(now->hold_hist, then->hold_hist, GD_HIST_STEPS);
	less_counts(now->wait_hist, then->wait_hist, GD_HIST_STEPS);
}

/* ---- The rest -------------------------------------------------------------------------------- */

static void less_joint(struct gd_joint *now, const struct gd_joint *then)
{
	if (memcmp(&now->key, &then->key, sizeof(now->key)) != 0)
		return;
	less(&now->instants, then->instants);
	less(&now->weight_ns, then->weight_ns);
	less(&now->outside_sum, then->outside_sum);
	less(&now->locked_sum, then->locked_sum);
	less(&now->gil_wait_sum, then->gil_wait_sum);
	less(&now->computing_sum, then->computing_sum);
}

static void less_sample(struct gd_sample *now, const struct gd_sample *then)
{
	if (now->stack != then->stack || now->cause != then->cause || now->address != then->address)
		return;
	less(&now->weight, then->weight);
	less(&now->samples, then->samples);
}

static void less_pipe(struct gd_pipe *now, const struct gd_pipe *then)
{
	if (now->inode != then->inode)
		return;
	less(&now->waits, then->waits);
	less(&now->wait, then->wait);
	less(&now->bytes, then->bytes);
}

static void less_process(struct gd_process *now, const struct gd_process *then)
{
	less_counts(&now->threads_born, &then->threads_born, 1);
	less_each(now->lost, then->lost, GD_LOST_COUNT);
	less(&now->children_cpu_ns, then->children_cpu_ns);
	less(&now->seen_children_cpu_ns, then->seen_children_cpu_ns);
	less(&now->children_reaped, then->children_reaped);
	less(&now->samples, then->samples);
	less(&now->samples_missed, then->samples_missed);
	less(&now->sampler_cpu_ns, then->sampler_cpu_ns);
	less(&now->cpu_ns, then->cpu_ns);
	less(&now->throttled_ns, then->throttled_ns);
}

/* The same row of both files, changed in the one of now. */
#define EACH_ROW(since, kind, type, call)                                                          \
	do {                                                                                       \
		uint32_t count = gd_file_count((since)->then, kind);                               \
                                                                                                   \
		for (uint32_t i = 0; i < count && i < gd_file_count((since)->now, kind); i++) {    \
			struct type row, old;                                                      \
                                                                                                   \
			gd_file_entry((since)->now, kind, i, &row, sizeof(row));                   \
			gd_file_entry((since)->then, kind, i, &old, sizeof(old));                  \
			call;                                                                      \
			put((since)->now, kind, i, &row, sizeof(row));                             \
		}                                                                                  \
	} while (0)

void gd_file_keep_since(struct gd_file *now, struct gd_file *then)
{
	struct since since = { .now = now, .then = then };
	struct gd_process process;
	double ns;

	gd_file_entry(then, GD_SECTION_PROCESS, 0, &process, sizeof(process));
	since.at = process.sampler_pair; /* read as the copy was made */
	ns = (double)since.at.monotonic_ns - (double)process.first.monotonic_ns;
	since.ticks_per_ns = ns > 0 ? (double)(since.at.ticks - process.first.ticks) / ns : 1;
	now->since_ns = since.at.monotonic_ns ? since.at.monotonic_ns : then->header->copied_ns;
	less_ended(&since); /* before less_threads(), which takes more from these rows */
	less_threads(&since);
	EACH_ROW(&since, GD_SECTION_PROCESS, gd_process, less_process(&row, &old));
	EACH_ROW(&since, GD_SECTION_JOINT, gd_joint, less_joint(&row, &old));
	EACH_ROW(&since, GD_SECTION_GILS, gd_gil, less_gil(&row, &old, &since));
	EACH_ROW(&since, GD_SECTION_LOCKS, gd_lock, less_lock(&row, &old));
	EACH_ROW(&since, GD_SECTION_SAMPLES, gd_sample, less_sample(&row, &old));
	EACH_ROW(&since, GD_SECTION_PIPES, gd_pipe, less_pipe(&row, &old));
	for (uint32_t kind = 1; kind < GD_SECTION_COUNT; kind++)
		less(&now->sections[kind].lost, then->sections[kind].lost);
}

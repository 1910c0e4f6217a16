/* SPDX-License-Identifier: MIT */
/* What is booked when a thread takes, drops or waits for a GIL. */
#ifndef GD_BPF_GIL_BOOKS_H
#define GD_BPF_GIL_BOOKS_H

#include "gil_known.h"

#define LONG_NS 100000

/* As the agent's: 8 linear steps per octave; see GD_HIST_STEPS. */
static __always_inline void add_to_hist(__u32 *hist, __u64 ns)
{
	__u32 octave = 0, step;
	__u64 rest = ns;

	for (int shift = 32; shift; shift /= 2)
		if (rest >> shift) {
			rest >>= shift;
			octave += shift;
		}
	step = ns < 8 ? ns : (octave - 2) * 8 + (ns >> (octave - 3 & 63) & 7);
	hist[step < GD_HIST_STEPS ? step : GD_HIST_STEPS - 1]++;
}

/* ---- The events ------------------------------------------------------------------------------ */

/* What those who wait have waited until then, all together. */
static __always_inline __u64 accrued(const struct gd_gil_row *row, __u64 now)
{
	return row->waiting * now - row->arrivals;
}

static __always_inline void end_wait(struct gd_gil_row *row, struct gd_probed_gil_thread *thread,
				     __u64 now)
{
	__u64 waited = now - thread->at.ns;

	row->wait_ns += waited;
	if (!thread->has_waited)
		return;
	thread->has_waited = 0;
	thread->waits++;
	row->waiting--;
	row->arrivals -= thread->at.ns;
	row->waits++;
	if (waited > row->wait_ns_max)
		row->wait_ns_max = waited;
	add_to_hist(row->wait_hist, waited);
}

/*
 * A program's first thread computes before anybody can see it take its GIL: that is Python, too.  What
 * it waited for meanwhile it may have given the GIL back for.
 */
static __always_inline void book_beginning(const struct gd_task *task,
					   const struct gd_gil_watched *image,
					   struct gd_probed_gil_thread *thread,
					   const struct gd_gil_row *row)
{
	struct gd_probed_part then;

	if (!image->is_program || thread->state != GD_PROBED_GIL_NEW || row->takes || row->drops)
		return;
	then = clocks_at(task, image->since_ns, 0);
	thread->hold.ns += then.cpu_ns;
	thread->hold.cpu_ns += then.cpu_ns;
}

static __noinline int take(struct gd_task *task, const struct gd_gil_watched *image, __u64 cond)
{
	struct gd_probed_gil_thread *thread = make_thread(task);
	struct gd_gil_row *row = make_gil(task->image, cond);
	struct gd_probed_part now;

	if (!thread || !row)
		return 0;
	book_beginning(task, image, thread, row);
	now = clocks_of(task);
	if (thread->state == GD_PROBED_GIL_HOLDS) {
		count_gil(
			GD_BPF_GIL_TORN); /* its drop was not seen: how long it held nobody knows */
		thread->state = GD_PROBED_GIL_FREE;
	}
	if (thread->state == GD_PROBED_GIL_WAITS && thread->cond == cond)
		end_wait(row, thread, now.ns);
	enter(thread, GD_PROBED_GIL_HOLDS, cond, &now);
	task->python.gil = GD_AT_GIL_HOLDS;
	thread->takes++;
	row->takes++;
	row->taken_ns = now.ns;
	row->accrued = accrued(row, now.ns);
	return 0;
}

static __always_inline void book_hold(struct gd_gil_row *row, __u64 held)
{
	row->hold_ns += held;
	if (held >= LONG_NS)
		row->hold_long_ns += held;
	if (held > row->hold_ns_max)
		row->hold_ns_max = held;
}

/*
 * Who drops without having been seen to take held it when its process was first watched, or since it
 * was born: nobody else took it meanwhile.  What of that was spent on the CPU is not known exactly.
 */
static __always_inline void hold_since(const struct gd_task *task, __u64 since_ns,
				       struct gd_probed_gil_thread *thread, __u64 cond)
{
	struct gd_probed_part now = clocks_of(task);
	__u64 held;

	if (since_ns < task->sums.born_ns)
		since_ns = task->sums.born_ns;
	held = now.ns > since_ns ? now.ns - since_ns : 0;
	thread->state = GD_PROBED_GIL_HOLDS;
	thread->cond = cond;
	thread->at.ns = now.ns - held;
	thread->at.cpu_ns = now.cpu_ns > held ? now.cpu_ns - held : 0;
	thread->at.queued_ns = now.queued_ns > held ? now.queued_ns - held : 0;
}

/* A free-threaded build that switches its GIL off signals without holding it. */
static __noinline int drop(struct gd_task *task, const struct gd_gil_watched *image, __u64 cond)
{
	struct gd_probed_gil_thread *thread = make_thread(task);
	struct gd_gil_row *row = make_gil(task->image, cond);
	struct gd_probed_part now;

	if (!thread || !row)
		return 0;
	book_beginning(task, image, thread, row);
	if (thread->state == GD_PROBED_GIL_NEW && !row->takes && !row->drops)
		hold_since(task, image->since_ns, thread, cond);
	if (thread->state != GD_PROBED_GIL_HOLDS || thread->cond != cond)
		return 0;
	now = clocks_of(task);
	book_hold(row, now.ns - thread->at.ns);
	if (row->takes)
		add_to_hist(row->hold_hist, now.ns - thread->at.ns);
	thread->blame_ns += accrued(row, now.ns) - row->accrued;
	enter(thread, GD_PROBED_GIL_FREE, 0, &now);
	task->python.gil = GD_AT_GIL_NOT;
	thread->drops++;
	row->drops++;
	row->taken_ns = 0;
	return 0;
}

/* Each time-out of a wait comes here again. */
static __noinline int begin_wait(struct gd_task *task, __u64 cond)
{
	struct gd_probed_gil_thread *thread = make_thread(task);
	struct gd_gil_row *row = make_gil(task->image, cond);
	struct gd_probed_part now;

	if (!thread || !row || thread->state == GD_PROBED_GIL_HOLDS)
		return 0;
	task->python.gil = GD_AT_GIL_WAITS;
	if (thread->state != GD_PROBED_GIL_WAITS) {
		now = clocks_of(task);
		enter(thread, GD_PROBED_GIL_WAITS, cond, &now);
	}
	if (thread->cond == cond && !thread->has_waited) {
		thread->has_waited = 1;
		row->waiting++;
		row->arrivals += thread->at.ns;
	}
	return 0;
}

/* FORCE_SWITCHING: it was made to drop, wants it back, and waits until another one has it. */
static __noinline int begin_yield(struct gd_task *task, __u64 cond)
{
	struct gd_probed_gil_thread *thread = make_thread(task);
	struct gd_probed_part now;

	if (!thread || thread->state != GD_PROBED_GIL_FREE)
		return 0;
	now = clocks_of(task);
	enter(thread, GD_PROBED_GIL_WAITS, cond, &now);
	task->python.gil = GD_AT_GIL_WAITS;
	thread->forced++;
	return 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/* What waits and for whom: lines, locks, the GIL. */
#include "page.h"
#include "place.h"
#include <math.h>

#define LINES_SHOWN 3

/* The lines that wait most: of all threads together, so the sum may exceed the time judged. */
static void print_lines(const struct gd_page *page, const struct gd_judged *judged)
{
	static const unsigned int classes[] = { GD_CLASS_IO_WAIT, GD_CLASS_TIMER_WAIT,
						GD_CLASS_CHILD_WAIT, GD_CLASS_GIL_WAIT,
						GD_CLASS_LOCK_WAIT };
	size_t shown = 0;

	for (size_t i = 0; i < judged->lines.count && shown < LINES_SHOWN; i++) {
		const struct gd_hot *hot = &judged->lines.list[i];
		char place[80], waited[24];
		double s = 0;

		for (size_t k = 0; k < sizeof(classes) / sizeof(classes[0]); k++)
			s += hot->s[classes[k]];
		if (s < 0.001)
			continue;
		gd_place_text(hot->place, page->style->utf8, 40, place, sizeof(place));
		fprintf(page->out, "%s %8s  %-40s  %.21s\n", shown ? "     " : "waits",
			gd_page_time(s, waited), place, gd_page_cause(hot->cause));
		shown++;
	}
}

#define LOCKS_SHOWN 5

/* What the holders' threads did; who computes all the time needs no word. */
static void print_meanwhile(const struct gd_page *page, const struct gd_hold_model *seen)
{
	double known_s = seen->split_s;

	if (!(known_s > 0) || seen->cpu_s >= 0.9 * seen->hold_s)
		return;
	fprintf(page->out, "      meanwhile the holder computed %.0f %%, was blocked %.0f %%",
		100 * seen->cpu_s / known_s, 100 * seen->blocked_s / known_s);
	if (seen->queued_s >= 0.01 * known_s)
		fprintf(page->out, ", had no CPU %.0f %%", 100 * seen->queued_s / known_s);
	if (known_s < 0.9 * seen->hold_s)
		fprintf(page->out, " (of its last %.0f %%)", 100 * known_s / seen->hold_s);
	fputc('\n', page->out);
}

/* A lock that kept threads waiting: not where they wait, but who holds it. */
static void print_lock(const struct gd_page *page, const struct gd_lock_model *lock)
{
	const struct gd_holder_model *worst = gd_locks_holder(lock->holders, lock->holder_count);
	char holder[80] = "unseen", waited[24], held[24];

	if (worst)
		gd_place_text(worst->place, page->style->utf8, 36, holder, sizeof(holder));
	fprintf(page->out, "lock  %8s waited in %llu, ", gd_page_time(lock->wait_s, waited),
		(unsigned long long)lock->waits);
	if (isnan(lock->hold_s))
		fprintf(page->out, "%s %s\n", lock->posted ? "ended by" : "held by", holder);
	else
		fprintf(page->out, "held %s by %s\n", gd_page_time(lock->hold_s, held), holder);
	print_meanwhile(page, &lock->seen);
}

/* The one that the verdict looked at; where all is wanted, those that cost most. */
static void print_locks(const struct gd_page *page, const struct gd_judged *judged)
{
	const struct gd_lock_model *lock = judged->facts.lock;

	if (!page->style->verbose) {
		if (lock && judged->facts.lock_waiters >= 0.05 &&
		    gd_locks_holder(lock->holders, lock->holder_count))
			print_lock(page, lock);
		return;
	}
	for (size_t i = 0; i < judged->locks.count && i < LOCKS_SHOWN; i++)
		print_lock(page, judged->locks.list[i]);
}

/* Who held the GIL while others waited for it, where that is a good part of the time. */
static void print_gil_holder(const struct gd_page *page, const struct gd_gil_model *gil,
			     double judged_s)
{
	const struct gd_holder_model *worst = gd_locks_holder(gil->holders, gil->holder_count);
	char holder[80], waited[24], held[24];

	if (!worst || worst->blame_s < 0.05 * judged_s)
		return;
	gd_place_text(worst->place, page->style->utf8, 36, holder, sizeof(holder));
	fprintf(page->out, "     %s waited while %s held it for %s\n",
		gd_page_time(worst->blame_s, waited), holder, gd_page_time(worst->hold_s, held));
}

static void print_gil(const struct gd_page *page, const struct gd_judged *judged)
{
	const struct gd_process_model *process = judged->process;
	double wall_s = process->end_s - process->start_s;
	char p50[24], p99[24], max[24];

	for (size_t i = 0; i < process->gil_count; i++) {
		const struct gd_gil_model *gil = &process->gils[i];
		double per_s = wall_s > 0 ? (double)gil->takes / wall_s : 0;

		if (!gil->takes || (i && !page->style->verbose))
			continue;
		fprintf(page->out, "GIL: %.*f takes/s; holds p50 %s, p99 %s, longest %s\n",
			per_s < 10 ? 1 : 0, per_s, gd_page_time(gil->hold_p50_s, p50),
			gd_page_time(gil->hold_p99_s, p99), gd_page_time(gil->hold_max_s, max));
		print_gil_holder(page, gil, judged->facts.active_s);
	}
}

void gd_text_lines(const struct gd_page *page, const struct gd_judged *judged)
{
	print_lines(page, judged);
	print_locks(page, judged);
	print_gil(page, judged);
}

/* SPDX-License-Identifier: MIT */
/*
 * Lines.  Everything that is printed was measured or is a fixed word; every name goes through
 * gd_escape_terminal().
 */
#include "text.h"
#include "escape.h"
#include "place.h"
#include "words.h"
#include <base/cleanup.h>
#include <math.h>
#include <string.h>

#define WIDTH 80
#define BAR   20

struct page {
	const struct gd_text_style *style;
	FILE *out;
};

static const char *bold(const struct page *page)
{
	return page->style->color ? "\033[1m" : "";
}

static const char *plain(const struct page *page)
{
	return page->style->color ? "\033[0m" : "";
}

/* Prints text wrapped at WIDTH; every line begins with indent spaces, the first one is begun. */
static void print_wrapped(const struct page *page, const char *text, int indent)
{
	int column = indent;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > indent && column + 1 + (int)word > WIDTH) {
			fprintf(page->out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', page->out);
			column++;
		}
		fprintf(page->out, "%.*s", (int)word, text);
		column += (int)word;
		text += word + strspn(text + word, " ");
	}
	fputc('\n', page->out);
}

static const char *cause_words(unsigned int cause)
{
	static const char *const words[] = {
#define WORDS(name, number, class, text) [number] = text,
		GD_CAUSES(WORDS)
#undef WORDS
	};

	return words[cause];
}

/* "1.23 s", "45 ms", "12 us": three figures. */
static const char *format_s(double s, char buf[24])
{
	if (isnan(s))
		snprintf(buf, 24, "not known");
	else if (s >= 100)
		snprintf(buf, 24, "%.0f s", s);
	else if (s >= 1)
		snprintf(buf, 24, "%.2f s", s);
	else if (s >= 0.001)
		snprintf(buf, 24, "%.3g ms", s * 1e3);
	else
		snprintf(buf, 24, "%.3g us", s * 1e6);
	return buf;
}

/* ---- Verdict and advice ---------------------------------------------------------------------- */

static void print_headline(const struct page *page, const struct gd_judged *judged)
{
	const char *confidence = gd_words_confidence(judged->verdict.confidence);
	char text[160], right[40];
	int gap;

	gd_words_headline(judged, text, sizeof(text));
	snprintf(right, sizeof(right), "confidence %s", confidence);
	gap = WIDTH - (int)strlen(text) - (int)strlen(right); /* words.c leaves room for both */
	gap = gap < 1 ? 1 : gap;
	fprintf(page->out, "%s%s%s%*s%s\n", bold(page), text, plain(page), gap, "", right);
}

static double ceiling_of(const struct gd_ceilings *ceilings, enum gd_action action)
{
	return action == GD_ACTION_THREADS     ? ceilings->threads
	       : action == GD_ACTION_PROCESSES ? ceilings->processes
	       : action == GD_ACTION_ASYNCIO   ? ceilings->asyncio
					       : NAN;
}

/* The line that the advice is about, and what was measured there. */
static void print_where(const struct page *page, const struct gd_judged *judged)
{
	const struct gd_hot *hot = judged->where_hot;
	char place[80], waited[24];

	if (!judged->where)
		return;
	gd_place_text(judged->where, page->style->utf8, 48, place, sizeof(place));
	fprintf(page->out, "   at %s%s%s", bold(page), place, plain(page));
	if (hot)
		fprintf(page->out, ": %s %s", cause_words(hot->cause),
			format_s(hot->s[gd_class_of(hot->cause)], waited));
	else if (judged->is_holder && judged->verdict.advice.action == GD_ACTION_FIX_LOCK)
		fprintf(page->out, ", which holds it");
	else if (judged->is_holder)
		fprintf(page->out, ", which holds the GIL while others want it");
	fputc('\n', page->out);
}

static void print_advice(const struct page *page, const struct gd_analysis *analysis)
{
	const struct gd_judged *judged = analysis->main;
	const struct gd_verdict *verdict = &judged->verdict;
	double ceiling = ceiling_of(&analysis->ceilings, verdict->advice.action);
	char text[200], why[300], other[200];

	gd_words_advice(judged, &verdict->advice, text, sizeof(text));
	if (verdict->advice.workers && ceiling > verdict->advice.workers)
		ceiling = verdict->advice.workers;
	fprintf(page->out, "-> %s%s%s", bold(page), text, plain(page));
	if (isfinite(ceiling) && ceiling > 1.05)
		fprintf(page->out, ".  At most %.*fx", ceiling < 10 ? 1 : 0, ceiling);
	fputc('\n', page->out);
	print_where(page, judged);
	gd_words_why(judged, why, sizeof(why));
	if (*why) {
		fputs("   ", page->out);
		print_wrapped(page, why, 3);
	}
	for (size_t i = 0; i < verdict->alternative_count; i++) {
		gd_words_advice(judged, &verdict->alternatives[i], other, sizeof(other));
		fprintf(page->out, "   or %s\n", other);
		if (!page->style->verbose)
			break;
	}
}

/* ---- Where the time went --------------------------------------------------------------------- */

static void print_share(const struct page *page, const char *what, double share, const char *note)
{
	int bar = (int)lround(fmin(1, fmax(0, share)) * BAR);

	if (share < 0.005 && !page->style->verbose)
		return;
	fprintf(page->out, "  %-26s %3.0f %%%s%.*s%s%s\n", what, 100 * share, bar ? "  " : "", bar,
		"####################", *note ? "  " : "", note);
}

static void print_shares(const struct page *page, const struct gd_judged *judged, double since_s)
{
	const struct gd_facts *f = &judged->facts;
	char watched[24], life[24], active[24], part[60], note[80] = "", line[200];

	snprintf(note, sizeof(note), ", %.0f %% idle", 100 * f->idle);
	if (!isnan(since_s))
		snprintf(part, sizeof(part), "the last %s of %s",
			 format_s(judged->process->end_s - since_s, watched),
			 format_s(judged->process->life_s, life));
	else
		snprintf(part, sizeof(part), "of %s", format_s(judged->process->life_s, life));
	snprintf(line, sizeof(line), "of %s judged (%s%s; %.0f looks at all threads; %.4g CPUs)",
		 format_s(f->active_s, active), part, f->idle >= 0.005 ? note : "", f->instants,
		 f->cpus);
	fputc('\n', page->out);
	print_wrapped(page, line, 0);
	note[0] = 0;
	if (f->running > 1.05)
		snprintf(note, sizeof(note), "%.1f threads at once", f->running);
	if (f->is_python && f->is_gil_known && !f->is_free_threaded) {
		print_share(page, "computing, GIL held", f->computing * f->gil_share, "");
		print_share(page, "computing, GIL free", f->computing * (1 - f->gil_share), note);
	} else {
		print_share(page, "computing", f->computing, note);
	}
	snprintf(note, sizeof(note), "%.1f at once", f->overlap);
	print_share(page, "waiting outside", f->outside, f->outside >= 0.005 ? note : "");
	print_share(page, "sleeping", f->sleeping, "");
	print_share(page, "own timers of a loop", f->loop_timer, "");
	print_share(page, "waiting for a child", f->child, "");
	print_share(page, "off the CPU, unseen", f->unknown, "");
	if (f->gil_waiters >= 0.05)
		fprintf(page->out, "  %-26s %.1f threads on average: computing, not waiting\n",
			"waiting for the GIL", f->gil_waiters);
}

/* ---- What waits, what computes --------------------------------------------------------------- */

#define LINES_SHOWN 3

/* The lines that wait most: of all threads together, so the sum may exceed the time judged. */
static void print_lines(const struct page *page, const struct gd_judged *judged)
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
			format_s(s, waited), place, cause_words(hot->cause));
		shown++;
	}
}

#define LOCKS_SHOWN 5

/* A lock that kept threads waiting: not where they wait, but who holds it. */
static void print_lock(const struct page *page, const struct gd_lock_model *lock)
{
	const struct gd_holder_model *worst = gd_locks_holder(lock->holders, lock->holder_count);
	char holder[80] = "unseen", waited[24], held[24];

	if (worst)
		gd_place_text(worst->place, page->style->utf8, 36, holder, sizeof(holder));
	fprintf(page->out, "lock  %8s waited in %llu, ", format_s(lock->wait_s, waited),
		(unsigned long long)lock->waits);
	if (isnan(lock->hold_s))
		fprintf(page->out, "%s %s\n", lock->posted ? "ended by" : "held by", holder);
	else
		fprintf(page->out, "held %s by %s\n", format_s(lock->hold_s, held), holder);
}

/* The one that the verdict looked at; where all is wanted, those that cost most. */
static void print_locks(const struct page *page, const struct gd_judged *judged)
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
static void print_gil_holder(const struct page *page, const struct gd_gil_model *gil,
			     double judged_s)
{
	const struct gd_holder_model *worst = gd_locks_holder(gil->holders, gil->holder_count);
	char holder[80], waited[24], held[24];

	if (!worst || worst->blame_s < 0.05 * judged_s)
		return;
	gd_place_text(worst->place, page->style->utf8, 36, holder, sizeof(holder));
	fprintf(page->out, "     %s waited while %s held it for %s\n",
		format_s(worst->blame_s, waited), holder, format_s(worst->hold_s, held));
}

static void print_gil(const struct page *page, const struct gd_judged *judged)
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
			per_s < 10 ? 1 : 0, per_s, format_s(gil->hold_p50_s, p50),
			format_s(gil->hold_p99_s, p99), format_s(gil->hold_max_s, max));
		print_gil_holder(page, gil, judged->facts.active_s);
	}
}

/* ---- Evidence and honesty -------------------------------------------------------------------- */

static void print_evidence(const struct page *page, const char *title,
			   const struct gd_reason *reasons, size_t count)
{
	char line[400] = "";

	for (size_t i = 0; i < count; i++) {
		char one[80];

		gd_words_evidence(&reasons[i], one, sizeof(one));
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i ? ", " : "",
			 one);
	}
	if (!count)
		return;
	fprintf(page->out, "%s: ", title);
	print_wrapped(page, line, (int)strlen(title) + 2);
}

/* A line per process that matters, where several are judged as one. */
#define PROCESSES_SHOWN 4
#define MATTERS         0.05 /* of what all did */

static bool is_tree(const struct gd_analysis *analysis)
{
	return analysis->main != analysis->lead;
}

static void print_processes(const struct page *page, const struct gd_analysis *analysis)
{
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < analysis->session->process_count; i++) {
		const struct gd_judged *judged = &analysis->processes[i];
		const struct gd_process_model *process = judged->process;
		gd_autofree char *name =
			gd_escape_terminal(process->script[0] ? process->script : process->command,
					   30, page->style->utf8);
		char cpu[24];

		if (!is_tree(analysis) || analysis->shares[i] < MATTERS)
			continue;
		if (shown == PROCESSES_SHOWN && !page->style->verbose) {
			left++;
			continue;
		}
		fprintf(page->out, "%s %3.0f %%  %-9s %8s CPU  %d %s\n",
			shown ? "         " : "processes", 100 * analysis->shares[i],
			gd_words_class(judged->verdict.class),
			format_s(gd_classes_cpu_s(&judged->classes), cpu), process->pid,
			name ? name : "");
		shown++;
	}
	if (left)
		fprintf(page->out, "          and %zu more (-v)\n", left);
}

static void print_process(const struct page *page, const struct gd_analysis *analysis)
{
	const struct gd_process_model *process = analysis->main->process;
	size_t count = is_tree(analysis) ? analysis->session->process_count : 1;
	size_t small = analysis->session->process_count + analysis->session->short_count - count;
	gd_autofree char *command = gd_escape_terminal(
		process->script[0] ? process->script : process->command, 40, page->style->utf8);
	gd_autofree char *version =
		gd_escape_terminal(process->runtime_version, 16, page->style->utf8);
	char line[400];

	snprintf(line, sizeof(line), "%s", command ? command : "");
	if (process->runtime[0])
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " (Python%s%s, GIL %s)",
			 version && *version ? " " : "", version ? version : "",
			 gd_words_gil(process->gil_state));
	snprintf(line + strlen(line), sizeof(line) - strlen(line), ", %zu process%s", count,
		 count > 1 ? "es" : "");
	if (small)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " and %zu small", small);
	if (!isnan(analysis->overhead))
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "; own cost %.1f %%",
			 100 * analysis->overhead);
	if (!analysis->session->probe)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
			 "; no eBPF probe (gildiag doctor)");
	fputs("watched ", page->out);
	print_wrapped(page, line, 8);
}

/* Two sources that know nothing of each other, side by side. */
static void print_crosscheck(const struct page *page, const struct gd_crosscheck *check)
{
	char ours[24], its[24], queued[24], line[240];
	int n;

	if (!check->was_done)
		return;
	n = snprintf(line, sizeof(line), "%llu switches, %s queued for a CPU",
		     (unsigned long long)check->switches, format_s(check->queued_s, queued));
	if (!isnan(check->apart))
		snprintf(line + n, sizeof(line) - (size_t)n,
			 "; waits %s by it, %s by the agent (%.2f %% apart)",
			 format_s(check->blocked_s + check->delay_s + check->preempted_s, its),
			 format_s(check->agent_wait_s, ours), 100 * check->apart);
	fputs("scheduler: ", page->out);
	print_wrapped(page, line, 11);
}

/* Where it blocked without a wrapper: the longest of what the probe saw. */
static void print_unseen(const struct page *page, const struct gd_process_model *process)
{
	const struct gd_block_model *most = NULL;
	char place[80] = "", blocked[24];

	for (size_t i = 0; i < process->block_count; i++) {
		const struct gd_block_model *block = &process->blocks[i];

		if ((block->cause <= GD_CAUSE_CPU_FREE || block->cause == GD_PROBED_NO_SLOT) &&
		    (!most || block->blocked_s > most->blocked_s))
			most = block;
	}
	if (!most)
		return;
	if (most->stack)
		gd_place_text(most->stack->places[most->stack->count > 1], page->style->utf8, 40,
			      place, sizeof(place));
	fprintf(page->out, "   of it %s in %s%s%s\n", format_s(most->blocked_s, blocked),
		gd_words_system_call(most->object), *place ? " at " : "", place);
}

static void print_probe_doubts(const struct page *page, const struct gd_probe_model *probe)
{
	uint64_t lost = 0;

	for (unsigned int i = 0; probe && i < GD_PROBED_LOST_COUNT; i++)
		lost += i == GD_PROBED_LOST_STACKS ? 0 : probe->lost[i];
	if (lost)
		fprintf(page->out,
			"lost: %llu events of the eBPF probe (gildiag report -f json names them)\n",
			(unsigned long long)lost);
	if (probe && !probe->is_complete)
		fprintf(page->out, "the eBPF probe was killed, or still looks\n");
	if (probe && probe->dropped)
		fprintf(page->out,
			"not followed by the eBPF probe: %llu programs with other rights\n",
			(unsigned long long)probe->dropped);
}

static void print_doubts(const struct page *page, const struct gd_analysis *analysis)
{
	const struct gd_process_model *process = analysis->main->process;
	const struct gd_classes *classes = &analysis->main->classes;
	double total_s = gd_classes_total_s(classes);
	double unseen_s = classes->s[GD_CLASS_UNSEEN];
	uint64_t lost = 0;
	char buf[24];

	for (unsigned int i = 0; i < GD_LOST_COUNT; i++)
		lost += process->lost[i];
	for (unsigned int kind = 1; kind < GD_SECTION_COUNT; kind++)
		if (kind != GD_SECTION_THREADS) /* GD_LOST_THREADS: once each, not once a try */
			lost += process->lost_rows[kind];
	if (unseen_s > 0.05 * total_s)
		fprintf(page->out,
			"unseen: %s of thread time off the CPU where no wrapper stands\n",
			format_s(unseen_s, buf));
	if (unseen_s > 0.05 * total_s)
		print_unseen(page, process);
	print_probe_doubts(page, analysis->session->probe);
	if (lost)
		fprintf(page->out,
			"lost: %llu facts did not fit (gildiag report -f json names them)\n",
			(unsigned long long)lost);
	if (process->has_no_agent)
		fprintf(page->out,
			"no agent: threads' system calls%s only; run it with gildiag run for "
			"more\n",
			process->gil_count ? " and the GIL" : "");
	else if (!process->was_collected)
		fprintf(page->out,
			"no sampler looked: no joint picture, sums of each thread alone\n");
	if (process->flags & GD_FLAG_SECCOMP)
		fprintf(page->out,
			"a seccomp filter: the agent made no system call once it was set\n");
	if (!process->clock_is_tsc)
		fprintf(page->out, "clock: CLOCK_MONOTONIC (the TSC is not to be trusted here)\n");
	if (process->gil_state == GD_GIL_UNKNOWN)
		fprintf(page->out,
			"GIL: unknown in this Python: computing cannot be split by it\n");
	if (!process->is_complete && !process->has_no_agent)
		fprintf(page->out,
			"incomplete: it still ran, or was killed together with the sampler\n");
	if (analysis->unfollowed_cpu_s > 0.05)
		fprintf(page->out, "not followed: children that took %s of CPU\n",
			format_s(analysis->unfollowed_cpu_s, buf));
	if (analysis->session->unreadable)
		fprintf(page->out, "%zu file%s of this recording could not be read\n",
			analysis->session->unreadable,
			analysis->session->unreadable == 1 ? "" : "s");
}

/* ---- More
 * ------------------------------------------------------------------------------------------------
 */

static void print_threads(const struct page *page, const struct gd_process_model *process)
{
	fprintf(page->out, "\nthreads                   life   GIL CPU  free CPU  GIL wait      "
			   "lock       I/O     sleep\n");
	for (size_t i = 0; i < process->thread_count; i++) {
		const struct gd_thread_model *thread = &process->threads[i];
		struct gd_classes classes = gd_classes_of(thread);
		gd_autofree char *name = gd_escape_terminal(thread->name, 12, page->style->utf8);

		fprintf(page->out, "  %-7d %-12s %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f\n",
			thread->tid, name ? name : "", thread->times.life_s,
			classes.s[GD_CLASS_CPU_GIL], classes.s[GD_CLASS_CPU_FREE],
			classes.s[GD_CLASS_GIL_WAIT], classes.s[GD_CLASS_LOCK_WAIT],
			classes.s[GD_CLASS_IO_WAIT], classes.s[GD_CLASS_TIMER_WAIT]);
	}
}

void gd_text_render(const struct gd_analysis *analysis, const struct gd_text_style *style,
		    FILE *out)
{
	const struct page page = { style, out };
	const struct gd_judged *judged = analysis->main;
	const struct gd_verdict *verdict = &judged->verdict;

	print_headline(&page, judged);
	print_advice(&page, analysis);
	print_shares(&page, judged, analysis->session->since_s);
	fputc('\n', out);
	print_lines(&page, judged);
	print_locks(&page, judged);
	print_gil(&page, judged);
	print_evidence(&page, "because", verdict->reasons, verdict->reason_count);
	print_evidence(&page, "ruled out", verdict->ruled_out, verdict->ruled_out_count);
	print_processes(&page, analysis);
	print_process(&page, analysis);
	print_crosscheck(&page, &analysis->crosscheck);
	print_doubts(&page, analysis);
	if (style->verbose)
		print_threads(&page, judged->process);
}

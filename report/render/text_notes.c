/* SPDX-License-Identifier: MIT */
/* Evidence and honesty: why, what was watched, what was not seen. */
#include "escape.h"
#include "page.h"
#include "place.h"
#include "words.h"
#include <base/cleanup.h>
#include <math.h>
#include <string.h>

#define COMPARABLE_S 1e-3 /* of waits: below, how far two sources are apart says nothing */

static void print_evidence(const struct gd_page *page, const char *title,
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
	gd_page_wrap(page, line, (int)strlen(title) + 2);
}

/* A line per process that matters, where several are judged as one. */
#define PROCESSES_SHOWN 4

static bool is_tree(const struct gd_analysis *analysis)
{
	return analysis->main != analysis->lead;
}

static void print_processes(const struct gd_page *page, const struct gd_analysis *analysis)
{
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < analysis->session->process_count; i++) {
		const struct gd_judged *judged = &analysis->processes[i];
		const struct gd_process_model *process = judged->process;
		gd_autofree char *name =
			gd_escape_terminal(process->script[0] ? process->script : process->command,
					   30, page->style->utf8);
		char cpu[24];

		if (!is_tree(analysis) || analysis->shares[i] < GD_ANALYSIS_LITTLE)
			continue;
		if (shown == PROCESSES_SHOWN && !page->style->verbose) {
			left++;
			continue;
		}
		fprintf(page->out, "%s %3.0f %%  %-9s %8s CPU  %d %s\n",
			shown ? "         " : "processes", 100 * analysis->shares[i],
			gd_words_class(judged->verdict.class),
			gd_page_time(gd_classes_cpu_s(&judged->classes), cpu), process->pid,
			name ? name : "");
		shown++;
	}
	if (left)
		fprintf(page->out, "          and %zu more (-v)\n", left);
}

static void print_process(const struct gd_page *page, const struct gd_analysis *analysis)
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
	/* Of a window the probe's file is not asked. */
	if (!analysis->session->probe && isnan(analysis->session->since_s))
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
			 "; no eBPF probe (gildiag doctor)");
	fputs("watched ", page->out);
	gd_page_wrap(page, line, 8);
}

/* Two sources that know nothing of each other, side by side. */
static void print_crosscheck(const struct gd_page *page, const struct gd_crosscheck *check)
{
	double its_wait_s = check->blocked_s + check->delay_s + check->preempted_s;
	char ours[24], its[24], queued[24], line[320];
	int n;

	if (!check->was_done)
		return;
	n = snprintf(line, sizeof(line), "%llu switches, %s queued for a CPU",
		     (unsigned long long)check->switches, gd_page_time(check->queued_s, queued));
	if (!isnan(check->apart))
		n += snprintf(line + n, sizeof(line) - (size_t)n,
			      "; waits %s by it, %s by the agent", gd_page_time(its_wait_s, its),
			      gd_page_time(check->agent_wait_s, ours));
	/* A single wait of some microseconds that found a CPU at once is all of a smaller sum. */
	if (fmax(its_wait_s, check->agent_wait_s) >= COMPARABLE_S)
		snprintf(line + n, sizeof(line) - (size_t)n, " (%.2f %% apart)",
			 100 * check->apart);
	n = (int)strlen(line);
	if (check->agent_holds && !check->sees_holds)
		snprintf(line + n, sizeof(line) - (size_t)n, "; holds by the agent alone");
	else if (check->holds || check->agent_holds)
		snprintf(line + n, sizeof(line) - (size_t)n,
			 "; holds that others waited for %s in %llu by it, %s in %llu by the agent",
			 gd_page_time(check->hold_s, its), (unsigned long long)check->holds,
			 gd_page_time(check->agent_hold_s, ours),
			 (unsigned long long)check->agent_holds);
	fputs("scheduler: ", page->out);
	gd_page_wrap(page, line, 11);
}

/*
 * Where it blocked without a wrapper: the longest of what the probe saw.  What is longer than all
 * that is unseen was explained.
 */
static void print_unseen(const struct gd_page *page, const struct gd_process_model *process,
			 double unseen_s)
{
	const struct gd_block_model *most = NULL;
	char place[80] = "", blocked[24];

	for (size_t i = 0; i < process->block_count; i++) {
		const struct gd_block_model *block = &process->blocks[i];

		if ((block->cause <= GD_CAUSE_CPU_FREE || block->cause == GD_PROBED_NO_SLOT) &&
		    block->blocked_s < 1.001 * unseen_s &&
		    (!most || block->blocked_s > most->blocked_s))
			most = block;
	}
	if (!most)
		return;
	if (most->stack)
		gd_place_text(most->stack->places[most->stack->count > 1], page->style->utf8, 40,
			      place, sizeof(place));
	fprintf(page->out, "   of it %s in %s%s%s\n", gd_page_time(most->blocked_s, blocked),
		gd_words_system_call(most->object), *place ? " at " : "", place);
}

static void print_probe_doubts(const struct gd_page *page, const struct gd_probe_model *probe)
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

static void print_doubts(const struct gd_page *page, const struct gd_analysis *analysis)
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
	if (unseen_s > 0.05 * total_s) {
		fprintf(page->out,
			"unseen: %s of thread time off the CPU where no wrapper stands\n",
			gd_page_time(unseen_s, buf));
		print_unseen(page, process, unseen_s);
	}
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
			gd_page_time(analysis->unfollowed_cpu_s, buf));
	if (analysis->session->unreadable)
		fprintf(page->out, "%zu file%s of this recording could not be read\n",
			analysis->session->unreadable,
			analysis->session->unreadable == 1 ? "" : "s");
}

void gd_text_notes(const struct gd_page *page, const struct gd_analysis *analysis)
{
	const struct gd_verdict *verdict = &analysis->main->verdict;

	print_evidence(page, "because", verdict->reasons, verdict->reason_count);
	print_evidence(page, "ruled out", verdict->ruled_out, verdict->ruled_out_count);
	print_processes(page, analysis);
	print_process(page, analysis);
	print_crosscheck(page, &analysis->crosscheck);
	print_doubts(page, analysis);
}

void gd_text_threads(const struct gd_page *page, const struct gd_process_model *process)
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

/* SPDX-License-Identifier: MIT */
/*
 * The verdict, the advice, where the time went.  Everything that is printed was measured or is a
 * fixed word; every name goes through gd_escape_terminal().
 */
#include "text.h"
#include "page.h"
#include "place.h"
#include "words.h"
#include <math.h>
#include <string.h>

#define BAR 20

/* ---- Verdict and advice ---------------------------------------------------------------------- */

static void print_headline(const struct gd_page *page, const struct gd_judged *judged)
{
	const char *confidence = gd_words_confidence(judged->verdict.confidence);
	char text[160], right[40];
	int gap;

	gd_words_headline(judged, text, sizeof(text));
	snprintf(right, sizeof(right), "confidence %s", confidence);
	gap = GD_PAGE_WIDTH - (int)strlen(text) -
	      (int)strlen(right); /* words.c leaves room for both */
	gap = gap < 1 ? 1 : gap;
	fprintf(page->out, "%s%s%s%*s%s\n", gd_page_bold(page), text, gd_page_plain(page), gap, "",
		right);
}

static double ceiling_of(const struct gd_ceilings *ceilings, enum gd_action action)
{
	return action == GD_ACTION_THREADS     ? ceilings->threads
	       : action == GD_ACTION_PROCESSES ? ceilings->processes
	       : action == GD_ACTION_ASYNCIO   ? ceilings->asyncio
					       : NAN;
}

/* The line that the advice is about, and what was measured there. */
static void print_where(const struct gd_page *page, const struct gd_judged *judged)
{
	const struct gd_hot *hot = judged->where_hot;
	char place[80], waited[24];

	if (!judged->where)
		return;
	gd_place_text(judged->where, page->style->utf8, 48, place, sizeof(place));
	fprintf(page->out, "   at %s%s%s", gd_page_bold(page), place, gd_page_plain(page));
	if (hot)
		fprintf(page->out, ": %s %s", gd_page_cause(hot->cause),
			gd_page_time(hot->s[gd_class_of(hot->cause)], waited));
	else if (judged->is_holder && judged->verdict.advice.action == GD_ACTION_FIX_LOCK)
		fprintf(page->out, ", which holds it");
	else if (judged->is_holder)
		fprintf(page->out, ", which holds the GIL while others want it");
	fputc('\n', page->out);
}

static void print_advice(const struct gd_page *page, const struct gd_analysis *analysis)
{
	const struct gd_judged *judged = analysis->main;
	const struct gd_verdict *verdict = &judged->verdict;
	double ceiling = ceiling_of(&analysis->ceilings, verdict->advice.action);
	char text[200], why[300], other[200];

	gd_words_advice(judged, &verdict->advice, text, sizeof(text));
	if (verdict->advice.workers && ceiling > verdict->advice.workers)
		ceiling = verdict->advice.workers;
	fprintf(page->out, "-> %s%s%s", gd_page_bold(page), text, gd_page_plain(page));
	if (isfinite(ceiling) && ceiling > 1.05)
		fprintf(page->out, ".  At most %.*fx", ceiling < 10 ? 1 : 0, ceiling);
	fputc('\n', page->out);
	print_where(page, judged);
	gd_words_why(judged, why, sizeof(why));
	if (*why) {
		fputs("   ", page->out);
		gd_page_wrap(page, why, 3);
	}
	for (size_t i = 0; i < verdict->alternative_count; i++) {
		gd_words_advice(judged, &verdict->alternatives[i], other, sizeof(other));
		fprintf(page->out, "   or %s\n", other);
		if (!page->style->verbose)
			break;
	}
}

/* ---- Where the time went --------------------------------------------------------------------- */

static void print_share(const struct gd_page *page, const char *what, double share,
			const char *note)
{
	int bar = (int)lround(fmin(1, fmax(0, share)) * BAR);

	if (share < 0.005 && !page->style->verbose)
		return;
	fprintf(page->out, "  %-26s %3.0f %%%s%.*s%s%s\n", what, 100 * share, bar ? "  " : "", bar,
		"####################", *note ? "  " : "", note);
}

static void print_shares(const struct gd_page *page, const struct gd_judged *judged, double since_s)
{
	const struct gd_facts *f = &judged->facts;
	char watched[24], life[24], active[24], part[60], note[80] = "", line[320];
	char looks[48] = "by the scheduler's sums";

	snprintf(note, sizeof(note), ", %.0f %% idle", 100 * f->idle);
	if (!isnan(since_s))
		snprintf(part, sizeof(part), "the last %s of %s",
			 gd_page_time(judged->process->end_s - since_s, watched),
			 gd_page_time(judged->process->life_s, life));
	else
		snprintf(part, sizeof(part), "of %s", gd_page_time(judged->process->life_s, life));
	if (f->has_picture || !f->from_outside)
		snprintf(looks, sizeof(looks), "%.0f looks at all threads", f->instants);
	snprintf(line, sizeof(line), "of %s judged (%s%s; %s; %.4g CPUs)",
		 gd_page_time(f->active_s, active), part, f->idle >= 0.005 ? note : "", looks,
		 f->cpus);
	fputc('\n', page->out);
	gd_page_wrap(page, line, 0);
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

/* ---- Together -------------------------------------------------------------------------------- */

void gd_text_render(const struct gd_analysis *analysis, const struct gd_text_style *style,
		    FILE *out)
{
	const struct gd_page page = { style, out };
	const struct gd_judged *judged = analysis->main;

	print_headline(&page, judged);
	print_advice(&page, analysis);
	print_shares(&page, judged, analysis->session->since_s);
	fputc('\n', out);
	gd_text_lines(&page, judged);
	gd_text_notes(&page, analysis);
	if (style->verbose)
		gd_text_threads(&page, judged->process);
}

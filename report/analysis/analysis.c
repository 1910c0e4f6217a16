/* SPDX-License-Identifier: MIT */
/*
 * Which process speaks for the session: the one that did most, by the time that its threads
 * computed or waited outside.  A launcher does neither; where none did more than a little, the
 * first one.
 */
#include "analysis.h"
#include <errno.h>
#include <math.h>

#define LITTLE 0.05 /* of the time that a process lived */

static double did_s(const struct gd_judged *judged)
{
	return gd_classes_cpu_s(&judged->classes) + judged->classes.s[GD_CLASS_IO_WAIT] +
	       judged->classes.s[GD_CLASS_TIMER_WAIT] + judged->classes.s[GD_CLASS_NO_CPU];
}

/* The line that the advice is about: where it waits, or who holds the lock. */
static void find_where(struct gd_judged *judged)
{
	const struct gd_facts *f = &judged->facts;
	unsigned int class = f->sleeping > f->outside ? GD_CLASS_TIMER_WAIT : GD_CLASS_IO_WAIT;

	switch (judged->verdict.advice.action) {
	case GD_ACTION_FIX_LOCK:
		if (f->lock && f->lock->holder_count)
			judged->where = f->lock->holders[0].place;
		return;
	case GD_ACTION_PROCESSES:
		if (judged->verdict.class == GD_VERDICT_COMPUTING)
			class = GD_CLASS_GIL_WAIT; /* threads that fight for it name what they ran */
		break;
	case GD_ACTION_THREADS:
	case GD_ACTION_ASYNCIO:
	case GD_ACTION_FREE_GIL:
	case GD_ACTION_FIX_IO:
	case GD_ACTION_FIX_SPIN:
		break;
	case GD_ACTION_LOOK_IN_CHILD:
		class = GD_CLASS_CHILD_WAIT;
		break;
	case GD_ACTION_CANNOT_SAY:
	case GD_ACTION_LEAVE:
	case GD_ACTION_FEWER_WORKERS:
	case GD_ACTION_MORE_CPU:
		return;
	}
	judged->where_hot = gd_hot_of_class(&judged->lines, class);
	judged->where = judged->where_hot ? judged->where_hot->place : NULL;
}

int gd_analyse(const struct gd_session_model *session, struct gd_analysis *ret_analysis)
{
	struct gd_analysis analysis = {.session = session, .overhead = NAN};
	double watched_s;

	analysis.processes =
		gd_pool_alloc(session->pool, session->process_count, sizeof(*analysis.processes));
	if (!analysis.processes)
		return -ENOMEM;
	for (size_t i = 0; i < session->process_count; i++) {
		struct gd_judged *judged = &analysis.processes[i];

		judged->process = &session->processes[i];
		judged->classes = gd_classes_of_process(judged->process);
		judged->facts = gd_facts_gather(judged->process);
		judged->verdict = gd_verdict_judge(&judged->facts);
		if (gd_hot_lines(judged->process, session->pool, &judged->lines) ||
		    gd_hot_functions(judged->process, session->pool, &judged->functions))
			return -ENOMEM;
		find_where(judged);
		if (!analysis.main ||
		    did_s(judged) > did_s(analysis.main) + LITTLE * (judged->process->end_s -
								     judged->process->start_s))
			analysis.main = judged;
	}
	analysis.ceilings = gd_verdict_ceilings(&analysis.main->facts);
	watched_s = analysis.main->process->end_s - analysis.main->process->start_s;
	if (analysis.main->process->was_collected && watched_s > 0)
		analysis.overhead = analysis.main->process->sampler_cpu_s / watched_s;
	*ret_analysis = analysis;
	return 0;
}

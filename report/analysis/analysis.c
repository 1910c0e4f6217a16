/* SPDX-License-Identifier: MIT */
/*
 * What the verdict speaks of: the only process that did anything, or all that did as one.
 */
#include "analysis.h"
#include <errno.h>
#include <math.h>

static double did_s(const struct gd_judged *judged)
{
	return gd_classes_cpu_s(&judged->classes) + judged->classes.s[GD_CLASS_IO_WAIT] +
	       judged->classes.s[GD_CLASS_TIMER_WAIT] + judged->classes.s[GD_CLASS_NO_CPU];
}

#define WORTH_NAMING 0.05 /* of the judged time */

static bool names_gil_holder(const struct gd_judged *judged)
{
	const struct gd_verdict *verdict = &judged->verdict;

	return verdict->advice.action == GD_ACTION_FREE_GIL ||
	       (verdict->advice.action == GD_ACTION_PROCESSES &&
		verdict->class == GD_VERDICT_COMPUTING &&
		judged->facts.gil_waiters >= WORTH_NAMING);
}

/* Who holds what the others wait for, if it was seen. */
static const struct gd_place *find_holder(const struct gd_judged *judged)
{
	const struct gd_process_model *process = judged->process;
	const struct gd_lock_model *lock = judged->facts.lock;
	const struct gd_holder_model *holder = NULL;

	if (judged->verdict.advice.action == GD_ACTION_FIX_LOCK && lock)
		holder = gd_locks_holder(lock->holders, lock->holder_count);
	if (names_gil_holder(judged) && process->gil_count)
		holder = gd_locks_holder(process->gils[0].holders, process->gils[0].holder_count);
	return holder ? holder->place : NULL;
}

/*
 * Where it waits.  Of a child without source, the line that waits for that child says more than an
 * address in it.
 */
static const struct gd_hot *find_wait(const struct gd_judged *judged, unsigned int class)
{
	double least_s = WORTH_NAMING * judged->facts.active_s;
	const struct gd_hot *hot = gd_hot_of_class(&judged->lines, class, least_s);
	const struct gd_hot *parent = gd_hot_of_class(&judged->lines, GD_CLASS_CHILD_WAIT, least_s);

	return parent && *parent->place->file && (!hot || !*hot->place->file) ? parent : hot;
}

/* Where a pool's results are awaited, or what comes through a pipe. */
static const struct gd_hot *find_pool(const struct gd_judged *judged)
{
	double least_s = WORTH_NAMING * judged->facts.active_s;
	const struct gd_hot *lock = gd_hot_of_class(&judged->lines, GD_CLASS_LOCK_WAIT, least_s);
	const struct gd_hot *pipe = gd_hot_of_class(&judged->lines, GD_CLASS_IO_WAIT, least_s);

	if (!lock || !pipe)
		return lock ? lock : pipe;
	return lock->place->is_library <= pipe->place->is_library ? lock : pipe;
}

/* The line that the advice is about: where it waits, or who holds the lock. */
static void find_where(struct gd_judged *judged)
{
	const struct gd_facts *f = &judged->facts;
	unsigned int class = f->sleeping > f->outside ? GD_CLASS_TIMER_WAIT : GD_CLASS_IO_WAIT;

	judged->where = find_holder(judged);
	judged->is_holder = judged->where != NULL;
	if (judged->is_holder)
		return;
	switch (judged->verdict.advice.action) {
	case GD_ACTION_FIX_LOCK:
		judged->where = f->lock->place;
		return;
	case GD_ACTION_PROCESSES:
		if (judged->verdict.class != GD_VERDICT_COMPUTING)
			break;
		return; /* whom the others waited for, if they did */
	case GD_ACTION_RAISE_LIMIT:
		class = GD_CLASS_LOCK_WAIT;
		break;
	case GD_ACTION_THREADS:
		if (judged->verdict.class == GD_VERDICT_COMPUTING)
			return; /* not what waits is to be changed */
		break;
	case GD_ACTION_LARGER_TASKS:
	case GD_ACTION_FIX_MEMORY:
		judged->where_hot = find_pool(judged);
		judged->where = judged->where_hot ? judged->where_hot->place : NULL;
		return;
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
	judged->where_hot = find_wait(judged, class);
	judged->where = judged->where_hot ? judged->where_hot->place : NULL;
}

/* ---- Children that nobody followed ----------------------------------------------------------- */

static bool is_followed(const struct gd_session_model *session, int32_t pid)
{
	for (size_t i = 0; i < session->process_count; i++)
		if (session->processes[i].pid == pid)
			return true;
	for (size_t i = 0; i < session->short_count; i++)
		if (session->shorts[i].pid == pid)
			return true;
	return false;
}

/*
 * The kernel counts for each process what the children took that it waited for, and theirs; less
 * what followed ones took, it is what nobody saw.  Who becomes another program is followed to its
 * end only if that program is.
 */
static void count_unfollowed(const struct gd_session_model *session, struct gd_analysis *analysis)
{
	double children_s = 0, followed_s = 0;
	uint64_t reaped = 0, followed = 0;

	/* The kernel adds a child's whole life when it ends, what was before a window included. */
	if (!isnan(session->since_s))
		return;

	for (size_t i = 0; i < session->process_count; i++) {
		const struct gd_process_model *process = &session->processes[i];

		reaped += process->children_reaped;
		if (is_followed(session, process->ppid)) {
			followed += !process->became_another;
			followed_s += gd_classes_cpu_s(&analysis->processes[i].classes);
		} else {
			children_s = fmax(children_s, process->children_cpu_s);
		}
	}
	for (size_t i = 0; i < session->short_count; i++) {
		const struct gd_short_model *one = &session->shorts[i];

		reaped += one->children_reaped;
		if (is_followed(session, one->ppid)) {
			followed += !one->became_another;
			followed_s += one->cpu_s;
		} else {
			children_s = fmax(children_s, one->children_cpu_s);
		}
	}
	/* The kernel's figure may be in steps of 10 ms. */
	analysis->unfollowed_cpu_s = fmax(0, children_s - followed_s - 0.02);
	analysis->unfollowed = reaped > followed ? reaped - followed : 0;
}

/* ---- Together -------------------------------------------------------------------------------- */

static int judge(const struct gd_process_model *process, bool is_tree, double unfollowed_cpu_s,
		 struct gd_pool *pool, struct gd_judged *judged)
{
	judged->process = process;
	judged->classes = gd_classes_of_process(process);
	judged->facts = gd_facts_gather(process, is_tree, unfollowed_cpu_s);
	judged->verdict = gd_verdict_judge(&judged->facts);
	if (gd_hot_lines(process, pool, &judged->lines) ||
	    gd_hot_functions(process, pool, &judged->functions) ||
	    gd_locks_rank(process, pool, &judged->locks))
		return -ENOMEM;
	find_where(judged);
	return 0;
}

/* Several processes matter: they are judged as one. */
static int judge_tree(const struct gd_session_model *session, struct gd_analysis *analysis)
{
	struct gd_process_model *merged = gd_pool_alloc(session->pool, 1, sizeof(*merged));
	struct gd_judged *judged = gd_pool_alloc(session->pool, 1, sizeof(*judged));

	if (!merged || !judged || gd_merge(session, analysis->lead->process, merged))
		return -ENOMEM;
	analysis->main = judged;
	return judge(merged, true, analysis->unfollowed_cpu_s, session->pool, judged);
}

static int judge_all(const struct gd_session_model *session, struct gd_analysis *analysis)
{
	double all_s = 0;

	for (size_t i = 0; i < session->process_count; i++) {
		struct gd_judged *judged = &analysis->processes[i];
		const struct gd_process_model *process = &session->processes[i];

		if (judge(process, false, 0, session->pool, judged))
			return -ENOMEM;
		all_s += did_s(judged);
		if (!analysis->lead ||
		    did_s(judged) > did_s(analysis->lead) + GD_ANALYSIS_LITTLE * (process->end_s -
										  process->start_s))
			analysis->lead = judged;
	}
	for (size_t i = 0; i < session->process_count; i++)
		analysis->shares[i] = all_s > 0 ? did_s(&analysis->processes[i]) / all_s : 0;
	return 0;
}

/*
 * One process did nearly everything.  From outside all were looked at together only: what was seen
 * at once was then this one's.
 */
static int judge_lead(const struct gd_session_model *session, struct gd_analysis *analysis)
{
	struct gd_judged *lead = &analysis->processes[analysis->lead - analysis->processes];
	const struct gd_process_model *process = lead->process;
	struct gd_process_model *pictured;

	if (process->has_no_agent && session->tree) {
		pictured = gd_pool_alloc(session->pool, 1, sizeof(*pictured));
		if (!pictured)
			return -ENOMEM;
		*pictured = *process;
		pictured->has_family = session->process_count > 1;
		pictured->joints = session->tree->joints;
		pictured->joint_count = session->tree->joint_count;
		pictured->samples = session->tree->samples;
		process = pictured;
	}
	return judge(process, false, analysis->unfollowed_cpu_s, session->pool, lead);
}

int gd_analyse(const struct gd_session_model *session, struct gd_analysis *ret_analysis)
{
	struct gd_analysis analysis = { .session = session, .overhead = NAN };
	size_t count = session->process_count;
	double watched_s;
	int err;

	analysis.processes = gd_pool_alloc(session->pool, count, sizeof(*analysis.processes));
	analysis.shares = gd_pool_alloc(session->pool, count, sizeof(*analysis.shares));
	if (!analysis.processes || !analysis.shares)
		return -ENOMEM;
	err = judge_all(session, &analysis);
	if (err)
		return err;
	count_unfollowed(session, &analysis);
	analysis.main = analysis.lead;
	if (analysis.shares[analysis.lead - analysis.processes] < 1 - GD_ANALYSIS_LITTLE)
		err = judge_tree(session, &analysis);
	else
		err = judge_lead(session, &analysis);
	if (err)
		return err;
	analysis.crosscheck = gd_crosscheck(session);
	analysis.ceilings = gd_ceilings_find(&analysis.main->facts);
	watched_s = analysis.main->process->end_s - analysis.main->process->start_s;
	if (analysis.main->process->was_collected && watched_s > 0)
		analysis.overhead = analysis.main->process->sampler_cpu_s / watched_s;
	*ret_analysis = analysis;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* From the rule that holds to what is said. */
#include "confidence.h"
#include "rules.h"
#include <math.h>

/* Worth saying that it was looked for and not found, when it plays no part in the reason. */
static const uint32_t ruled_out_of_class[] = {
	[GD_VERDICT_UNKNOWN] = 0,
	[GD_VERDICT_IDLE] = 0, /* the other shares are of the little that was not idle */
	[GD_VERDICT_WAITING] = GD_EV(COMPUTING) | GD_EV(LOCK) | GD_EV(STARVED) | GD_EV(HELD_WAITS),
	[GD_VERDICT_COMPUTING] = GD_EV(WAITING) | GD_EV(LOCK) | GD_EV(STARVED),
	[GD_VERDICT_MIXED] = GD_EV(LOCK) | GD_EV(STARVED),
};

double gd_verdict_value(const struct gd_facts *f, enum gd_evidence evidence)
{
	switch (evidence) {
	case GD_EVIDENCE_COMPUTING:
		return f->computing;
	case GD_EVIDENCE_WAITING:
		return gd_rules_waiting(f);
	case GD_EVIDENCE_GIL_SHARE:
		return f->gil_share;
	case GD_EVIDENCE_RUNNING:
		return f->running;
	case GD_EVIDENCE_OVERLAP:
		return f->overlap;
	case GD_EVIDENCE_SLEEPING:
		return f->sleeping;
	case GD_EVIDENCE_LOOP_TIMER:
		return f->loop_timer;
	case GD_EVIDENCE_CHILD:
		return f->child;
	case GD_EVIDENCE_FILES:
		return f->files;
	case GD_EVIDENCE_STREAM:
		return f->stream;
	case GD_EVIDENCE_LIMITED:
		return f->contenders_wait;
	case GD_EVIDENCE_STARVED:
		return f->starved;
	case GD_EVIDENCE_LOCK:
		return f->lock_waiters;
	case GD_EVIDENCE_HELD_WAITS:
		return f->held_waits;
	case GD_EVIDENCE_IDLE:
		return f->idle;
	case GD_EVIDENCE_UNSEEN:
		return f->unknown;
	case GD_EVIDENCE_INSTANTS:
		return f->instants;
	case GD_EVIDENCE_YIELDS:
		return f->yields_per_s;
	case GD_EVIDENCE_CPUS:
		return f->cpus;
	case GD_EVIDENCE_PIPE_CALLS:
		return f->cpu_per_pipe_call_s;
	case GD_EVIDENCE_PIPE_BYTES:
		return f->pipe_bytes_per_cpu_s;
	case GD_EVIDENCE_PROCESSES:
		return f->outside_processes;
	case GD_EVIDENCE_UNFOLLOWED:
		return f->unfollowed;
	case GD_EVIDENCE_IN_FUTEX:
		return f->in_futex;
	case GD_EVIDENCE_COUNT:
		break;
	}
	return NAN;
}

/* On one CPU no model of concurrency makes computing faster. */
static enum gd_action on_these_cpus(const struct gd_facts *f, enum gd_action action)
{
	if (gd_rules_class(f) == GD_VERDICT_COMPUTING && f->cpus < 1.5 &&
	    (action == GD_ACTION_THREADS || action == GD_ACTION_PROCESSES))
		return GD_ACTION_LEAVE;
	return action;
}

static unsigned int workers_for(const struct gd_facts *f, enum gd_action action)
{
	unsigned int cpus = f->cpus < 1 ? 1 : (unsigned int)f->cpus;

	switch (action) {
	case GD_ACTION_PROCESSES:
	case GD_ACTION_FEWER_WORKERS:
		return cpus;
	case GD_ACTION_THREADS:
		if (gd_rules_class(f) == GD_VERDICT_COMPUTING)
			return cpus;
		if (gd_rules_wait_in_processes(f))
			return (unsigned int)lround(f->overlap);
		return (unsigned int)fmax(2, fmin(32, floor(gd_rules_useful_concurrency(f))));
	case GD_ACTION_CANNOT_SAY:
	case GD_ACTION_LEAVE:
	case GD_ACTION_ASYNCIO:
	case GD_ACTION_FIX_LOCK:
	case GD_ACTION_FREE_GIL:
	case GD_ACTION_MORE_CPU:
	case GD_ACTION_LOOK_IN_CHILD:
	case GD_ACTION_FIX_IO:
	case GD_ACTION_FIX_SPIN:
	case GD_ACTION_LARGER_TASKS:
	case GD_ACTION_FIX_MEMORY:
	case GD_ACTION_RAISE_LIMIT:
		break;
	}
	return 0;
}

static size_t list(const struct gd_facts *facts, uint32_t set, struct gd_reason *ret_list)
{
	size_t count = 0;

	for (unsigned int i = 0; i < GD_EVIDENCE_COUNT && count < GD_REASONS_MAX; i++)
		if (set & (1u << i))
			ret_list[count++] = (struct gd_reason){ (enum gd_evidence)i,
								gd_verdict_value(facts, i) };
	return count;
}

/* Waits that overlap already may overlap more, if there is room and threads are what does it. */
bool gd_verdict_has_room(const struct gd_facts *f)
{
	return f->looped < 0.5 && fmin(32, gd_rules_useful_concurrency(f)) >= 2 * f->overlap;
}

/* Is this an alternative to the first choice? */
static bool is_open(const struct gd_facts *f, enum gd_action first, enum gd_action action)
{
	if (action == first || (action == GD_ACTION_ASYNCIO && !f->is_python))
		return false;
	return first != GD_ACTION_LEAVE || action != GD_ACTION_THREADS ||
	       gd_rules_class(f) != GD_VERDICT_WAITING || gd_verdict_has_room(f);
}

struct gd_verdict gd_verdict_judge(const struct gd_facts *facts)
{
	const struct gd_rule *rule = gd_rules_find(facts);
	struct gd_verdict verdict = {
		.class = rule->action == GD_ACTION_CANNOT_SAY ? GD_VERDICT_UNKNOWN
							      : gd_rules_class(facts),
		.confidence = gd_confidence_judge(facts),
		.rule = rule->name,
		.advice.action = on_these_cpus(facts, rule->action),
	};
	uint32_t ruled_out = ruled_out_of_class[verdict.class] & ~rule->reasons;

	verdict.advice.workers = workers_for(facts, verdict.advice.action);
	for (unsigned int i = 0; i < 3 && rule->alternatives[i] != GD_ACTION_CANNOT_SAY; i++) {
		enum gd_action action = rule->alternatives[i];

		if (!is_open(facts, verdict.advice.action, action))
			continue;
		verdict.alternatives[verdict.alternative_count++] =
			(struct gd_advice){ action, workers_for(facts, action) };
	}
	verdict.reason_count = list(facts, rule->reasons, verdict.reasons);
	verdict.ruled_out_count = list(facts, ruled_out, verdict.ruled_out);
	return verdict;
}

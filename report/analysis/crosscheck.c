/* SPDX-License-Identifier: MIT */
/* Sums only; what they mean is for the reader of the report. */
#include "crosscheck.h"
#include "classes.h"
#include <math.h>

static bool is_wait(unsigned int cause)
{
	return cause != GD_CAUSE_CPU_GIL && cause != GD_CAUSE_CPU_FREE && cause < GD_CAUSE_COUNT;
}

static void add_agent(const struct gd_process_model *process, struct gd_crosscheck *check)
{
	for (size_t i = 0; i < process->thread_count; i++) {
		const struct gd_times *times = &process->threads[i].times;

		check->agent_cpu_s += times->cpu_s;
		for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
			if (is_wait(cause))
				check->agent_wait_s +=
					fmax(0, times->cause_s[cause] - times->cpu_in_s[cause]);
	}
}

static void add_scheduler(const struct gd_scheduled *scheduled, struct gd_crosscheck *check)
{
	check->on_cpu_s += scheduled->on_cpu_s;
	check->switches += scheduled->switches;
	check->slots_read += scheduled->slots_read;
	for (unsigned int cause = 0; cause < GD_CAUSE_MAX; cause++) {
		check->queued_s += scheduled->delay_s[cause] + scheduled->preempted_s[cause];
		if (cause == GD_PROBED_NO_SLOT)
			check->no_slot_s += scheduled->blocked_s[cause] +
					    scheduled->delay_s[cause] +
					    scheduled->preempted_s[cause];
		if (!is_wait(cause))
			continue;
		check->blocked_s += scheduled->blocked_s[cause];
		check->delay_s += scheduled->delay_s[cause];
		check->preempted_s += scheduled->preempted_s[cause];
	}
}

static void add_holds(const struct gd_process_model *process, struct gd_crosscheck *check)
{
	for (size_t i = 0; i < process->lock_count; i++) {
		const struct gd_lock_model *lock = &process->locks[i];

		check->agent_holds += lock->released - lock->unbounded;
		check->agent_hold_s += isnan(lock->hold_s) ? 0 : lock->hold_s;
		check->holds += lock->seen.holds;
		check->hold_s += lock->seen.hold_s;
	}
}

struct gd_crosscheck gd_crosscheck(const struct gd_session_model *session)
{
	struct gd_crosscheck check = { .apart = NAN,
				       .sees_holds = session->probe && session->probe->sees_holds };
	double scheduler_s, longer_s;

	for (size_t i = 0; i < session->process_count; i++) {
		if (!session->processes[i].scheduled || session->processes[i].has_no_agent)
			continue;
		check.was_done = true;
		add_agent(&session->processes[i], &check);
		add_scheduler(session->processes[i].scheduled, &check);
		add_holds(&session->processes[i], &check);
	}
	scheduler_s = check.blocked_s + check.delay_s + check.preempted_s;
	longer_s = fmax(scheduler_s, check.agent_wait_s);
	if (longer_s > 0)
		check.apart = fabs(scheduler_s - check.agent_wait_s) / longer_s;
	return check;
}

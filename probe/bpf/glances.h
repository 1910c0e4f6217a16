/* SPDX-License-Identifier: MIT */
/*
 * What a thread did at an instant that has just passed: when its looker got a CPU depends on what it
 * looks at, and who was preempted by him would seem to wait for one.  Plain C, for the tests.
 */
#ifndef GD_BPF_GLANCES_H
#define GD_BPF_GLANCES_H

#include "shared.h"

#define WAKING_NS                                                                                  \
	500000 /* the scheduler's slices are longer, what wakes a virtual CPU is shorter */

/*
 * Off the CPU at that instant?  What it does now is a fair look at who changed more than once since;
 * what it did before its last change is mostly the brief.
 */
static inline _Bool was_off(const struct gd_task *rec, uint64_t instant_ns)
{
	if (rec->on_ns)
		return rec->came_ns > instant_ns && rec->left_ns <= instant_ns;
	return rec->left_ns <= instant_ns || rec->came_ns > instant_ns;
}

/*
 * Who was woken is on its way to a CPU for a moment, all the more where one must be woken, too: that
 * is part of its wait.  Kept waiting is who stays there for longer, or was preempted.
 */
static inline uint8_t does_at(const struct gd_task *rec, uint64_t instant_ns)
{
	if (!was_off(rec, instant_ns))
		return GD_DOES_RUN;
	return !rec->state || (rec->woken_ns && rec->woken_ns + WAKING_NS <= instant_ns)
		       ? GD_DOES_QUEUE
		       : GD_DOES_BLOCK;
}

/*
 * False: it was not there.  is_on_cpu: now, by the kernel itself, which does not show all switches
 * (see mend() in switches.h).
 */
static inline _Bool glance_at(const struct gd_task *rec, _Bool is_on_cpu, uint64_t instant_ns,
			      struct gd_glance *ret_glance)
{
	if (rec->sums.born_ns > instant_ns || rec->sums.ended_ns)
		return 0;
	*ret_glance =
		(struct gd_glance){ .image = rec->image,
				    .tid = rec->tid,
				    .does = is_on_cpu && !rec->on_ns ? GD_DOES_RUN
								     : does_at(rec, instant_ns),
				    .cause = gd_has_no_wrapper(rec) ? rec->explained : rec->cause,
				    .gil = rec->python.gil,
				    .set = gd_has_no_wrapper(rec) ? rec->set : 0,
				    .operations = rec->operations < 255 ? rec->operations : 255 };
	return 1;
}

#endif

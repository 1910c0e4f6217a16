/* SPDX-License-Identifier: MIT */
/*
 * What a wait on several descriptors at once is for, which event loops wait on.  Whether an answer is
 * really expected, and what a loop waits for whose connections are quiet, nobody can see; how its last
 * waits of that kind ended can be seen.
 */
#ifndef GD_BPF_LOOPS_H
#define GD_BPF_LOOPS_H

#include "descriptors.h"
#include "shared.h"

#define AS_BEFORE    2         /* waits that ended alike tell what the next one is for */
#define IN_VAIN      4         /* waits that ended otherwise while an answer was outstanding, */
#define IN_VAIN_FROM 300000000 /* ns since the last answer: none is meant to come */

/* How the last waits ended, in which connections were quiet; or an answer was outstanding. */
static __always_inline void note_end(struct gd_task_wait *wait, _Bool had_event, _Bool was_client,
				     __u64 now)
{
	if (wait->was == GD_WAS_ASKING && was_client) {
		wait->in_vain = 0;
		wait->answered_ns = now;
	} else if (wait->was == GD_WAS_ASKING) {
		wait->in_vain += wait->in_vain < 255;
	} else if (wait->was == GD_WAS_QUIET) {
		wait->timed = had_event ? 0 : wait->timed + (wait->timed < 255);
		wait->answered = was_client ? wait->answered + (wait->answered < 255) : 0;
	}
	wait->was = GD_WAS_ELSE;
}

/* Something was told last, and answers to such come; to a push of metrics there is none. */
static __always_inline _Bool are_answers_meant(const struct gd_task_wait *wait, __u64 now)
{
	return wait->answered_ns &&
	       (wait->in_vain < IN_VAIN || now - wait->answered_ns < IN_VAIN_FROM);
}

/* Nothing is outstanding on connections that are kept, or an answer is in the midst of coming. */
static __always_inline __u8 cause_of_quiet(const struct gd_task_wait *wait, _Bool ends)
{
	if (wait->answered >= AS_BEFORE)
		return GD_CAUSE_POLL;
	return wait->timed >= AS_BEFORE && ends ? GD_CAUSE_LOOP_TIMER : GD_CAUSE_OTHER;
}

/*
 * Answers that are outstanding decide; then who may be anything; then servers, who wait for clients
 * whatever else they wait for; then what is left.
 */
static __always_inline void decide_loop(struct gd_task_wait *wait, const struct descriptors *found,
					_Bool ends, __u64 now)
{
	const __u32 *roles = found->roles;
	_Bool is_any = found->is_cut || roles[GD_ROLE_UNKNOWN] || roles[GD_ROLE_CLIENT] ||
		       roles[GD_ROLE_EPOLL] || roles[GD_ROLE_FILE] || roles[GD_ROLE_TIMER] ||
		       roles[GD_ROLE_CHILD] || roles[GD_ROLE_TTY];
	__u32 asking = roles[GD_ROLE_ASKING];

	wait->was = asking ? GD_WAS_ASKING : roles[GD_ROLE_QUIET] ? GD_WAS_QUIET : GD_WAS_ELSE;
	wait->cause = GD_CAUSE_OTHER;
	if (asking && !found->is_cut && are_answers_meant(wait, now)) {
		wait->cause = GD_CAUSE_POLL;
		wait->operations = asking;
	} else if (!asking && !is_any) {
		if (roles[GD_ROLE_LISTENER] || roles[GD_ROLE_ACCEPTED])
			wait->cause = GD_CAUSE_SERVE;
		else if (roles[GD_ROLE_QUIET])
			wait->cause = cause_of_quiet(wait, ends);
		else if (!roles[GD_ROLE_SHARED])
			wait->cause = ends                 ? GD_CAUSE_LOOP_TIMER
				      : roles[GD_ROLE_OWN] ? GD_CAUSE_INTERNAL
							   : GD_CAUSE_SIGNAL;
	}
}

/* Its wait is over: what for shows in who is ready. */
static __always_inline void end_wait(struct gd_task *rec, __u64 now)
{
	struct descriptors *found = descriptors_of(OWN_LOOK);
	struct visitor visitor = { found, 0, 0 };
	const __u32 *roles;
	__u32 ready = 0;

	if (!found || rec->wait.was == GD_WAS_ELSE)
		return;
	__builtin_memset(found->roles, 0, sizeof(found->roles));
	look_at_ready(&visitor, (struct eventpoll *)rec->wait.set);
	roles = found->roles;
	for (int role = 0; role < ROLES; role++)
		ready += roles[role];
	note_end(&rec->wait, ready != 0, has_clients(roles), now);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a thread waits for that is blocked without a wrapper: by its system call, and by what stands
 * behind the descriptors that it waits on.  What these do not tell is GD_CAUSE_OTHER: nobody knows.
 */
#ifndef GD_BPF_WAITS_H
#define GD_BPF_WAITS_H

#include "arch_x86_64.h"
#include "loops.h"

/* Descriptors are looked at; else the verifier, which takes 20 ms for that, never sees it. */
const volatile _Bool gd_has_roles;

#define SHARE      64      /* of a CPU's time looking may take one of so many parts, */
#define CREDIT_MAX 500000  /* ns, and what it did not take before */
#define KEPT_NS    5000000 /* one descriptor stays what it is for so long */

/* One descriptor that is read, or written to. */
static __always_inline __u8 cause_of_one(const __u32 *roles, _Bool is_input)
{
	if (roles[GD_ROLE_FILE])
		return GD_CAUSE_FILE;
	if (roles[GD_ROLE_OWN])
		return GD_CAUSE_INTERNAL;
	if (roles[GD_ROLE_LISTENER])
		return is_input ? GD_CAUSE_ACCEPT : GD_CAUSE_SEND;
	if (roles[GD_ROLE_ACCEPTED])
		return is_input ? GD_CAUSE_SERVE : GD_CAUSE_SEND;
	if (has_clients(roles))
		return is_input ? GD_CAUSE_RECV : GD_CAUSE_SEND;
	if (!is_input)
		return GD_CAUSE_OTHER;
	return roles[GD_ROLE_TTY]      ? GD_CAUSE_TTY
	       : roles[GD_ROLE_TIMER]  ? GD_CAUSE_LOOP_TIMER
	       : roles[GD_ROLE_SIGNAL] ? GD_CAUSE_SIGNAL
				       : GD_CAUSE_OTHER;
}

/* One descriptor that is polled, with a timeout or without. */
static __always_inline __u8 cause_of_polled(const __u32 *roles, _Bool ends)
{
	if (roles[GD_ROLE_LISTENER] || roles[GD_ROLE_ACCEPTED])
		return GD_CAUSE_SERVE;
	if (has_clients(roles))
		return GD_CAUSE_POLL;
	return roles[GD_ROLE_CHILD]          ? GD_CAUSE_CHILD
	       : roles[GD_ROLE_TTY]          ? GD_CAUSE_TTY
	       : roles[GD_ROLE_OWN] && !ends ? GD_CAUSE_INTERNAL
					     : GD_CAUSE_OTHER;
}

/* ---- A block --------------------------------------------------------------------------------- */

static __noinline int look(struct gd_task *rec, struct task_struct *task, enum gd_waits_on on,
			   __u32 whose, __u64 now)
{
	__u64 first = first_argument(task), second = second_argument(task);
	struct descriptors *found = descriptors_of(whose);
	_Bool ends = has_timeout(task, rec->object);
	struct gd_task_wait *wait = &rec->wait;
	struct visitor visitor;
	struct file *file;

	if (!found)
		return 0;
	begin_visit(&visitor, found, task);
	switch (on) {
	case GD_ON_EPOLL:
		file = file_of(&visitor, first);
		wait->set = (__u64)BPF_CORE_READ(file, private_data);
		look_into_set(&visitor, (struct eventpoll *)wait->set);
		decide_loop(wait, found, ends, now);
		break;
	case GD_ON_POLL:
		if (whose == OWN_LOOK)
			read_polled(found, first, second);
		look_at_polled(&visitor, second);
		if (second == 1 && !found->is_cut)
			wait->cause = cause_of_polled(found->roles, ends);
		else
			decide_loop(wait, found, ends, now);
		wait->was = GD_WAS_ELSE; /* who is ready shows in no list */
		break;
	default:
		gd_add_file(found, (__u64)file_of(&visitor, first), visitor.files, first);
		wait->cause = cause_of_one(found->roles, on == GD_ON_INPUT);
		break;
	}
	return 0;
}

/* Has this CPU time for a look?  Else nobody knows: what is looked at would not stand for the rest. */
static __always_inline _Bool begin_look(struct descriptors *found, __u64 now)
{
	__u64 passed_ns = now - found->looked_ns;

	if (found->looked_ns && passed_ns < CREDIT_MAX * (__u64)SHARE)
		found->credit_ns += passed_ns / SHARE;
	else
		found->credit_ns = CREDIT_MAX;
	if (found->credit_ns > CREDIT_MAX)
		found->credit_ns = CREDIT_MAX;
	found->looked_ns = now;
	return found->credit_ns > 0;
}

static __always_inline void look_if_affordable(struct gd_task *rec, struct task_struct *task,
					       enum gd_waits_on on, __u64 now)
{
	__u64 call = rec->object << 32 | (__u32)first_argument(task), began_ns;
	_Bool is_own = task == bpf_get_current_task_btf(), is_same = rec->wait.call == call;
	struct descriptors *found = descriptors_of(OWN_LOOK);
	struct gd_task_wait *wait = &rec->wait;

	if (!found || (is_same && now - wait->looked_ns < KEPT_NS &&
		       (on == GD_ON_INPUT || on == GD_ON_OUTPUT)))
		return;
	if (!is_same)
		*wait = (struct gd_task_wait){ .call = call };
	wait->cause = GD_CAUSE_OTHER;
	wait->operations = 1;
	wait->was = GD_WAS_ELSE;
	wait->looked_ns = now;
	if (!is_own) {
		look(rec, task, on, OTHER_LOOK, now);
	} else if (begin_look(found, now)) {
		began_ns = bpf_ktime_get_ns();
		look(rec, task, on, OWN_LOOK, now);
		found->credit_ns -= bpf_ktime_get_ns() - began_ns;
	}
}

/*
 * The kernel itself marks who waits for a disk, in whatever system call; a page that had to be read
 * is a wait for a file, too.
 */
static __noinline int explain(struct gd_task *rec, struct task_struct *task, __u64 now)
{
	enum gd_waits_on on = waits_on(rec->object);
	__u64 number = rec->object;

	rec->operations = 1;
	rec->set = 0;
	if (number == GD_NO_SYSCALL || BPF_CORE_READ_BITFIELD(task, in_iowait)) {
		rec->explained = GD_CAUSE_FILE;
	} else if (polls_nothing(task, number)) {
		rec->explained = GD_CAUSE_SLEEP;
	} else if (gd_has_roles && on != GD_ON_NOTHING) {
		look_if_affordable(rec, task, on, now);
		rec->explained = rec->wait.cause;
		rec->operations = rec->wait.operations;
		rec->set = (__u32)(rec->wait.set >> 4);
	} else {
		rec->explained = number < SYSCALLS ? causes_of_syscalls[number] : 0;
	}
	return 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a thread waits for that is blocked without a wrapper: by its system call, and by what stands
 * behind the descriptors that it waits on.  The rules are those of agent/wait_poll.c and wait_fd.c.
 */
#ifndef GD_BPF_WAITS_H
#define GD_BPF_WAITS_H

#include "arch_x86_64.h"
#include "descriptors.h"
#include "shared.h"

/* Descriptors are looked at; else the verifier, which takes 20 ms for that, never sees it. */
const volatile _Bool gd_has_roles;

#define SHARE      32      /* of a thread's time looking may take one of so many parts, */
#define CREDIT_MAX 5000000 /* ns, and what it did not take before */

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
	if (roles[GD_ROLE_CLIENT] || roles[GD_ROLE_QUIET] || roles[GD_ROLE_TIED] ||
	    roles[GD_ROLE_ASKING])
		return is_input ? GD_CAUSE_RECV : GD_CAUSE_SEND;
	if (!is_input)
		return GD_CAUSE_OTHER;
	return roles[GD_ROLE_TTY]      ? GD_CAUSE_TTY
	       : roles[GD_ROLE_TIMER]  ? GD_CAUSE_LOOP_TIMER
	       : roles[GD_ROLE_SIGNAL] ? GD_CAUSE_SIGNAL
				       : GD_CAUSE_OTHER;
}

/* Several, none of which anything is expected of now. */
static __always_inline __u8 cause_of_rest(const __u32 *roles, _Bool is_loop, _Bool ends)
{
	if (roles[GD_ROLE_CHILD])
		return GD_CAUSE_CHILD;
	if (roles[GD_ROLE_TTY])
		return GD_CAUSE_TTY;
	if (roles[GD_ROLE_TIMER])
		return GD_CAUSE_LOOP_TIMER;
	if (roles[GD_ROLE_OWN] || roles[GD_ROLE_SIGNAL])
		return ends ? GD_CAUSE_LOOP_TIMER : GD_CAUSE_INTERNAL;
	return !ends ? GD_CAUSE_SIGNAL : is_loop ? GD_CAUSE_LOOP_TIMER : GD_CAUSE_SLEEP;
}

/*
 * Answers that are outstanding decide; then who may be anything; then servers, who wait for clients.
 * What was sent and received within one tick was sent last if anything was since the last look.
 */
static __always_inline void decide_many(struct gd_task_wait *wait, const struct descriptors *found,
					_Bool is_same, _Bool is_loop, _Bool ends)
{
	const __u32 *roles = found->roles;
	_Bool has_sent = !is_same || wait->sent != found->traffic.sent;
	__u32 asking = roles[GD_ROLE_ASKING] + (has_sent ? roles[GD_ROLE_TIED] : 0);
	__u32 quiet = roles[GD_ROLE_QUIET] + (has_sent ? 0 : roles[GD_ROLE_TIED]);

	if (wait->is_guess)
		wait->quiet_was_io = wait->received != found->traffic.received;
	wait->is_guess = 0;
	wait->operations = asking ? asking : 1;
	if (asking || (!is_loop && (quiet || roles[GD_ROLE_CLIENT]))) {
		wait->cause = GD_CAUSE_POLL;
	} else if (roles[GD_ROLE_UNKNOWN] || roles[GD_ROLE_CLIENT] || roles[GD_ROLE_PIPE] ||
		   roles[GD_ROLE_EPOLL] || roles[GD_ROLE_FILE]) {
		wait->cause = GD_CAUSE_OTHER;
	} else if (roles[GD_ROLE_LISTENER] || roles[GD_ROLE_ACCEPTED]) {
		wait->cause = GD_CAUSE_SERVE;
	} else if (quiet) {
		/* Kept open for later, or in the middle of a long answer? */
		wait->is_guess = 1;
		wait->cause = !ends || wait->quiet_was_io ? GD_CAUSE_POLL : GD_CAUSE_LOOP_TIMER;
	} else {
		wait->cause = cause_of_rest(roles, is_loop, ends);
	}
}

static __noinline int look(struct gd_task *rec, struct task_struct *task, __u64 number,
			   _Bool is_same)
{
	_Bool is_own = task == bpf_get_current_task_btf();
	struct visitor visitor = { begin_look(is_own ? OWN_LOOK : OTHER_LOOK), task };
	enum gd_waits_on on = waits_on(number);
	__u64 first = first_argument(task), second = second_argument(task);
	struct gd_task_wait *wait = &rec->wait;

	if (!visitor.found)
		return 0;
	switch (on) {
	case GD_ON_EPOLL:
		look_into_set(&visitor, first);
		decide_many(wait, visitor.found, is_same, 1, has_timeout(task, number));
		break;
	case GD_ON_POLL:
		if (is_own)
			read_polled(visitor.found, first, second);
		look_at_polled(&visitor, second);
		decide_many(wait, visitor.found, is_same, second > 1, has_timeout(task, number));
		break;
	default:
		gd_add_file(visitor.found, (__u64)file_of(task, first));
		wait->operations = 1;
		wait->cause = cause_of_one(visitor.found->roles, on == GD_ON_INPUT);
		break;
	}
	wait->sent = visitor.found->traffic.sent;
	wait->received = visitor.found->traffic.received;
	return 0;
}

/*
 * Looking is dear where a set is large or blocks are many: what its thread has no credit for is
 * taken for what it was the last time.
 */
static __always_inline void look_if_affordable(struct gd_task *rec, struct task_struct *task,
					       __u64 number, __u64 now)
{
	__u64 call = number << 32 | (__u32)first_argument(task);
	struct gd_task_wait *wait = &rec->wait;
	__s64 credit_ns = wait->credit_ns + (__s64)((now - wait->looked_ns) / SHARE);
	_Bool is_same = wait->call == call;

	if (is_same && credit_ns < 0)
		return;
	if (!is_same)
		wait->is_guess = 0;
	look(rec, task, number, is_same);
	wait->call = call;
	wait->looked_ns = now;
	if (credit_ns > CREDIT_MAX)
		credit_ns = CREDIT_MAX;
	wait->credit_ns = credit_ns - (__s64)(bpf_ktime_get_ns() - now);
}

/*
 * The kernel itself marks who waits for a disk, in whatever system call; a page that had to be read
 * is a wait for a file, too.
 */
static __noinline int explain(struct gd_task *rec, struct task_struct *task, __u64 now)
{
	__u64 number = rec->object;

	rec->operations = 1;
	if (number == GD_NO_SYSCALL || BPF_CORE_READ_BITFIELD(task, in_iowait)) {
		rec->explained = GD_CAUSE_FILE;
	} else if (polls_nothing(task, number)) {
		rec->explained = GD_CAUSE_SLEEP;
	} else if (gd_has_roles && waits_on(number) != GD_ON_NOTHING) {
		look_if_affordable(rec, task, number, now);
		rec->explained = rec->wait.cause;
		rec->operations = rec->wait.operations;
	} else {
		rec->explained = number < SYSCALLS ? causes_of_syscalls[number] : 0;
	}
	return 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/* What is booked at a switch and at a waking. */
#ifndef GD_BPF_SWITCHES_H
#define GD_BPF_SWITCHES_H

#include "python.h"
#include "slots.h"

/* The rest of the causes is in the threads' sums. */
static __always_inline _Bool is_booked_by_object(const struct gd_task *rec)
{
	return rec->cause < GD_CAUSE_INTERNAL || rec->cause == GD_PROBED_NO_SLOT;
}

/* Locks and the GIL by who released them; what nobody explains by system call and stack. */
static __noinline int book_wait(const struct gd_task *rec, __u64 blocked_ns, __u64 delay_ns)
{
	struct gd_wait_key key = { .image = rec->image,
				   .cause = rec->cause,
				   .object = rec->object,
				   .stack = rec->stack,
				   .waker = rec->woken_by == GD_WOKEN_THREAD ? rec->waker : 0 };
	struct gd_wait_sums fresh = { 1, blocked_ns, delay_ns, blocked_ns };
	struct gd_wait_sums *sums;

	sums = bpf_map_lookup_elem(&gd_waits, &key);
	/* Threads that come and go for hours would fill the table with wakers. */
	if (!sums && gd_wait_rows >= DETAIL) {
		key.waker = 0;
		key.stack = -1;
		sums = bpf_map_lookup_elem(&gd_waits, &key);
	}
	if (!sums) {
		if (bpf_map_update_elem(&gd_waits, &key, &fresh, BPF_NOEXIST) == 0) {
			__sync_fetch_and_add(&gd_wait_rows, 1);
			return 0;
		}
		sums = bpf_map_lookup_elem(&gd_waits, &key); /* another CPU was faster */
		if (!sums) {
			count(GD_BPF_LOST_WAITS);
			return 0;
		}
	}
	__sync_fetch_and_add(&sums->blocks, 1);
	__sync_fetch_and_add(&sums->blocked_ns, blocked_ns);
	__sync_fetch_and_add(&sums->delay_ns, delay_ns);
	if (blocked_ns > sums->blocked_ns_max)
		sums->blocked_ns_max = blocked_ns; /* a race may keep the smaller one */
	return 0;
}

/* It gets a CPU: what it did without one is known now. */
static __always_inline void enter_cpu(struct gd_task *rec, __u64 now)
{
	struct gd_probed_sums *sums = &rec->sums.causes[rec->cause & (GD_CAUSE_MAX - 1)];
	struct gd_probed_sums *explained;
	__u64 off_ns = rec->off_ns, woken_ns = rec->woken_ns;
	__u32 woken_by = rec->woken_by;

	if (woken_ns < off_ns || !rec->state)
		woken_ns = off_ns; /* woken while it still went to sleep; or it could go on */
	if (woken_ns > now)
		woken_ns = now; /* clocks of two CPUs */
	if (off_ns)
		rec->queued_ns += now - woken_ns;
	rec->off_ns = 0;
	begin_stay(rec, now);
	if (!off_ns)
		return;
	if (gd_has_roles && rec->wait.was != GD_WAS_ELSE)
		end_wait(rec, now);
	if (!rec->state) {
		sums->preempted_ns += now - off_ns;
		return;
	}
	sums->blocked_ns += woken_ns - off_ns;
	sums->delay_ns += now - woken_ns;
	sums->blocks++;
	if (woken_by < GD_WOKEN_COUNT)
		sums->woken_by[woken_by]++;
	if (is_booked_by_object(rec))
		book_wait(rec, woken_ns - off_ns, now - woken_ns);
	if (gd_has_stacks && rec->python.stack)
		book_python(rec, now - off_ns);
	if (gd_has_no_wrapper(rec)) {
		explained = &rec->sums.causes[rec->explained & (GD_CAUSE_MAX - 1)];
		explained->explained_ns += now - off_ns;
		explained->explained_blocks++;
	}
}

/*
 * It leaves a CPU that it was not seen to get: some kernels hide the switches away from some
 * threads.  Its own clock says for how long it had one.
 */
static __noinline int mend(struct gd_task *rec, __u64 had_ns, __u64 now)
{
	count(GD_BPF_MENDED);
	enter_cpu(rec, had_ns < now - rec->off_ns ? now - had_ns : rec->off_ns);
	return 0;
}

/* task is the current thread: it leaves the CPU. */
static __always_inline void leave_cpu(struct gd_task *rec, struct task_struct *task,
				      _Bool preempted, __u64 now, void *ctx)
{
	__u64 clock_ns = task->se.sum_exec_runtime;

	if (!rec->on_ns && rec->off_ns)
		mend(rec, clock_ns - rec->clock_ns, now);
	if (rec->on_ns)
		rec->sums.on_cpu_ns += now - rec->on_ns;
	rec->clock_ns = clock_ns;
	rec->on_ns = 0;
	rec->off_ns = rec->left_ns = now;
	rec->woken_ns = 0;
	rec->state = preempted ? 0 : task->__state;
	rec->sums.switches++;
	rec->cause = GD_PROBED_NO_SLOT;
	rec->object = GD_NO_SYSCALL;
	rec->stack = -1;
	read_slot(rec, task);
	if (rec->state && gd_has_no_wrapper(rec))
		read_cause(rec, task, ctx);
	if (gd_has_stacks && rec->state && rec->python.layout)
		block_python(rec, task, now);
}

/*
 * Is it an interrupt that wakes, not what it interrupted?  The kernel tells nobody before 6.19; but
 * only who is in a system call wakes others.  An interrupt in the midst of one is taken for it.
 */
static __always_inline _Bool is_interrupt(struct task_struct *current)
{
	return !current->pid || current->flags & PF_KTHREAD || syscall_of(current) == GD_NO_SYSCALL;
}

/* The current thread, or what interrupted it, wakes rec's. */
static __always_inline void wake(struct gd_task *rec, struct task_struct *current, __u64 now)
{
	struct gd_task *waker;

	if (!rec->off_ns || rec->woken_ns)
		return;
	rec->waker = 0;
	if (is_interrupt(current)) {
		rec->woken_by = GD_WOKEN_INTERRUPT;
	} else if ((__u32)current->tgid != rec->tgid) {
		rec->woken_by = GD_WOKEN_PROCESS;
	} else {
		rec->woken_by = GD_WOKEN_THREAD;
		waker = is_booked_by_object(rec) ? find(current) : 0;
		if (waker)
			rec->waker = waker->tid;
	}
	rec->woken_ns = now;
}

#endif

/* SPDX-License-Identifier: MIT */
/* What happens to a thread between two switches: who it is, what it waits for, what is booked. */
#ifndef GD_BPF_SWITCHES_H
#define GD_BPF_SWITCHES_H

#include "arch_x86_64.h"
#include "tables.h"

/* The part of the agent's slot that is read at a switch. */
struct slot_head {
	__u32 seq;
	__u32 state;
	__s32 tid;
	__u16 cause;
	__u16 cause_prev;
	__u64 since;
	__u64 since_prev;
	__u64 object;
};
_Static_assert(__builtin_offsetof(struct slot_head, object) ==
		       __builtin_offsetof(struct gd_thread, object),
	       "the head of a slot is that of struct gd_thread");

static __always_inline _Bool has_no_wrapper(const struct gd_task *rec)
{
	return rec->cause <= GD_CAUSE_CPU_FREE || rec->cause == GD_PROBED_NO_SLOT;
}

/* Takes over what a slot says, if it is this thread's. */
static __always_inline _Bool use_slot(struct gd_task *rec, const struct slot_head *slot)
{
	if (slot->tid != rec->tid || slot->state != GD_THREAD_LIVE ||
	    slot->cause >= GD_PROBED_NO_SLOT) {
		count(GD_BPF_SLOT_WRONG);
		return 0;
	}
	count(GD_BPF_SLOT_READ);
	rec->cause = slot->cause;
	rec->object = slot->object;
	return 1;
}

/* What the agent says: the current thread's slot, by the pointer in its own storage. */
static __always_inline _Bool read_slot(struct gd_task *rec, struct task_struct *task)
{
	struct slot_head slot;
	__u64 address = 0;

	if (!rec->tls_offset)
		return 0;
	if (bpf_probe_read_user(&address, sizeof(address),
				(void *)(task->thread.fsbase + rec->tls_offset))) {
		count(GD_BPF_SLOT_FAULT);
		return 0;
	}
	if (!address) {
		count(GD_BPF_SLOT_NONE);
		return 0;
	}
	if (bpf_probe_read_user(&slot, sizeof(slot), (void *)address)) {
		count(GD_BPF_SLOT_FAULT);
		return 0;
	}
	return use_slot(rec, &slot);
}

/*
 * The same for a thread that is blocked since before its slot could be found.  Context: may sleep;
 * the thread may go on meanwhile, and what it does next is then booked to the block.
 */
static __always_inline void read_slot_late(struct gd_task *rec, struct task_struct *task)
{
	__u64 pointer = task->thread.fsbase + rec->tls_offset, address = 0;
	struct slot_head slot;

	if (!rec->off_ns || !rec->state || rec->woken_ns || rec->cause != GD_PROBED_NO_SLOT)
		return;
	if (bpf_copy_from_user_task(&address, sizeof(address), (void *)pointer, task, 0) == 0 &&
	    address && bpf_copy_from_user_task(&slot, sizeof(slot), (void *)address, task, 0) == 0)
		use_slot(rec, &slot);
}

/* No wrapper stands here: the registers say which system call it is, the frame pointers where. */
static __always_inline void read_cause(struct gd_task *rec, struct task_struct *task, void *ctx)
{
	rec->object = syscall_of(task);
	rec->explained = cause_of_syscall(rec->object);
	rec->stack = (__s32)bpf_get_stackid(ctx, &gd_stacks, BPF_F_USER_STACK);
	if (rec->stack < 0) {
		rec->stack = -1;
		count(GD_BPF_LOST_STACKS);
	}
}

/* Locks and the GIL by who released them; what nobody explains by system call and stack. */
static __always_inline void book_wait(const struct gd_task *rec, __u64 blocked_ns, __u64 delay_ns)
{
	struct gd_wait_key key = { .image = rec->image,
				   .cause = rec->cause,
				   .object = rec->object,
				   .stack = rec->stack,
				   .waker = rec->woken_by == GD_WOKEN_THREAD ? rec->waker : 0 };
	struct gd_wait_sums fresh = { 1, blocked_ns, delay_ns, blocked_ns };
	struct gd_wait_sums *sums;

	if (rec->cause >= GD_CAUSE_SLEEP && rec->cause != GD_PROBED_NO_SLOT)
		return; /* its sums are in the thread's */
	sums = bpf_map_lookup_elem(&gd_waits, &key);
	if (!sums) {
		if (bpf_map_update_elem(&gd_waits, &key, &fresh, BPF_NOEXIST) == 0)
			return;
		sums = bpf_map_lookup_elem(&gd_waits, &key); /* another CPU was faster */
		if (!sums) {
			count(GD_BPF_LOST_WAITS);
			return;
		}
	}
	__sync_fetch_and_add(&sums->blocks, 1);
	__sync_fetch_and_add(&sums->blocked_ns, blocked_ns);
	__sync_fetch_and_add(&sums->delay_ns, delay_ns);
	if (blocked_ns > sums->blocked_ns_max)
		sums->blocked_ns_max = blocked_ns; /* a race may keep the smaller one */
}

/* It gets a CPU: what it did without one is known now. */
static __always_inline void enter_cpu(struct gd_task *rec, __u64 now)
{
	__u32 cause = rec->cause & (GD_CAUSE_MAX - 1);
	__u64 off_ns = rec->off_ns, woken_ns = rec->woken_ns;
	__u32 woken_by = rec->woken_by;

	rec->on_ns = now;
	rec->off_ns = 0;
	if (!off_ns)
		return;
	if (!rec->state) {
		rec->sums.preempted_ns[cause] += now - off_ns;
		return;
	}
	if (woken_ns < off_ns)
		woken_ns = off_ns; /* woken while it still went to sleep */
	if (woken_ns > now)
		woken_ns = now; /* clocks of two CPUs */
	rec->sums.blocked_ns[cause] += woken_ns - off_ns;
	rec->sums.delay_ns[cause] += now - woken_ns;
	rec->sums.blocks[cause]++;
	if (has_no_wrapper(rec))
		rec->sums.explained_ns[rec->explained & (GD_CAUSE_MAX - 1)] += now - off_ns;
	if (woken_by < GD_WOKEN_COUNT)
		rec->sums.woken_by[woken_by][cause]++;
	book_wait(rec, woken_ns - off_ns, now - woken_ns);
}

/* task is the current thread: it leaves the CPU. */
static __always_inline void leave_cpu(struct gd_task *rec, struct task_struct *task,
				      _Bool preempted, __u64 now, void *ctx)
{
	__u64 clock_ns = task->se.sum_exec_runtime;

	if (!rec->on_ns && rec->off_ns) {
		/* Some kernels hide switches from some threads to others: its clock tells. */
		count(GD_BPF_MENDED);
		enter_cpu(rec, now - (clock_ns - rec->clock_ns));
	}
	if (rec->on_ns)
		rec->sums.on_cpu_ns += now - rec->on_ns;
	rec->clock_ns = clock_ns;
	rec->on_ns = 0;
	rec->off_ns = now;
	rec->woken_ns = 0;
	rec->state = preempted ? 0 : task->__state;
	rec->sums.switches++;
	rec->cause = GD_PROBED_NO_SLOT;
	rec->object = GD_NO_SYSCALL;
	rec->stack = -1;
	read_slot(rec, task);
	if (rec->state && has_no_wrapper(rec))
		read_cause(rec, task, ctx);
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
	rec->woken_by = GD_WOKEN_INTERRUPT;
	rec->waker = 0;
	if (!is_interrupt(current)) {
		waker = find(current);
		rec->woken_by = GD_WOKEN_PROCESS;
		if (waker && waker->image == rec->image) {
			rec->woken_by = GD_WOKEN_THREAD;
			rec->waker = waker->tid;
		}
	}
	rec->woken_ns = now;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Why a thread leaves the CPU: by the agent's slot, or else by its registers. */
#ifndef GD_BPF_SLOTS_H
#define GD_BPF_SLOTS_H

#include "arch_x86_64.h"
#include "lives.h"
#include "waits.h"

/* Slots can be pinned (Linux 6.13); else the verifier never sees the table that older kernels refuse. */
const volatile _Bool gd_has_pinned;

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct gd_pinned);
} gd_pinned_slots SEC(".maps");

/* Whose slot was read so often is worth a pin; asked again at each power of two, it may be lost. */
#define PIN_AT 16

static __always_inline _Bool is_worth_a_pin(__u64 readings)
{
	return gd_has_pinned && readings >= PIN_AT && !(readings & (readings - 1));
}

/* Takes over what a slot says, if it is this thread's.  Others of its process may write into it. */
static __always_inline _Bool use_slot(struct gd_task *rec, const gd_slot_head *slot)
{
	__u16 cause = *(const volatile __u16 *)&slot->cause;

	if (slot->tid != rec->tid || slot->state != GD_THREAD_LIVE || cause >= GD_PROBED_NO_SLOT)
		return 0;
	rec->cause = cause;
	rec->object = slot->object;
	rec->sums.slots_read++;
	return 1;
}

/* Finds the current thread's slot by the pointer in its own storage. */
static __noinline int find_slot(struct gd_task *rec, struct task_struct *task)
{
	gd_slot_head slot;

	rec->slot = 0;
	if (bpf_probe_read_user(&rec->slot, sizeof(rec->slot),
				(void *)(task->thread.fsbase + rec->tls_offset))) {
		count(GD_BPF_SLOT_FAULT);
		return 0;
	}
	if (!rec->slot)
		count(GD_BPF_SLOT_NONE);
	else if (bpf_probe_read_user(&slot, sizeof(slot), (void *)rec->slot))
		count(GD_BPF_SLOT_FAULT);
	else if (use_slot(rec, &slot))
		return 1;
	else
		count(GD_BPF_SLOT_WRONG);
	rec->slot = 0;
	return 0;
}

/* Reading another program's memory costs 70 to 90 ns, its own pinned page 10. */
static __always_inline _Bool read_pinned(struct gd_task *rec, struct task_struct *task)
{
	struct gd_pinned *pinned;

	if (!gd_has_pinned)
		return 0;
	pinned = bpf_task_storage_get(&gd_pinned_slots, task, 0, 0);
	return pinned && pinned->slot && pinned->image == rec->image && use_slot(rec, pinned->slot);
}

/* since: of the slot that was read, to tell it from others that had the same thread number. */
static __noinline int seek_pin(const struct gd_task *rec, __u64 since)
{
	struct gd_event *event = try_event(GD_EVENT_SLOT_SOUGHT, rec->image, rec->left_ns);

	if (!event)
		return 0;
	event->pid = rec->tid;
	event->detail = since;
	bpf_ringbuf_submit(event, wake_up());
	return 0;
}

/* What the agent says of the current thread.  A thread keeps its slot as long as it lives. */
static __always_inline void read_slot(struct gd_task *rec, struct task_struct *task)
{
	gd_slot_head slot;

	if (!rec->tls_offset || read_pinned(rec, task))
		return;
	if (!rec->slot || bpf_probe_read_user(&slot, sizeof(slot), (void *)rec->slot) ||
	    !use_slot(rec, &slot))
		find_slot(rec, task);
	else if (is_worth_a_pin(rec->sums.slots_read))
		seek_pin(rec, slot.since);
}

/*
 * The same for a thread that is blocked since before its slot could be found.  Context: may sleep;
 * the thread may go on meanwhile, and what it does next is then booked to the block.
 */
static __always_inline void read_slot_late(struct gd_task *rec, struct task_struct *task)
{
	__u64 pointer = task->thread.fsbase + rec->tls_offset, address = 0;
	gd_slot_head slot;

	if (!rec->off_ns || !rec->state || rec->woken_ns || rec->cause != GD_PROBED_NO_SLOT)
		return;
	if (bpf_copy_from_user_task(&address, sizeof(address), (void *)pointer, task, 0) == 0 &&
	    address && bpf_copy_from_user_task(&slot, sizeof(slot), (void *)address, task, 0) == 0)
		use_slot(rec, &slot);
}

/* No wrapper stands here: the registers say which system call it is, the frame pointers where. */
static __noinline int read_cause(struct gd_task *rec, struct task_struct *task, void *ctx)
{
	rec->object = syscall_of(task);
	explain(rec, task, rec->left_ns);
	rec->stack = (__s32)bpf_get_stackid(ctx, &gd_stacks, BPF_F_USER_STACK);
	if (rec->stack < 0) {
		rec->stack = -1;
		count(GD_BPF_LOST_STACKS);
	}
	return 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Births and ends of followed threads and programs. */
#ifndef GD_BPF_LIVES_H
#define GD_BPF_LIVES_H

#include "arch_x86_64.h"
#include "tables.h"

/* The number that a task has in its own PID namespace. */
static __always_inline __s32 own_number(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	__u64 at = (__u64)pid + bpf_core_field_offset(struct pid, numbers) +
		   level * bpf_core_type_size(struct upid);
	__s32 number = 0;

	bpf_core_read(&number, sizeof(number), &((struct upid *)at)->nr);
	return number;
}

/*
 * The kernel's own word on who may look into a process: it is not dumpable where a program has other
 * groups or capabilities than who executed it, or where it asked for that.
 */
static __always_inline _Bool is_dumpable(struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct mm_struct___wrapped *wrapped = (void *)mm;
	unsigned long flags = 0;

	if (bpf_core_field_exists(mm->flags))
		bpf_core_read(&flags, sizeof(flags), &mm->flags);
	else if (bpf_core_field_exists(wrapped->flags))
		bpf_core_read(&flags, sizeof(flags), &wrapped->flags);
	return (flags & MMF_DUMPABLE) == SUID_DUMP_USER;
}

/* May the caller know of it?  Without an owner everything, else what is his wholly. */
static __always_inline _Bool is_callers(struct task_struct *task)
{
	const struct cred *cred = task->cred;

	return gd_owner == ~0u || (cred->uid.val == gd_owner && cred->euid.val == gd_owner &&
				   cred->suid.val == gd_owner && is_dumpable(task));
}

/* The loader looks ten times a second; it is woken only where the ring fills up faster. */
static __always_inline __u64 wake_up(void)
{
	__u64 filled = bpf_ringbuf_query(&gd_events, BPF_RB_AVAIL_DATA);

	return filled > bpf_ringbuf_query(&gd_events, BPF_RB_RING_SIZE) / 4 ? BPF_RB_FORCE_WAKEUP
									    : BPF_RB_NO_WAKEUP;
}

/* To be submitted; NULL: there is no room. */
static __always_inline struct gd_event *try_event(__u32 what, __u32 image, __u64 now)
{
	struct gd_event *event = bpf_ringbuf_reserve(&gd_events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->what = what;
	event->image = image;
	event->now_ns = now;
	return event;
}

/* The same; what has no room is counted. */
static __always_inline struct gd_event *begin_event(__u32 what, __u32 image, __u64 now)
{
	struct gd_event *event = try_event(what, image, now);

	if (!event)
		count(GD_BPF_LOST_EVENTS);
	return event;
}

/* Tells the loader; rec may be NULL.  The last two: with GD_EVENT_IMAGE_BORN, which is then urgent. */
static __always_inline void tell_of(__u32 what, __u32 image, struct task_struct *leader, __u64 now,
				    const struct gd_task *rec, __u32 copy_of, _Bool is_program)
{
	struct gd_event *event = begin_event(what, image, now);

	if (!event)
		return;
	event->pid = own_number(leader);
	event->ppid = 0;
	event->tgid = leader->tgid;
	event->copy_of = copy_of;
	event->is_program = is_program;
	bpf_probe_read_kernel_str(event->command, sizeof(event->command), leader->comm);
	if (what == GD_EVENT_IMAGE_BORN) {
		struct task_struct *parent = BPF_CORE_READ(leader, real_parent, group_leader);

		event->ppid = own_number(parent);
	}
	/* Too long for the compiler's own copy. */
	if (rec)
		bpf_probe_read_kernel(&event->task, sizeof(event->task), rec);
	bpf_ringbuf_submit(event, copy_of || is_program ? BPF_RB_FORCE_WAKEUP : wake_up());
}

static __always_inline void tell(__u32 what, __u32 image, struct task_struct *leader, __u64 now,
				 const struct gd_task *rec)
{
	tell_of(what, image, leader, now, rec, 0, 0);
}

/* At once: what a stack's code objects are called can be read only while they live. */
static __always_inline void tell_stack(__u32 image, __u64 stack, __u64 now)
{
	struct gd_event *event = begin_event(GD_EVENT_PYTHON_STACK, image, now);

	if (!event)
		return;
	event->detail = stack;
	bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

/*
 * A program begins, of which the loader is to be told; 0: no room for it.  twin: the thread whose
 * process's memory it has a copy of, and so all that was learnt of it; or NULL.
 */
static __always_inline __u32 bear_image(struct task_struct *leader, __u64 tls_offset,
					const struct gd_task *twin)
{
	struct gd_tgid row = { .tls_offset = tls_offset,
			       .image = __sync_fetch_and_add(&gd_images, 1) + 1,
			       .layout = twin ? twin->python.layout : 0 };
	__u32 tgid = leader->tgid;

	if (bpf_map_update_elem(&gd_tgids, &tgid, &row, BPF_ANY)) {
		count(GD_BPF_LOST_IMAGES);
		return 0;
	}
	mark(tgid);
	return row.image;
}

static const struct gd_task gd_fresh = {
	.cause = GD_PROBED_NO_SLOT, .object = GD_NO_SYSCALL, .stack = -1, .woken_by = GD_WOKEN_COUNT
}; /* nobody: it was born */

/* The record of a thread from now on; its books are empty. */
static __always_inline void open_books(struct gd_task *rec, struct task_struct *task, __u32 image,
				       __u64 tls_offset, __u64 now)
{
	bpf_probe_read_kernel(rec, sizeof(*rec), &gd_fresh);
	rec->tls_offset = tls_offset;
	rec->tgid = task->tgid;
	rec->tid = own_number(task);
	rec->sums.born_ns = now;
	rec->clock_ns = task->se.sum_exec_runtime;
	rec->image = image;
}

static __always_inline void close_books(struct gd_task *rec, struct task_struct *leader, __u64 now)
{
	if (rec->on_ns)
		rec->sums.on_cpu_ns += now - rec->on_ns;
	rec->on_ns = 0;
	rec->sums.ended_ns = now;
	tell(GD_EVENT_THREAD_ENDED, rec->image, leader, now, rec);
}

static __always_inline struct gd_task *make_record(struct task_struct *task)
{
	struct gd_task *rec =
		bpf_task_storage_get(&gd_tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!rec)
		count(GD_BPF_LOST_THREADS);
	return rec;
}

#endif

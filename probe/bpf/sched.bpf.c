/* SPDX-License-Identifier: MIT */
/*
 * Everything that gildiag-probe runs in the kernel: at each switch of a followed thread its books
 * are kept, at each waking it is noted who woke it, and threads and processes are followed through
 * their births and ends.  No kprobe, no system call's tracepoint: those would tax everybody.
 */
#include "requests.h"
#include "switches.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* What follows up a hit: a program of its own, so that everybody else pays for no register saved. */
#define FOLLOW_UP(name, program)                                                                   \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, 1);                                                            \
		__uint(key_size, sizeof(__u32));                                                   \
		__array(values, int(void *));                                                      \
	} name SEC(".maps") = { .values = { [0] = (void *)&(program) } }

SEC("tp_btf/sched_switch")
int BPF_PROG(gd_switch_followed, _Bool preempted, struct task_struct *prev,
	     struct task_struct *next)
{
	struct gd_task *rec = find(prev);
	__u64 now = bpf_ktime_get_ns();

	if (rec)
		leave_cpu(rec, prev, preempted, now, ctx);
	rec = find(next);
	if (rec)
		enter_cpu(rec, now);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(gd_wake_followed, struct task_struct *task)
{
	struct gd_task *rec = find_marked(task);

	if (rec)
		wake(rec, bpf_get_current_task_btf(), bpf_ktime_get_ns());
	return 0;
}

FOLLOW_UP(gd_after_switch, gd_switch_followed);
FOLLOW_UP(gd_after_waking, gd_wake_followed);

SEC("tp_btf/sched_switch")
int BPF_PROG(gd_on_switch, _Bool preempted, struct task_struct *prev, struct task_struct *next)
{
	if (mark_of(prev->tgid) | mark_of(next->tgid))
		bpf_tail_call_static(ctx, &gd_after_switch, 0);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(gd_on_waking, struct task_struct *task)
{
	if (mark_of(task->tgid))
		bpf_tail_call_static(ctx, &gd_after_waking, 0);
	return 0;
}

/* It is queued for its first CPU: a delay, after a block of no length. */
static __always_inline void begin_life(struct gd_task *rec, struct task_struct *task, __u32 image,
				       const struct gd_task *parent, __u64 now)
{
	open_books(rec, task, image, parent->tls_offset, now);
	rec->state = 1;
	rec->off_ns = rec->left_ns = rec->woken_ns = now;
}

/* The current thread makes another one, or another process. */
SEC("tp_btf/task_newtask")
int BPF_PROG(gd_on_birth, struct task_struct *task, unsigned long clone_flags)
{
	struct gd_task *parent = find(bpf_get_current_task_btf());
	_Bool is_thread = clone_flags & CLONE_THREAD, is_copy = !(clone_flags & CLONE_VM);
	struct gd_task *rec;
	__u64 now;
	__u32 image;

	if (!parent)
		return 0;
	now = bpf_ktime_get_ns();
	image = is_thread ? parent->image
			  : bear_image(task, parent->tls_offset, is_copy ? parent : 0);
	if (!image)
		return 0;
	rec = make_record(task);
	if (rec)
		begin_life(rec, task, image, parent, now);
	if (rec && (is_thread || is_copy)) {
		rec->python.layout = parent->python.layout;
		rec->python.is_copy = is_copy || parent->python.is_copy;
	}
	/* Now that it is followed.  Nobody looks at copies but those of interpreters. */
	if (!is_thread)
		tell_of(GD_EVENT_IMAGE_BORN, image, task, now, 0,
			gd_has_stacks && is_copy ? parent->image : 0, 0);
	return 0;
}

/* The process becomes another program; its other threads are gone already. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(gd_on_exec, struct task_struct *task)
{
	struct gd_task *rec = find(task);
	__u32 tgid = task->tgid;
	__u64 now;
	__u32 image;

	if (!rec)
		return 0;
	now = bpf_ktime_get_ns();
	close_books(rec, task, now);
	tell(GD_EVENT_IMAGE_ENDED, rec->image, task, now, 0);
	rec->image = 0;
	if (!is_callers(task)) {
		tell(GD_EVENT_DROPPED, 0, task, now, 0);
		bpf_map_delete_elem(&gd_tgids, &tgid);
		unmark(tgid);
		return 0;
	}
	image = bear_image(task, 0, 0);
	if (image) {
		open_books(rec, task, image, 0, now);
		rec->python.is_copy = gd_has_stacks;
		begin_stay(rec, now);
		tell_of(GD_EVENT_IMAGE_BORN, image, task, now, 0, 0, gd_has_stacks);
	}
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(gd_on_exit, struct task_struct *task)
{
	struct gd_task *rec = find(task);
	__u32 tgid = task->tgid;
	__u64 now;

	if (!rec)
		return 0;
	now = bpf_ktime_get_ns();
	close_books(rec, task, now);
	if (task->signal->live.counter == 0) {
		tell(GD_EVENT_IMAGE_ENDED, rec->image, task, now, 0);
		bpf_map_delete_elem(&gd_tgids, &tgid);
		unmark(tgid);
	}
	rec->image = 0;
	return 0;
}

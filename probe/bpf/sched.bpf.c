/* SPDX-License-Identifier: MIT */
/*
 * Everything that gildiag-probe runs in the kernel: at each switch of a followed thread its books
 * are kept, at each waking it is noted who woke it, and threads and processes are followed through
 * their births and ends.  No kprobe, no system call's tracepoint: those would tax everybody.
 */
#include "lives.h"
#include "switches.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/*
 * Inline: registers saved cost everybody else less than a call and its return, which some machines
 * make slow on purpose (SRSO, retbleed), cost the target.
 */
static __always_inline int switch_followed(void *ctx, _Bool preempted, struct task_struct *prev,
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

static __always_inline int wake_followed(struct task_struct *task)
{
	struct gd_task *rec = find_marked(task);

	if (rec)
		wake(rec, bpf_get_current_task_btf(), bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(gd_on_switch, _Bool preempted, struct task_struct *prev, struct task_struct *next)
{
	if (mark_of(prev->tgid) | mark_of(next->tgid))
		switch_followed(ctx, preempted, prev, next);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(gd_on_waking, struct task_struct *task)
{
	if (mark_of(task->tgid))
		wake_followed(task);
	return 0;
}

/* It is queued for its first CPU: a delay, after a block of no length. */
static __always_inline void begin_life(struct gd_task *rec, struct task_struct *task, __u32 image,
				       const struct gd_task *parent, __u64 now)
{
	open_books(rec, task, image, parent->tls_offset, now);
	rec->state = 1;
	rec->off_ns = rec->woken_ns = now;
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
	if (rec && (is_thread || is_copy))
		rec->python.layout = parent->python.layout;
	/* Now that it is followed.  Nobody looks at copies but for their stacks. */
	if (!is_thread)
		tell_of(GD_EVENT_IMAGE_BORN, image, task, now, 0,
			gd_has_stacks && is_copy ? parent->image : 0);
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
		tell(GD_EVENT_IMAGE_BORN, image, task, now, 0);
		open_books(rec, task, image, 0, now);
		rec->on_ns = now;
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

/* ---- On request: the loader reads these iterators -------------------------------------------- */

/* A thread that was there before us: what it did before is nobody's business. */
static void adopt(struct gd_task *rec, struct task_struct *task, const struct gd_tgid *row)
{
	__u64 now = bpf_ktime_get_ns();

	open_books(rec, task, row->image, row->tls_offset, now);
	rec->state = task->__state;
	if (task->on_cpu) {
		rec->on_ns = now;
		return;
	}
	rec->off_ns = now;
	if (rec->state) {
		rec->object = syscall_of(task);
		rec->explained = explain(task, rec->object);
	}
}

static void learn(struct gd_tgid *row)
{
	if (gd_learnt.tls_offset)
		row->tls_offset = gd_learnt.tls_offset;
	if (gd_learnt.layout)
		row->layout = gd_learnt.layout;
}

/*
 * Follows what the loader asks for: a leader's record that has no image yet, and all threads of
 * followed processes; hands what was learnt since of slots and Python stacks on to them.
 */
SEC("iter.s/task")
int gd_adopt(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct gd_tgid *row;
	struct gd_task *rec;
	__u32 tgid, image;

	if (!task)
		return 0;
	tgid = task->tgid;
	rec = bpf_task_storage_get(&gd_tasks, task, 0, 0);
	row = bpf_map_lookup_elem(&gd_tgids, &tgid);
	if (row && tgid == gd_learnt.tgid)
		learn(row);
	if (rec && !rec->image && !row && task->pid == task->tgid && !rec->sums.ended_ns) {
		image = bear_image(task, rec->tls_offset, 0);
		if (image)
			tell(GD_EVENT_IMAGE_BORN, image, task, bpf_ktime_get_ns(), 0);
		row = bpf_map_lookup_elem(&gd_tgids, &tgid);
	}
	if (!row)
		return 0;
	if (rec && rec->image && rec->tls_offset != row->tls_offset) {
		rec->tls_offset = row->tls_offset;
		read_slot_late(rec, task);
	}
	if (!rec || !rec->image) {
		rec = make_record(task);
		if (rec && !rec->sums.ended_ns)
			adopt(rec, task, row);
	}
	if (rec)
		rec->python.layout = row->layout;
	return 0;
}

/*
 * Writes what lies in the memory of a followed process: the loader reads that of processes which
 * were born after it gave up its rights.  Context: may sleep.
 */
SEC("iter.s/task")
int gd_read(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 tgid = gd_wanted.tgid, bytes = gd_wanted.bytes;
	char *page;

	if (!task || !tgid || (__u32)task->pid != tgid || bytes > GD_WANTED_BYTES ||
	    !bpf_map_lookup_elem(&gd_tgids, &tgid))
		return 0;
	page = bpf_map_lookup_elem(&gd_page, &(__u32){ 0 });
	/* An exec that changed its credentials meanwhile made it somebody else's. */
	if (page && bpf_copy_from_user_task(page, bytes, (void *)gd_wanted.address, task, 0) == 0 &&
	    is_callers(task))
		bpf_seq_write(ctx->meta->seq, page, bytes);
	return 0;
}

/* Writes the records of all followed threads, what is open counted until now. */
SEC("iter/task")
int gd_dump(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct gd_task *rec = task ? bpf_task_storage_get(&gd_tasks, task, 0, 0) : 0;

	if (rec && rec->image)
		bpf_seq_write(ctx->meta->seq, rec, sizeof(*rec));
	return 0;
}

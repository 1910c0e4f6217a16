/* SPDX-License-Identifier: MIT */
/* What is done on request: the loader reads these iterators, each of which visits all tasks. */
#ifndef GD_BPF_REQUESTS_H
#define GD_BPF_REQUESTS_H

#include "glances.h"
#include "lives.h"
#include "slots.h"

/* A thread that was there before us: what it did before is nobody's business. */
static void adopt(struct gd_task *rec, struct task_struct *task, const struct gd_tgid *row)
{
	__u64 now = bpf_ktime_get_ns();

	open_books(rec, task, row->image, row->tls_offset, now);
	rec->state = task->__state;
	if (task->on_cpu) {
		begin_stay(rec, now);
		return;
	}
	rec->off_ns = rec->left_ns = now;
	if (rec->state) {
		rec->object = syscall_of(task);
		if (gd_has_roles && waits_on(rec->object) == GD_ON_POLL)
			read_polled_of(task, first_argument(task), second_argument(task));
		explain(rec, task, now);
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

/* An exec, which may have given it other rights, makes it another image. */
static __always_inline _Bool is_of_image(struct task_struct *task, __u32 image)
{
	__u32 tgid = task->tgid;
	struct gd_tgid *row = bpf_map_lookup_elem(&gd_tgids, &tgid);

	return row && row->image == image && is_callers(task);
}

/*
 * Writes what lies in the memory of a followed process: the loader reads that of processes which
 * were born after it gave up its rights.  Context: may sleep.
 */
SEC("iter.s/task")
int gd_read(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u32 bytes = gd_wanted.bytes, zero = 0;
	char *page;

	if (!task || !gd_wanted.tgid || (__u32)task->pid != gd_wanted.tgid ||
	    bytes > GD_WANTED_BYTES || !is_of_image(task, gd_wanted.image))
		return 0;
	page = bpf_map_lookup_elem(&gd_page, &zero);
	if (page && bpf_copy_from_user_task(page, bytes, (void *)gd_wanted.address, task, 0) == 0 &&
	    is_of_image(task, gd_wanted.image))
		bpf_seq_write(ctx->meta->seq, page, bytes);
	return 0;
}

/* Writes the mapping that is sought in a followed process. */
SEC("iter/task_vma")
int gd_seek(struct bpf_iter__task_vma *ctx)
{
	struct gd_mapping mapping = { 0 }, *sought = &gd_sought.mapping;
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct inode *inode;

	if (!task || !vma || !gd_sought.image || BPF_CORE_READ(vma, vm_pgoff) ||
	    !is_of_image(task, gd_sought.image))
		return 0;
	inode = BPF_CORE_READ(vma, vm_file, f_inode);
	mapping.inode = BPF_CORE_READ(inode, i_ino);
	mapping.device = BPF_CORE_READ(inode, i_sb, s_dev);
	mapping.start = BPF_CORE_READ(vma, vm_start);
	if (sought->start ? mapping.start == sought->start
			  : mapping.inode && mapping.inode == sought->inode &&
				    mapping.device == sought->device)
		bpf_seq_write(ctx->meta->seq, &mapping, sizeof(mapping));
	return 0;
}

/* Writes what each followed thread did at gd_instant_ns. */
SEC("iter/task")
int gd_glance(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct gd_task *rec = task ? find(task) : 0;
	struct gd_glance glance;

	if (rec && glance_at(rec, task->on_cpu, gd_instant_ns, &glance))
		bpf_seq_write(ctx->meta->seq, &glance, sizeof(glance));
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

#endif

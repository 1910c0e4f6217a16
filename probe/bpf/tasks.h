/* SPDX-License-Identifier: MIT */
/* The records of followed threads: made by sched.bpf.c, the same map in gil.bpf.c and hold.bpf.c. */
#ifndef GD_BPF_TASKS_H
#define GD_BPF_TASKS_H

#include "kernel_types.h"
#include "shared.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct gd_task);
} gd_tasks SEC(".maps");

/* The record of a thread whose process is marked; NULL: not followed. */
static __always_inline struct gd_task *find_marked(struct task_struct *task)
{
	struct gd_task *found = bpf_task_storage_get(&gd_tasks, task, 0, 0);

	return found && found->image ? found : 0;
}

/* The current thread's record; NULL: not followed. */
static __always_inline struct gd_task *followed_task(void)
{
	return find_marked(bpf_get_current_task_btf());
}

/* It has a CPU since then. */
static __always_inline void begin_stay(struct gd_task *rec, __u64 now)
{
	struct gd_stay *stay = &rec->stays[rec->sums.switches & (GD_STAYS - 1)];

	rec->on_ns = rec->came_ns = now;
	stay->came_ns = now;
	stay->cpu_ns = rec->sums.on_cpu_ns;
	stay->queued_ns = rec->queued_ns;
}

#endif

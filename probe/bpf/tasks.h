/* SPDX-License-Identifier: MIT */
/* The records of followed threads: made by sched.bpf.c, the same map in gil.bpf.c. */
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

#endif

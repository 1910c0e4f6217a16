/* SPDX-License-Identifier: MIT */
/* A thread's clocks, now and at an instant that has passed, from its record. */
#ifndef GD_BPF_CLOCKS_H
#define GD_BPF_CLOCKS_H

#include "tasks.h"

/* The current thread's clocks; it may be switched meanwhile, then once more. */
static __always_inline struct gd_probed_part clocks_of(const struct gd_task *task)
{
	const volatile struct gd_task *seen = task;
	struct gd_probed_part now = { 0 };

	for (int i = 0; i < 3; i++) {
		__u64 switches = seen->sums.switches, on_ns = seen->on_ns;

		now.ns = bpf_ktime_get_ns();
		now.cpu_ns = seen->sums.on_cpu_ns;
		now.queued_ns = seen->queued_ns;
		if (on_ns && on_ns < now.ns)
			now.cpu_ns += now.ns - on_ns;
		if (switches == seen->sums.switches && on_ns == seen->on_ns)
			break;
	}
	return now;
}

/* The same then; or as long ago as its record goes back, where it had a CPU too often since. */
static __always_inline struct gd_probed_part clocks_at(const struct gd_task *task, __u64 then_ns)
{
	const struct gd_stay *stay = &task->stays[0];
	__u32 last = (__u32)task->sums.switches;
	struct gd_probed_part then;

	for (__u32 i = 0; i < GD_STAYS; i++) {
		const struct gd_stay *before = &task->stays[(last - i) & (GD_STAYS - 1)];

		if (!before->came_ns)
			break;
		stay = before;
		if (stay->came_ns <= then_ns)
			break;
	}
	then.ns = stay->came_ns > then_ns ? stay->came_ns : then_ns;
	then.cpu_ns = stay->cpu_ns + (then.ns - stay->came_ns);
	then.queued_ns = stay->queued_ns;
	return then;
}

#endif

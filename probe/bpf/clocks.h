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

/*
 * The same then; or as long ago as its record goes back, where it had a CPU too often since.  slack_ns:
 * then_ns may be wrong by that, and who seems to have been off the CPU so shortly before it came, came.
 */
static __always_inline struct gd_probed_part clocks_at(const struct gd_task *task, __u64 then_ns,
						       __u64 slack_ns)
{
	__u64 until_cpu_ns = ~0ull; /* its CPU time when that stay was over */
	struct gd_probed_part then = { .ns = then_ns };
	__u32 last = (__u32)task->sums.switches;

	for (__u32 i = 0; i < GD_STAYS; i++) {
		const struct gd_stay *stay = &task->stays[(last - i) & (GD_STAYS - 1)];
		__u64 came_ns = stay->came_ns;

		if (!came_ns)
			break;
		then.ns = then_ns < came_ns ? came_ns : then_ns;
		then.cpu_ns = stay->cpu_ns + (then.ns - came_ns);
		if (then.cpu_ns > until_cpu_ns)
			then.cpu_ns = until_cpu_ns;
		then.queued_ns = stay->queued_ns;
		if (came_ns <= then_ns + slack_ns)
			break;
		until_cpu_ns = stay->cpu_ns;
	}
	return then;
}

#endif

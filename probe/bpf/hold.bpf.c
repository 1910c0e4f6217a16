/* SPDX-License-Identifier: MIT */
/*
 * Holds of locks that others waited for: the agent tells when one ends (hold_point.h), the
 * scheduler's record of its thread what it did meanwhile: had a CPU, was queued for one, was blocked.
 */
#ifndef __x86_64__
#define __x86_64__ /* the programs are compiled for BPF, the registers are the machine's */
#endif
#include "clocks.h"
#include <bpf/bpf_tracing.h>
#include <gildiag/hold_point.h>
#include <linux/ptrace.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define HOLDS 8192

/* How wrong the beginning of a hold may be: what a call takes, and 30 ppm of its length. */
#define SLACK_NS    5000
#define SLACK_SHIFT 15

/* Nanoseconds per tick of the TSC, in 2^-32. */
__u64 gd_ns_per_tick;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HOLDS);
	__type(key, struct gd_hold_key);
	__type(value, struct gd_hold_sums);
} gd_holds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GD_BPF_HOLD_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} gd_hold_counts SEC(".maps");

static __always_inline void count_hold(__u32 what)
{
	__u64 *counter = bpf_map_lookup_elem(&gd_hold_counts, &what);

	if (counter)
		++*counter;
}

/* By halves: an hour has 2^44 ticks. */
static __always_inline __u64 to_ns(const struct gd_hold_told *told, __u64 ticks)
{
	if (!told->is_tsc)
		return ticks;
	return (ticks >> 32) * gd_ns_per_tick + ((ticks & ~0u) * (gd_ns_per_tick >> 4) >> 28);
}

static __always_inline struct gd_hold_sums *sums_of(const struct gd_task *task,
						    const struct gd_hold_told *told)
{
	struct gd_hold_key key = { .image = task->image,
				   .cause = told->cause,
				   .object = told->key };
	struct gd_hold_sums *sums = bpf_map_lookup_elem(&gd_holds, &key), fresh = { 0 };

	if (sums)
		return sums;
	bpf_map_update_elem(&gd_holds, &key, &fresh, BPF_NOEXIST);
	sums = bpf_map_lookup_elem(&gd_holds, &key);
	if (!sums)
		count_hold(GD_BPF_LOST_HOLDS);
	return sums;
}

/* The clocks of two ticks are compared with the kernel's: what they are apart is no time. */
static __always_inline __u64 passed(__u64 from_ns, __u64 to_ns, __u64 max_ns)
{
	__u64 ns = to_ns > from_ns ? to_ns - from_ns : 0;

	return ns < max_ns ? ns : max_ns;
}

/* Others may end a hold of a lock at its address at the same time: of a kind that many may hold. */
static __always_inline void book(const struct gd_task *task, const struct gd_hold_told *told)
{
	struct gd_hold_sums *sums = sums_of(task, told);
	__u64 held_ns = to_ns(told, told->released - told->taken);
	struct gd_probed_part now = clocks_of(task), end, begin;
	__u64 split_ns = 0, cpu_ns = 0, queued_ns = 0;

	if (!sums)
		return;
	if (task->on_ns) { /* else the kernel did not show that it came, and where it was is not known */
		end = clocks_at(task, now.ns - to_ns(told, told->told - told->released), 0);
		begin = clocks_at(task, end.ns - held_ns, SLACK_NS + (held_ns >> SLACK_SHIFT));
		split_ns = passed(begin.ns, end.ns, held_ns);
		cpu_ns = passed(begin.cpu_ns, end.cpu_ns, split_ns);
		queued_ns = passed(begin.queued_ns, end.queued_ns, split_ns - cpu_ns);
	}
	__sync_fetch_and_add(&sums->holds, 1);
	__sync_fetch_and_add(&sums->hold_ns, held_ns);
	__sync_fetch_and_add(&sums->split_ns, split_ns);
	__sync_fetch_and_add(&sums->cpu_ns, cpu_ns);
	__sync_fetch_and_add(&sums->queued_ns, queued_ns);
}

SEC("uprobe")
int gd_on_hold_ended(struct pt_regs *ctx)
{
	struct gd_task *task = followed_task();
	struct gd_hold_told told;

	if (!task)
		return 0;
	if (bpf_probe_read_user(&told, sizeof(told), (void *)PT_REGS_PARM1(ctx)) ||
	    told.taken > told.released || told.released > told.told) {
		count_hold(GD_BPF_HOLD_FAULT);
		return 0;
	}
	book(task, &told);
	return 0;
}

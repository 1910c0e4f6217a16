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

/* An hour has 2^44 ticks at most, so the factor has to be short. */
static __always_inline __u64 to_ns(const struct gd_hold_told *told, __u64 ticks)
{
	if (!told->is_tsc)
		return ticks;
	return ticks * (gd_ns_per_tick >> 12) >> 20;
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

/* Others may end a hold of a lock at its address at the same time: of a kind that many may hold. */
static __always_inline void book(const struct gd_task *task, const struct gd_hold_told *told)
{
	struct gd_hold_sums *sums = sums_of(task, told);
	__u64 held_ns = to_ns(told, told->released - told->taken);
	struct gd_probed_part now = clocks_of(task), end, begin;

	if (!sums)
		return;
	end = clocks_at(task, now.ns - to_ns(told, told->told - told->released));
	begin = clocks_at(task, end.ns - held_ns);
	__sync_fetch_and_add(&sums->holds, 1);
	__sync_fetch_and_add(&sums->hold_ns, held_ns);
	__sync_fetch_and_add(&sums->split_ns, end.ns - begin.ns);
	__sync_fetch_and_add(&sums->cpu_ns, end.cpu_ns - begin.cpu_ns);
	__sync_fetch_and_add(&sums->queued_ns, end.queued_ns - begin.queued_ns);
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

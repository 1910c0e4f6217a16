/* SPDX-License-Identifier: MIT */
/*
 * The Python stack of a thread that blocks, read at its switch-out.  Who blocks often is walked at
 * some blocks only, chosen by chance before anybody knows how long they will be; each stands for
 * those that were not, so that the sums have no bias.
 */
#ifndef GD_BPF_PYTHON_H
#define GD_BPF_PYTHON_H

#include "lives.h"
#include "python_walk.h"

#define WINDOW_NS   64000000ull
#define WALKS       64 /* in that time, of one thread */
#define THINNED_MAX 16

/* Of the table, what processes that were forked may take: they come and go. */
#define COPIES_MAX (GD_PYTHON_STACKS / 2)

__u32 gd_copies_stacks;

/* One entry unless the loader asks for more: most are after nobody's stacks. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct gd_python_stack);
} gd_python_stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct gd_python_wait_key);
	__type(value, struct gd_python_wait_sums);
} gd_python_waits SEC(".maps");

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* A thread that never runs Python is searched for ever more rarely. */
static __always_inline __u64 find_tstate(struct gd_task_python *python, __u64 thread)
{
	if (is_of(layout_of(python->layout), python->tstate, thread))
		return python->tstate;
	python->tstate = 0;
	python->searches++;
	if (python->searches & (python->searches - 1))
		return 0;
	python->tstate = gd_python_search(python->layout, thread);
	if (python->tstate)
		python->searches = 0;
	return python->tstate;
}

static __always_inline _Bool is_walked(struct gd_task_python *python, __u64 now)
{
	__u64 passed = now - python->window_ns;

	if (passed >= WINDOW_NS) {
		__u64 blocks = python->window_blocks * WINDOW_NS / passed;

		python->thinned = 0;
		while (python->thinned < THINNED_MAX && blocks >> python->thinned > WALKS)
			python->thinned++;
		python->window_ns = now;
		python->window_blocks = 0;
	}
	python->window_blocks++;
	return !(bpf_get_prandom_u32() & ((1u << (python->thinned & 31)) - 1));
}

static __always_inline void keep(struct gd_task *rec, struct scratch *scratch, __u64 hash,
				 __u64 now)
{
	if (!bpf_map_lookup_elem(&gd_python_stacks, &hash)) {
		if (rec->python.is_copy && gd_copies_stacks >= COPIES_MAX) {
			count(GD_BPF_LOST_PYTHON);
			return;
		}
		if (rec->python.is_copy)
			__sync_fetch_and_add(&gd_copies_stacks, 1);
		if (bpf_map_update_elem(&gd_python_stacks, &hash, &scratch->stack, BPF_NOEXIST)) {
			count(GD_BPF_LOST_PYTHON);
			return;
		}
		tell_stack(rec->image, hash, now);
	}
	rec->python.stack = hash;
}

/* The current thread leaves the CPU to wait. */
static __noinline int block_python(struct gd_task *rec, struct task_struct *task, __u64 now)
{
	struct scratch *scratch = own_scratch();
	__u64 tstate, hash;

	rec->python.stack = 0;
	if (!is_walked(&rec->python, now))
		return 0;
	tstate = find_tstate(&rec->python, task->thread.fsbase);
	if (!scratch || !tstate)
		return 0;
	hash = gd_python_walk(rec->python.layout, rec->image, tstate);
	if (hash)
		keep(rec, scratch, hash, now);
	return 0;
}

/* It has a CPU again, after that long. */
static __noinline int book_python(struct gd_task *rec, __u64 waited_ns)
{
	struct gd_python_wait_key key = { .stack = rec->python.stack,
					  .image = rec->image,
					  .cause = gd_python_cause(rec) };
	struct gd_python_wait_sums fresh = { waited_ns << (rec->python.thinned & 31), 1 };
	struct gd_python_wait_sums *sums = bpf_map_lookup_elem(&gd_python_waits, &key);

	if (!sums && bpf_map_update_elem(&gd_python_waits, &key, &fresh, BPF_NOEXIST) == 0)
		return 0;
	if (!sums)
		sums = bpf_map_lookup_elem(&gd_python_waits, &key); /* another CPU was faster */
	if (!sums) {
		count(GD_BPF_LOST_PYTHON);
		return 0;
	}
	__sync_fetch_and_add(&sums->waited_ns, fresh.waited_ns);
	__sync_fetch_and_add(&sums->samples, 1);
	return 0;
}

#endif

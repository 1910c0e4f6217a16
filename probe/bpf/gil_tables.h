/* SPDX-License-Identifier: MIT */
/* The tables of the programs that watch GILs, and finding something in them. */
#ifndef GD_BPF_GIL_TABLES_H
#define GD_BPF_GIL_TABLES_H

#ifndef __x86_64__
#define __x86_64__ /* the programs are compiled for BPF, the registers are the machine's */
#endif
#include "gil_shared.h"
#include "tasks.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/ptrace.h>

#define GILS        256
#define GIL_THREADS 16384

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GILS);
	__type(key, struct gd_gil_key);
	__type(value, struct gd_gil_row);
} gd_gils SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GD_GIL_WATCHED_MAX);
	__type(key, __u32);
	__type(value, struct gd_gil_watched);
} gd_gil_images SEC(".maps");

/* Nothing but zeros: too long for a program's own stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gd_gil_row);
} gd_empty_row SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GIL_THREADS);
	__type(key, struct gd_gil_thread_key);
	__type(value, struct gd_probed_gil_thread);
} gd_gil_threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GD_BPF_GIL_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} gd_gil_counts SEC(".maps");

static __always_inline void count_gil(__u32 what)
{
	__u64 *counter = bpf_map_lookup_elem(&gd_gil_counts, &what);

	if (counter)
		++*counter;
}

/* ---- Finding --------------------------------------------------------------------------------- */

static __always_inline struct gd_gil_watched *watched(const struct gd_task *task)
{
	__u32 image = task->image;

	return bpf_map_lookup_elem(&gd_gil_images, &image);
}

static __always_inline struct gd_gil_row *find_gil(__u32 image, __u64 cond)
{
	struct gd_gil_key key = { .image = image, .cond = cond };

	return bpf_map_lookup_elem(&gd_gils, &key);
}

static __always_inline struct gd_gil_row *make_gil(__u32 image, __u64 cond)
{
	struct gd_gil_key key = { .image = image, .cond = cond };
	struct gd_gil_row *row = bpf_map_lookup_elem(&gd_gils, &key);
	__u32 zero = 0;
	void *empty;

	if (row)
		return row;
	empty = bpf_map_lookup_elem(&gd_empty_row, &zero);
	if (empty)
		bpf_map_update_elem(&gd_gils, &key, empty, BPF_NOEXIST);
	row = bpf_map_lookup_elem(&gd_gils, &key);
	if (!row)
		count_gil(GD_BPF_LOST_GILS);
	return row;
}

static __always_inline struct gd_probed_gil_thread *make_thread(const struct gd_task *task)
{
	struct gd_gil_thread_key key = { .image = task->image, .tid = task->tid };
	struct gd_probed_gil_thread *thread = bpf_map_lookup_elem(&gd_gil_threads, &key);
	struct gd_probed_gil_thread fresh = { .image = task->image, .tid = task->tid };

	if (thread)
		return thread;
	bpf_map_update_elem(&gd_gil_threads, &key, &fresh, BPF_NOEXIST);
	thread = bpf_map_lookup_elem(&gd_gil_threads, &key);
	if (!thread)
		count_gil(GD_BPF_LOST_GIL_THREADS);
	return thread;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The tables of the programs in the kernel, and finding a followed thread in them.  One byte
 * per tgid is asked first: two loads are what everybody else pays.  A false hit costs a look-up more.
 */
#ifndef GD_BPF_TABLES_H
#define GD_BPF_TABLES_H

#include "kernel_types.h"
#include "shared.h"
#include "tasks.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define TGIDS  65536 /* marks; a tgid beyond shares one */
#define IMAGES 16384
#define WAITS  32768
#define DETAIL 24576 /* of them: beyond, new rows go without waker and stack */
#define STACKS 4096

/* Asked of the loader: the uid whose processes may be followed, ~0: anybody's. */
const volatile __u32 gd_owner = ~0u;

/* No tgid shares its mark with another: it may be cleared. */
const volatile _Bool gd_marks_are_exact;

/* Python stacks are walked; else the verifier, which takes 30 ms for that, never sees the walk. */
const volatile _Bool gd_has_stacks;

/* What the loader hands on by an iterator: the row it goes to stays that of the program. */
struct gd_learnt gd_learnt;

/* What it asks for by another one. */
struct gd_wanted gd_wanted;

struct gd_sought gd_sought;

/* The instant that it wants to know of by a third one. */
__u64 gd_instant_ns;

__u8 gd_marks[TGIDS];
__u32 gd_images; /* given out so far */
__u32 gd_wait_rows;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IMAGES);
	__type(key, __u32);
	__type(value, struct gd_tgid);
} gd_tgids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WAITS);
	__type(key, struct gd_wait_key);
	__type(value, struct gd_wait_sums);
} gd_waits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, STACKS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, GD_PROBED_STACK_DEPTH * sizeof(__u64));
} gd_stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[GD_WANTED_BYTES]);
} gd_page SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} gd_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GD_BPF_COUNT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} gd_counts SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *counter = bpf_map_lookup_elem(&gd_counts, &what);

	if (counter)
		++*counter;
}

static __always_inline __u8 mark_of(__u32 tgid)
{
	return gd_marks[tgid % TGIDS];
}

static __always_inline void mark(__u32 tgid)
{
	gd_marks[tgid % TGIDS] = 1;
}

static __always_inline void unmark(__u32 tgid)
{
	if (gd_marks_are_exact)
		gd_marks[tgid % TGIDS] = 0;
}

/* The record of a followed thread; NULL: not followed. */
static __always_inline struct gd_task *find(struct task_struct *task)
{
	return mark_of(task->tgid) ? find_marked(task) : 0;
}

#endif

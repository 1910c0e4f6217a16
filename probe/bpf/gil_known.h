/* SPDX-License-Identifier: MIT */
/* How a GIL is recognised, and what the clocks of the thread at it show. */
#ifndef GD_BPF_GIL_KNOWN_H
#define GD_BPF_GIL_KNOWN_H

#include "clocks.h"
#include "gil_tables.h"

/* struct _gil_runtime_state from gil->cond, x86-64 glibc (3.7 to 3.15). */
#define INTERVAL     (-32)
#define LOCKED       (-16)
#define MUTEX        48
#define SWITCH_COND  88
#define SWITCH_MUTEX 136
#define OWNER        8 /* of glibc's mutex */

#define INTERVAL_US_MAX 100000000

/* ---- Recognising ----------------------------------------------------------------------------- */

/* What lies at an address of the process; 0 where nothing can be read. */
static __always_inline __u32 word_at(__u64 address)
{
	__u32 word = 0;

	if (bpf_probe_read_user(&word, sizeof(word), (void *)address))
		count_gil(GD_BPF_GIL_FAULT);
	return word;
}

static __always_inline _Bool has_interval(__u64 cond)
{
	__u64 us = 0;

	return !bpf_probe_read_user(&us, sizeof(us), (void *)(cond + INTERVAL)) && us >= 1 &&
	       us <= INTERVAL_US_MAX;
}

/* Owners are compared with each other, not with a number of a thread: those have namespaces. */
static __always_inline _Bool is_take(__u64 switch_cond)
{
	__u64 cond = switch_cond - SWITCH_COND;
	__u32 owner = word_at(cond + SWITCH_MUTEX + OWNER);

	return owner && owner == word_at(cond + MUTEX + OWNER) && word_at(cond + LOCKED) == 1 &&
	       has_interval(cond);
}

static __always_inline _Bool is_drop(__u64 cond)
{
	return word_at(cond + MUTEX + OWNER) && word_at(cond + LOCKED) == 0 && has_interval(cond);
}

/* ---- Clocks ---------------------------------------------------------------------------------- */

static __always_inline void add_since(struct gd_probed_part *to, const struct gd_probed_part *then,
				      const struct gd_probed_part *now)
{
	to->ns += now->ns - then->ns;
	to->cpu_ns += now->cpu_ns - then->cpu_ns;
	to->queued_ns += now->queued_ns - then->queued_ns;
}

/* The state that ends now is booked. */
static __always_inline void enter(struct gd_probed_gil_thread *thread, __u32 state, __u64 cond,
				  const struct gd_probed_part *now)
{
	if (thread->state == GD_PROBED_GIL_HOLDS)
		add_since(&thread->hold, &thread->at, now);
	else if (thread->state == GD_PROBED_GIL_WAITS)
		add_since(&thread->wait, &thread->at, now);
	thread->state = state;
	thread->cond = cond;
	thread->at = *now;
}

#endif

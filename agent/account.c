/* SPDX-License-Identifier: MIT */
/*
 * Settling a span.  Over the span the CPU clock says how long the thread was off the CPU.  Waits
 * booked in it are capped at that, the briefest giving way first: those hardly blocked, if at all.
 * What is off beyond the waits was lost inside computing: preempted, throttled, or blocked where no
 * wrapper stands; the analysis tells which, with the kernel's run delay.
 */
#include "account.h"

#define WAITS (~((1u << GD_CAUSE_CPU_GIL) | (1u << GD_CAUSE_CPU_FREE)))

struct span {
	uint32_t touched; /* bit per cause with time in it */
	uint64_t delta[GD_CAUSE_COUNT];
	uint64_t waits;
	uint64_t brief;
	uint64_t computing;
};

static void take_deltas(struct gd_local *self, struct span *ret_span)
{
	ret_span->touched = 0;
	ret_span->waits = ret_span->brief = ret_span->computing = 0;
	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
		uint64_t sum = self->slot->ticks[cause];
		uint64_t delta = sum - self->mark[cause];

		if (!delta)
			continue;
		ret_span->touched |= 1u << cause;
		self->mark[cause] = sum;
		ret_span->delta[cause] = delta;
		if (!(WAITS & (1u << cause))) {
			ret_span->computing += delta;
			continue;
		}
		if (self->brief[cause] > delta)
			self->brief[cause] = delta;
		ret_span->waits += delta;
		ret_span->brief += self->brief[cause];
	}
}

static uint64_t share(uint64_t amount, uint64_t part, uint64_t whole)
{
	return whole ? (uint64_t)((double)amount * (double)part / (double)whole) : 0;
}

/* Of all the waits in the span, excess ticks were spent on the CPU. */
static void book_cpu_in_waits(struct gd_local *self, const struct span *span, uint64_t excess)
{
	uint64_t from_brief = excess < span->brief ? excess : span->brief;
	uint64_t from_rest = excess - from_brief;
	uint32_t left = span->touched & WAITS;

	while (left) {
		unsigned int cause = (unsigned int)__builtin_ctz(left);
		uint64_t brief = self->brief[cause];

		left &= left - 1;
		self->slot->cpu_in[cause] +=
			share(from_brief, brief, span->brief) +
			share(from_rest, span->delta[cause] - brief, span->waits - span->brief);
	}
}

void gd_account_flush(struct gd_local *self, uint64_t now)
{
	struct gd_thread *slot = self->slot;
	uint64_t ticks = now - self->flushed;
	uint64_t wall_ns, cpu_ns, ns, cpu, off;
	struct span span;

	if (!*gd_arena_owner_word) {
		gd_vfork_open = 1; /* a child on our image: from now on it passes through */
		return;
	}
	if (gd_process->flags & GD_FLAG_SECCOMP)
		return; /* the CPU clock is a system call */
	ns = gd_clock_read_ns(CLOCK_MONOTONIC);
	cpu = gd_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	wall_ns = ns - self->flushed_ns;
	cpu_ns = cpu - self->flushed_cpu;
	take_deltas(self, &span);
	off = cpu_ns >= wall_ns ? 0 : ticks - share(ticks, cpu_ns, wall_ns);
	if (span.waits > off) {
		book_cpu_in_waits(self, &span, span.waits - off);
	} else if (span.computing) {
		uint64_t lost = off - span.waits;

		for (unsigned int i = 0; i < 2; i++)
			if (span.touched & (1u << i))
				slot->off_in[i] += share(lost, span.delta[i], span.computing);
	}
	for (uint32_t left = span.touched; left; left &= left - 1)
		self->brief[__builtin_ctz(left)] = 0;
	self->flushed = now;
	self->flushed_ns = ns;
	self->flushed_cpu = cpu;
	slot->cpu_ns = cpu;
	gd_clock_learn(now - gd_process->first.ticks, ns - gd_process->first.monotonic_ns);
}

void gd_account_enter_flushing(struct gd_local *self, uint64_t now)
{
	gd_account_flush(self, now);
	GD_COMPILER_BARRIER();
	self->is_busy = false;
}

/* SPDX-License-Identifier: MIT */
#include "on_cpu.h"
#include "clock.h"
#include "proc.h"
#include <math.h>
#include <string.h>

#define WINDOW_NS 40000000ull
#define BOOKS_NS  20000000.0
#define RAN_ALL   0.85 /* of a window, less what a tick's lag (10 ms at most) can hide */

static char read_state(const struct gd_target *target, int32_t tid)
{
	char text[512];
	const char *end;

	gd_proc_read_task(target, tid, "stat", text, sizeof(text));
	end = strrchr(text, ')'); /* the name may hold anything, parentheses too */
	return end && end[1] == ' ' ? end[2] : '?';
}

static double roll(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (double)(*random >> 11) / (double)(1ull << 53);
}

/* Only such a thread can be told by what happened since the last look. */
static bool has_computed_since_last(const struct gd_target *target, uint32_t slot)
{
	return target->threads[slot].since <= target->asked_ticks;
}

static enum gd_on_cpu by_state(char state)
{
	switch (state) {
	case 'S':
	case 'I':
		return GD_BLOCKED;
	case 'D':
		return GD_BLOCKED_DISK;
	case 'T':
	case 't':
		return GD_STOPPED;
	default:
		return GD_ON_CPU; /* R: running, or queued; which, the clock tells */
	}
}

/* The share of its last whole window that a thread ran; -1: it has not computed for one yet. */
static double by_window(struct gd_target *target, uint32_t index)
{
	struct gd_slot_memory *memory = &target->memory[index];
	uint64_t now_ns = target->when->now_ns;
	uint64_t run_ns, delay_ns;

	if (memory->window_ns && now_ns - memory->window_ns < WINDOW_NS)
		return memory->ran;
	if (!gd_proc_read_schedstat(target, memory->tid, &run_ns, &delay_ns))
		return 1;
	memory->ran = !memory->window_ns ? -1
					 : (double)(run_ns - memory->window_run_ns) /
						   (double)(now_ns - memory->window_ns);
	memory->window_ns = now_ns;
	memory->window_run_ns = run_ns;
	return memory->ran;
}

/*
 * Of its computing of this kind, GIL held or not, the share on a CPU: from its own books, kept for
 * stretches of 20 ms of it.
 */
static double by_books(struct gd_target *target, uint32_t index, uint16_t cause)
{
	const struct gd_thread *slot = &target->threads[index];
	struct gd_books *books = &target->memory[index].books[cause];
	uint64_t ticks = slot->ticks[cause] - books->ticks;
	uint64_t off = slot->off_in[cause] - books->off;
	double stretch = BOOKS_NS * target->when->ticks_per_ns;

	if (books->is_full && (double)ticks < stretch)
		return books->ran;
	if (!ticks)
		return 1;
	books->ran = 1 - fmin(1, (double)off / (double)ticks);
	if ((double)ticks >= stretch) {
		books->is_full = true; /* until then, little is better than nothing */
		books->ticks += ticks;
		books->off += off;
	}
	return books->ran;
}

static enum gd_on_cpu answer(struct gd_target *target, uint32_t index, bool stood_still)
{
	const struct gd_thread *slot = &target->threads[index];
	struct gd_slot_memory *memory = &target->memory[index];
	uint16_t cause = slot->gil ? GD_CAUSE_CPU_GIL : GD_CAUSE_CPU_FREE;
	bool is_old = has_computed_since_last(target, index);
	uint64_t since = slot->since;
	enum gd_on_cpu by_kernel;
	double ran = -1;

	if (memory->tid != slot->tid)
		*memory = (struct gd_slot_memory){ .tid = slot->tid };
	if (is_old && slot->cause == GD_CAUSE_FILE) { /* the call has gone on since then */
		by_kernel = by_state(read_state(target, slot->tid));
		return slot->since == since ? by_kernel : GD_BLOCKED;
	}
	if (is_old)
		ran = by_window(target, index);
	else
		memory->window_ns = 0;
	if (ran < 0)
		ran = by_books(target, index, cause);
	if (ran >= RAN_ALL && !(is_old && stood_still))
		return GD_ON_CPU;
	by_kernel = by_state(read_state(target, slot->tid));
	if (slot->since != since)
		by_kernel = GD_ON_CPU; /* the state is that of what it does now */
	if (by_kernel != GD_ON_CPU || ran >= RAN_ALL || roll(&target->when->random) < ran)
		return by_kernel;
	return GD_STARVED;
}

void gd_on_cpu_ask(struct gd_target *target, const uint32_t *slots, size_t count,
		   enum gd_on_cpu *ret_answers, void *arg)
{
	/* Of one that only waits, nobody needs to know. */
	uint64_t cpu_ns = count ? gd_clock_ns(gd_clock_of_process(target->pid)) : 0;
	bool stood_still = cpu_ns && cpu_ns == target->asked_cpu_ns;

	(void)arg; /* the tree */
	for (size_t i = 0; i < count; i++)
		ret_answers[i] = answer(target, slots[i], stood_still);
	target->asked_ticks = target->when->now_ticks;
	target->asked_cpu_ns = cpu_ns;
}

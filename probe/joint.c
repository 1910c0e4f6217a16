/* SPDX-License-Identifier: MIT */
/* From slots to a picture. */
#include "joint.h"
#include "clock.h"

#define CREDIT_MAX 10 /* instants that earlier CPU time may be spent on */

bool gd_joint_cause_at(const struct gd_thread *slot, uint64_t instant, uint16_t *ret_cause,
		       bool *ret_missed)
{
	uint16_t cause = 0, cause_prev = 0;
	uint64_t since = 0, since_prev = 0;
	uint32_t before, after;
	int tries = 0;

	do {
		before = __atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE);
		cause = slot->cause;
		cause_prev = slot->cause_prev;
		since = slot->since;
		since_prev = slot->since_prev;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(&slot->seq, __ATOMIC_RELAXED);
	} while ((before != after || (before & 1)) && ++tries < 100);
	if (slot->born > instant)
		return false;
	*ret_missed = since > instant && since_prev > instant;
	/* What it does now is a fair look; what it did before its last change is mostly the brief. */
	*ret_cause = since <= instant || *ret_missed ? cause : cause_prev;
	if (*ret_cause >= GD_CAUSE_MAX)
		*ret_cause = GD_CAUSE_OTHER;
	return true;
}

/* Threads that seem to compute, until the kernel was asked. */
struct candidates {
	uint32_t slots[GD_JOINT_ASKED_MAX];
	bool holds_gil[GD_JOINT_ASKED_MAX];
	bool is_file[GD_JOINT_ASKED_MAX]; /* in a call for a file since the last look */
	size_t count;
};

/* A wait for a followed process is none for the outside: that instant belongs to what it does. */
static bool is_inside(const struct gd_target *target, const struct gd_thread *slot, uint16_t cause,
		      const struct gd_joint_world *world)
{
	if (cause == GD_CAUSE_PIPE)
		return slot->object && world->is_pipe_followed(world->arg, target, slot->object);
	return cause == GD_CAUSE_CHILD && world->has_followed_child(world->arg, target);
}

/*
 * A read from the page cache, a byte for a neighbour: the agent books it as a wait, and beside it
 * what of it was spent on the CPU.  That is a credit to be spent here on instants, one by one, so
 * that in the picture as many of them compute as really did.  One that goes on since the last look
 * has no books yet: spend says that the kernel saw it on a CPU.
 */
static bool spend_credit(struct gd_target *target, uint32_t index, uint64_t instant, bool spend)
{
	const struct gd_thread *slot = &target->threads[index];
	struct gd_slot_memory *memory = &target->memory[index];
	int64_t between = (int64_t)(instant - target->pictured_ticks);
	uint64_t sum = 0;

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
		sum += cause != GD_CAUSE_GIL ? slot->cpu_in[cause] : 0;
	if (sum > memory->wait_cpu)
		memory->wait_credit += (int64_t)(sum - memory->wait_cpu);
	memory->wait_cpu = sum;
	if (!target->pictured_ticks || between <= 0)
		return spend;
	if (memory->wait_credit > CREDIT_MAX * between)
		memory->wait_credit = CREDIT_MAX * between;
	if (!spend && memory->wait_credit < between)
		return false;
	memory->wait_credit -= between;
	return true;
}

static void add_waiting(struct gd_picture *picture, const struct gd_target *target,
			const struct gd_thread *slot, uint16_t cause,
			const struct gd_joint_world *world)
{
	uint8_t class = is_inside(target, slot, cause, world) ? GD_CLASS_LOCK_WAIT
							      : gd_picture_class(cause);

	gd_picture_add_waiting(picture, cause, class, slot->outside, slot->gil == 1);
}

static void add_thread(struct gd_picture *picture, struct candidates *candidates,
		       struct gd_target *target, uint32_t index, uint16_t cause, uint64_t instant,
		       const struct gd_joint_world *world)
{
	const struct gd_thread *slot = &target->threads[index];
	bool computes = cause == GD_CAUSE_CPU_GIL || cause == GD_CAUSE_CPU_FREE;
	bool is_long_file = cause == GD_CAUSE_FILE && target->pictured_ticks &&
			    slot->since <= target->pictured_ticks;

	if (!computes && cause != GD_CAUSE_GIL && !is_long_file &&
	    spend_credit(target, index, instant, false)) {
		gd_picture_add_computing(picture, GD_ON_CPU, slot->gil != 0, slot->gil == 1);
		return;
	}
	if (!computes && (!is_long_file || candidates->count == GD_JOINT_ASKED_MAX)) {
		add_waiting(picture, target, slot, cause, world);
		return;
	}
	if (candidates->count == GD_JOINT_ASKED_MAX) {
		gd_picture_add_computing(picture, GD_ON_CPU, cause == GD_CAUSE_CPU_GIL, false);
		return;
	}
	candidates->is_file[candidates->count] = is_long_file;
	candidates->holds_gil[candidates->count] = cause == GD_CAUSE_CPU_GIL;
	candidates->slots[candidates->count++] = index;
}

static void add_candidates(struct gd_picture *picture, const struct candidates *candidates,
			   struct gd_target *target, uint64_t instant,
			   const struct gd_joint_world *world)
{
	enum gd_on_cpu answers[GD_JOINT_ASKED_MAX];

	world->ask(target, candidates->slots, candidates->count, answers, world->arg);
	for (size_t i = 0; i < candidates->count; i++) {
		bool holds_gil = candidates->holds_gil[i];

		if (candidates->is_file[i] && answers[i] == GD_BLOCKED)
			answers[i] = GD_BLOCKED_DISK; /* of a network, say */
		if (candidates->is_file[i] && answers[i] == GD_ON_CPU)
			spend_credit(target, candidates->slots[i], instant, true);
		gd_picture_add_computing(picture, answers[i], holds_gil,
					 holds_gil &&
						 target->threads[candidates->slots[i]].gil == 1);
	}
}

/* The start ends where a thread first waits for something that is no file and no GIL. */
static bool is_steady(struct gd_process *process, const struct gd_picture *picture)
{
	bool waits = picture->parked || picture->sleeping || picture->key.loop_timer ||
		     picture->key.child || picture->locked ||
		     (picture->outside && picture->has_unlike_files);

	if (waits && !process->steady_ns)
		process->steady_ns = gd_clock_ns(CLOCK_MONOTONIC);
	return process->steady_ns != 0;
}

void gd_picture_take(struct gd_target *target, uint64_t instant, const struct gd_joint_world *world,
		     struct gd_picture *ret_picture)
{
	struct gd_picture picture = { .computing = 0 };
	struct candidates candidates = { .count = 0 };
	uint32_t used = gd_target_slots(target);

	for (uint32_t i = 0; i < used; i++) {
		const struct gd_thread *slot = &target->threads[i];
		bool missed = false;
		uint16_t cause;

		if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != GD_THREAD_LIVE ||
		    !gd_joint_cause_at(slot, instant, &cause, &missed))
			continue;
		target->process->samples_missed += missed;
		add_thread(&picture, &candidates, target, i, cause, instant, world);
	}
	add_candidates(&picture, &candidates, target, instant, world);
	gd_picture_end(&picture, is_steady(target->process, &picture));
	target->process->samples++;
	target->pictured_ticks = instant;
	*ret_picture = picture;
}

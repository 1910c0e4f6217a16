/* SPDX-License-Identifier: MIT */
/*
 * From slots to one cell of the histogram.  Cells are few (tens, in practice): a linear search in
 * order of first sight is faster than a hash.
 */
#include "joint.h"
#include "clock.h"
#include <string.h>

#define CREDIT_MAX 10 /* instants that earlier CPU time may be spent on */

static const uint8_t class_of[GD_CAUSE_MAX] = {
#define CLASS(name, number, class, words) [number] = GD_CLASS_##class,
	GD_CAUSES(CLASS)
#undef CLASS
};

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

static void add_outside(struct gd_picture *picture, uint32_t operations, bool is_file,
			bool is_looped)
{
	picture->outside += operations ? operations : 1;
	picture->has_unlike_files |= !is_file;
	picture->has_unlike_loops |= !is_looped;
}

/* Threads that seem to compute, until the kernel was asked. */
struct candidates {
	uint32_t slots[GD_JOINT_ASKED_MAX];
	bool holds_gil[GD_JOINT_ASKED_MAX];
	bool is_file[GD_JOINT_ASKED_MAX]; /* in a call for a file since the last look */
	size_t count;
};

static void add_computing(struct gd_picture *picture, enum gd_on_cpu answer, bool holds_gil,
			  bool is_first_gil)
{
	uint8_t holder = GD_HOLDER_WAITS;

	switch (answer) {
	case GD_ON_CPU:
		picture->computing++;
		picture->gil_computing += holds_gil;
		holder = GD_HOLDER_RUNS;
		break;
	case GD_STARVED:
		picture->starved++;
		holder = GD_HOLDER_STARVES;
		break;
	case GD_BLOCKED_DISK:
		add_outside(picture, 1, true, false); /* a page fault, most likely */
		break;
	case GD_BLOCKED:
		picture->unseen++;
		break;
	case GD_STOPPED:
		return; /* by a signal or a debugger: nothing that it did itself */
	}
	if (is_first_gil)
		picture->key.holder = holder;
}

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
	uint8_t class =
		is_inside(target, slot, cause, world) ? GD_CLASS_LOCK_WAIT : class_of[cause];

	switch (class) {
	case GD_CLASS_GIL_WAIT:
		picture->gil_wait++;
		return; /* and holds none, whatever its slot said a moment ago */
	case GD_CLASS_LOCK_WAIT:
		picture->locked++;
		break;
	case GD_CLASS_IO_WAIT:
		add_outside(picture, slot->outside, cause == GD_CAUSE_FILE, cause == GD_CAUSE_POLL);
		break;
	case GD_CLASS_TIMER_WAIT:
		picture->sleeping += cause == GD_CAUSE_SLEEP;
		picture->key.loop_timer |= cause != GD_CAUSE_SLEEP;
		break;
	case GD_CLASS_CHILD_WAIT:
		picture->key.child = 1;
		break;
	default:
		picture->parked++;
		break;
	}
	if (slot->gil == 1)
		picture->key.holder = GD_HOLDER_WAITS;
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
		add_computing(picture, GD_ON_CPU, slot->gil != 0, slot->gil == 1);
		return;
	}
	if (!computes && (!is_long_file || candidates->count == GD_JOINT_ASKED_MAX)) {
		add_waiting(picture, target, slot, cause, world);
		return;
	}
	if (candidates->count == GD_JOINT_ASKED_MAX) {
		add_computing(picture, GD_ON_CPU, cause == GD_CAUSE_CPU_GIL, false);
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
		add_computing(picture, answers[i], holds_gil,
			      holds_gil && target->threads[candidates->slots[i]].gil == 1);
	}
}

/* The start ends where a thread first waits for something that is no file and no GIL. */
static void note_phase(struct gd_process *process, struct gd_picture *picture)
{
	bool waits = picture->parked || picture->sleeping || picture->key.loop_timer ||
		     picture->key.child || picture->locked ||
		     (picture->outside && picture->has_unlike_files);
	bool acts = picture->computing || picture->starved || picture->outside ||
		    picture->sleeping || picture->key.loop_timer;

	if (waits && !process->steady_ns)
		process->steady_ns = gd_clock_ns(CLOCK_MONOTONIC);
	picture->key.phase = process->steady_ns ? GD_PHASE_STEADY : GD_PHASE_START;
	picture->is_starting = acts && picture->key.phase == GD_PHASE_START;
	picture->is_steady = acts && picture->key.phase == GD_PHASE_STEADY;
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
	note_phase(target->process, &picture);
	picture.outside_processes = picture.outside > 0;
	picture.computing_processes = picture.computing + picture.starved > 0;
	target->process->samples++;
	target->pictured_ticks = instant;
	*ret_picture = picture;
}

void gd_picture_merge(struct gd_picture *tree, const struct gd_picture *one)
{
	/* The holder that keeps others waiting says more than one that nobody waits for. */
	if (one->key.holder != GD_HOLDER_NONE &&
	    (tree->key.holder == GD_HOLDER_NONE ||
	     (one->key.holder == GD_HOLDER_WAITS && one->gil_wait)))
		tree->key.holder = one->key.holder;
	tree->key.loop_timer |= one->key.loop_timer;
	tree->key.child |= one->key.child;
	tree->computing += one->computing;
	tree->starved += one->starved;
	tree->unseen += one->unseen;
	tree->gil_wait += one->gil_wait;
	tree->outside += one->outside;
	tree->sleeping += one->sleeping;
	tree->locked += one->locked;
	tree->gil_computing += one->gil_computing;
	tree->parked += one->parked;
	tree->outside_processes += one->outside_processes;
	tree->computing_processes += one->computing_processes;
	tree->has_unlike_files |= one->has_unlike_files;
	tree->has_unlike_loops |= one->has_unlike_loops;
	tree->is_starting |= one->is_starting;
	tree->is_steady |= one->is_steady;
	tree->key.phase = tree->is_starting && !tree->is_steady ? GD_PHASE_START : GD_PHASE_STEADY;
}

static uint8_t cap(uint32_t n, uint8_t limit)
{
	return n < limit ? (uint8_t)n : limit;
}

/* Where more is known of an instant, that some threads wait for others says nothing. */
static void close_key(struct gd_picture *picture)
{
	struct gd_joint_key *key = &picture->key;
	bool is_known = picture->computing || picture->starved || picture->outside ||
			picture->sleeping || key->loop_timer || key->child;

	key->computing = cap(picture->computing, 255);
	key->starved = cap(picture->starved, 255);
	key->unseen = !is_known && picture->unseen;
	key->gil_wait = cap(picture->gil_wait, 1);
	key->outside = cap(picture->outside, 1);
	key->sleeping = cap(picture->sleeping, 2);
	key->locked = !is_known && picture->locked;
	key->gil_computing = cap(picture->gil_computing, 8);
	key->file = picture->outside && !picture->has_unlike_files;
	key->looped = picture->outside && !picture->has_unlike_loops;
	key->outside_processes = cap(picture->outside_processes, 8);
	key->computing_processes = cap(picture->computing_processes, 8);
}

static struct gd_joint *find_cell(struct gd_section *section, struct gd_joint *cells,
				  const struct gd_joint_key *key)
{
	uint32_t used = section->used < GD_JOINT_CAPACITY ? section->used : GD_JOINT_CAPACITY;

	for (uint32_t i = 0; i < used; i++)
		if (memcmp(&cells[i].key, key, sizeof(*key)) == 0)
			return &cells[i];
	if (used == GD_JOINT_CAPACITY) {
		section->lost++;
		return NULL;
	}
	cells[used].key = *key;
	__atomic_store_n(&section->used, used + 1, __ATOMIC_RELEASE);
	return &cells[used];
}

void gd_picture_store(struct gd_picture *picture, uint64_t weight_ns, struct gd_section *section,
		      struct gd_joint *cells)
{
	struct gd_joint *cell;

	close_key(picture);
	cell = find_cell(section, cells, &picture->key);
	if (!cell)
		return;
	cell->instants++;
	cell->weight_ns += weight_ns;
	cell->outside_sum += picture->outside;
	cell->locked_sum += picture->locked;
	cell->gil_wait_sum += picture->gil_wait;
	cell->computing_sum += picture->computing;
}

/* SPDX-License-Identifier: MIT */
/*
 * Cells are few (tens, in practice): a linear search in order of first sight is faster than a hash.
 */
#include "picture.h"
#include <string.h>

static const uint8_t class_of[GD_CAUSE_MAX] = {
#define CLASS(name, number, class, words) [number] = GD_CLASS_##class,
	GD_CAUSES(CLASS)
#undef CLASS
};

uint8_t gd_picture_class(uint16_t cause)
{
	return cause < GD_CAUSE_MAX ? class_of[cause] : GD_CLASS_IO_WAIT;
}

/* ---- Threads --------------------------------------------------------------------------------- */

static void add_outside(struct gd_picture *picture, uint32_t operations, bool is_file,
			bool is_looped)
{
	picture->outside += operations ? operations : 1;
	picture->has_unlike_files |= !is_file;
	picture->has_unlike_loops |= !is_looped;
}

void gd_picture_add_computing(struct gd_picture *picture, enum gd_on_cpu answer, bool holds_gil,
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

void gd_picture_add_waiting(struct gd_picture *picture, uint16_t cause, uint8_t class,
			    uint32_t operations, bool holds_first_gil)
{
	switch (class) {
	case GD_CLASS_GIL_WAIT:
		picture->gil_wait++;
		return; /* and holds none, whatever was said of it a moment ago */
	case GD_CLASS_LOCK_WAIT:
		picture->locked++;
		break;
	case GD_CLASS_IO_WAIT:
		add_outside(picture, operations, cause == GD_CAUSE_FILE, cause == GD_CAUSE_POLL);
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
	if (holds_first_gil)
		picture->key.holder = GD_HOLDER_WAITS;
}

void gd_picture_end(struct gd_picture *picture, bool is_steady)
{
	bool acts = picture->computing || picture->starved || picture->outside ||
		    picture->sleeping || picture->key.loop_timer;

	picture->key.phase = is_steady ? GD_PHASE_STEADY : GD_PHASE_START;
	picture->is_starting = acts && !is_steady;
	picture->is_steady = acts && is_steady;
	picture->outside_processes = picture->outside > 0;
	picture->computing_processes = picture->computing + picture->starved > 0;
}

/* ---- Processes, and cells -------------------------------------------------------------------- */

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

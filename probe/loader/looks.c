/* SPDX-License-Identifier: MIT */
/* As the sampler's joint picture, by other eyes: what lies behind a lock they do not see. */
#include "looks.h"
#include <clock.h>
#include <jitter.h>
#include <stdlib.h>

#define MS 1000000ull

#define PERIOD_NS       (4 * MS)  /* between instants, on average */
#define PERIOD_LATER_NS (10 * MS) /* after LATER_NS there are thousands of them */
#define LATER_NS        (30000 * MS)
#define SHARE           100      /* of a CPU one of so many parts at most */
#define LATE_NS         (1 * MS) /* what a thread did longer ago the kernel has forgotten */

#define PICTURES_MAX 4096
#define SETS_MAX     8

/* Of one process. */
struct process_picture {
	uint32_t image;
	int32_t holder;          /* of the GIL, if nobody has touched it; 0: somebody has */
	uint32_t sets[SETS_MAX]; /* epoll sets that were counted */
	uint32_t set_count;
	struct gd_picture picture;
};

/* ---- When ------------------------------------------------------------------------------------ */

static void plan(struct gd_looks *looks, uint64_t now_ns)
{
	uint64_t period = now_ns - looks->started_ns > LATER_NS ? PERIOD_LATER_NS : PERIOD_NS;

	if (period < SHARE * looks->cost_ns)
		period = SHARE * looks->cost_ns;
	looks->next_ns += gd_jitter_period(&looks->random, period);
	if (looks->next_ns < now_ns)
		looks->next_ns = now_ns + period / 2; /* we were kept off the CPU */
}

void gd_looks_begin(struct gd_looks *looks)
{
	uint64_t now_ns = gd_clock_ns(CLOCK_MONOTONIC);

	looks->started_ns = looks->planned_ns = looks->next_ns = now_ns;
	looks->random = now_ns | 1;
	plan(looks, now_ns);
}

uint64_t gd_looks_wait_ns(const struct gd_looks *looks)
{
	uint64_t now_ns = gd_clock_ns(CLOCK_MONOTONIC);

	return looks->next_ns > now_ns ? looks->next_ns - now_ns : 0;
}

/* ---- What ------------------------------------------------------------------------------------ */

static struct process_picture *picture_of(struct gd_looks *looks,
					  const struct gd_presents *presents, uint32_t image)
{
	struct process_picture *rows = looks->pictures.rows;

	for (size_t i = looks->pictures.count; i-- > 0;)
		if (rows[i].image == image)
			return &rows[i];
	rows = gd_rows_add(&looks->pictures, sizeof(*rows), PICTURES_MAX);
	if (rows) {
		rows->image = image;
		rows->holder = gd_present_holder(presents, image);
	}
	return rows;
}

/* Who waits for a child that is followed waits for what that does. */
static bool is_inside(const struct gd_books *books, const struct gd_glance *glance)
{
	const struct gd_book *book = gd_books_find(books, glance->image);
	const struct gd_book *rows = books->books.rows;

	for (size_t i = 0; book && glance->cause == GD_CAUSE_CHILD && i < books->books.count; i++)
		if (!rows[i].image.end_ns && rows[i].image.ppid == book->image.pid)
			return true;
	return false;
}

static bool is_named(uint8_t cause)
{
	return cause > GD_CAUSE_CPU_FREE && cause < GD_CAUSE_COUNT && !GD_PROBED_IS_DOUBTFUL(cause);
}

/* Several threads that wait on one set wait for the same answers. */
static bool is_counted(struct process_picture *process, uint32_t set)
{
	for (uint32_t i = 0; set && i < process->set_count; i++)
		if (process->sets[i] == set)
			return true;
	if (set && process->set_count < SETS_MAX)
		process->sets[process->set_count++] = set;
	return false;
}

static uint8_t class_of(struct process_picture *process, const struct gd_glance *glance,
			uint8_t cause, const struct gd_books *books)
{
	if (is_inside(books, glance))
		return GD_CLASS_LOCK_WAIT;
	if (cause == GD_CAUSE_POLL && is_counted(process, glance->set))
		return GD_CLASS_IDLE;
	return gd_picture_class(cause);
}

static void add_thread(struct process_picture *process, const struct gd_glance *glance,
		       const struct gd_books *books)
{
	struct gd_picture *picture = &process->picture;
	bool waits = glance->gil == GD_AT_GIL_WAITS;
	bool holds = glance->gil == GD_AT_GIL_HOLDS ||
		     (process->holder > 0 && glance->tid == process->holder);
	uint8_t cause = waits ? GD_CAUSE_GIL : glance->cause;

	if (glance->does == GD_DOES_RUN)
		gd_picture_add_computing(picture, GD_ON_CPU, holds, holds);
	else if (glance->does == GD_DOES_QUEUE)
		gd_picture_add_computing(picture, GD_STARVED, holds, holds);
	else if (!is_named(cause))
		gd_picture_add_computing(picture, GD_BLOCKED, holds, holds);
	else
		gd_picture_add_waiting(picture, cause, class_of(process, glance, cause, books),
				       glance->operations, holds);
}

static void store(struct gd_looks *looks)
{
	struct process_picture *rows = looks->pictures.rows;
	struct gd_picture all = { .computing = 0 };

	for (size_t i = 0; i < looks->pictures.count; i++) {
		gd_picture_end(&rows[i].picture, true);
		gd_picture_merge(&all, &rows[i].picture);
	}
	gd_picture_store(&all, looks->next_ns - looks->planned_ns, &looks->section, looks->cells);
	looks->count++;
}

/* A look that is being taken. */
struct taking {
	struct gd_looks *looks;
	const struct gd_books *books;
	const struct gd_presents *presents;
};

static void add_glance(const void *row, void *arg)
{
	const struct gd_glance *glance = row;
	const struct taking *taking = arg;
	struct process_picture *process =
		picture_of(taking->looks, taking->presents, glance->image);

	if (process)
		add_thread(process, glance, taking->books);
}

void gd_looks_take(const struct gd_attached *attached, const struct gd_books *books,
		   const struct gd_presents *presents, struct gd_looks *looks)
{
	uint64_t cpu_ns = gd_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t now_ns = gd_clock_ns(CLOCK_MONOTONIC), instant_ns = looks->next_ns;
	struct taking taking = { looks, books, presents };

	if (instant_ns + LATE_NS < now_ns)
		instant_ns = now_ns - LATE_NS;
	looks->pictures.count = 0;
	if (gd_attach_glance(attached, instant_ns, add_glance, &taking) == 0 &&
	    looks->pictures.count)
		store(looks);
	looks->planned_ns = looks->next_ns;
	looks->cost_ns = gd_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	plan(looks, gd_clock_ns(CLOCK_MONOTONIC));
}

void gd_looks_free(struct gd_looks *looks)
{
	free(looks->pictures.rows);
}

/* SPDX-License-Identifier: MIT */
/*
 * The dynamic loader maps libpython and libc within a millisecond or two; an interpreter has threads
 * within ten.  What is no Python never does either.
 */
#include "starts.h"
#include "follow.h"
#include <clock.h>
#include <stdlib.h>

#define MS 1000000ull

#define STARTS_MAX 256 /* programs that begin at a time */
#define FIRST_NS   (2 * MS)
#define LONGEST_NS (100 * MS)
#define FILES_NS   (3000 * MS) /* who has mapped no interpreter by then runs none */
#define THREADS_NS (10000 * MS)

/* ---- Patience -------------------------------------------------------------------------------- */

static struct gd_patience begin_patience(uint64_t for_ns)
{
	uint64_t now_ns = gd_clock_ns(CLOCK_MONOTONIC);

	return (struct gd_patience){ now_ns, FIRST_NS, now_ns + for_ns };
}

/* Is it time to look again?  Then the next time is later. */
static bool is_due(struct gd_patience *patience)
{
	uint64_t now_ns = gd_clock_ns(CLOCK_MONOTONIC);

	if (now_ns < patience->next_ns)
		return false;
	patience->next_ns = now_ns + patience->wait_ns;
	patience->wait_ns = 2 * patience->wait_ns < LONGEST_NS ? 2 * patience->wait_ns : LONGEST_NS;
	return true;
}

static bool is_over(const struct gd_patience *patience)
{
	return patience->next_ns > patience->until_ns;
}

/* ---- What it is ------------------------------------------------------------------------------ */

void gd_starts_add(struct gd_attached *attached, const struct gd_event *event,
		   struct gd_presents *presents)
{
	int32_t pid = gd_present_number(attached, event);
	struct gd_present_start *start;

	if (!pid)
		return;
	start = gd_rows_add(&presents->starts, sizeof(*start), STARTS_MAX);
	if (!start) {
		presents->lost++;
		return;
	}
	gd_reader_open(attached, pid, event->tgid, event->image, &start->reader);
	start->patience = begin_patience(FILES_NS);
}

static bool is_mapped(const struct gd_reader *reader, const struct gd_mapping *file,
		      uint64_t *ret_start)
{
	struct gd_mapping sought = *file, found;

	sought.start = 0;
	if (!sought.inode || !gd_reader_seek(reader, &sought, &found))
		return false;
	*ret_start = found.start;
	return true;
}

static bool is_same(const struct gd_mapping *a, const struct gd_mapping *b)
{
	return a->inode == b->inode && a->device == b->device;
}

/* Another one before it has the same interpreter. */
static bool is_again(const struct gd_presents *presents, size_t which)
{
	for (size_t i = 0; i < which; i++)
		if (is_same(&presents->of[i].file, &presents->of[which].file) &&
		    is_same(&presents->of[i].libc, &presents->of[which].libc))
			return true;
	return false;
}

/* Whose interpreter, and whose libc, it has mapped; NULL: nobody's, or not yet. */
static struct gd_present *find_family(struct gd_presents *presents, const struct gd_reader *reader,
				      uint64_t *ret_start)
{
	uint64_t libc;

	for (size_t i = 0; i < presents->count; i++) {
		struct gd_present *family = &presents->of[i];

		if (!is_again(presents, i) && is_mapped(reader, &family->file, ret_start) &&
		    is_mapped(reader, &family->libc, &libc))
			return family;
	}
	return NULL;
}

/* False: what it runs is not known yet. */
static bool look_at(struct gd_attached *attached, struct gd_presents *presents,
		    struct gd_present_start *start)
{
	struct gd_reader *reader = &start->reader;
	struct gd_present_child *child;
	struct gd_present *family;
	uint64_t at;

	family = find_family(presents, reader, &at);
	if (!family)
		return false;
	child = gd_present_bear(presents, family, reader->image, &family->interpreter);
	if (!child)
		return true;
	gd_interpreter_move(&child->interpreter, at);
	child->reader = *reader;
	*reader = (struct gd_reader){ .link = NULL };
	gd_gils_bear(&family->gils, attached, child->reader.pid, child->image, &child->interpreter,
		     true);
	child->is_starting = family->interpreter.has_stacks;
	child->patience = begin_patience(THREADS_NS);
	return true;
}

static void look_at_programs(struct gd_attached *attached, struct gd_presents *presents)
{
	struct gd_present_start *starts = presents->starts.rows;

	for (size_t i = presents->starts.count; i-- > 0;) {
		bool has_ended = !starts[i].reader.tgid;

		if (!has_ended &&
		    (!is_due(&starts[i].patience) ||
		     (!look_at(attached, presents, &starts[i]) && !is_over(&starts[i].patience))))
			continue;
		gd_reader_close(&starts[i].reader);
		starts[i] = starts[--presents->starts.count];
	}
}

/* ---- Its threads ----------------------------------------------------------------------------- */

static void look_for_threads(struct gd_attached *attached, struct gd_present_child *child,
			     struct gd_python_stacks *stacks, struct gd_books *books)
{
	child->is_starting =
		!gd_interpreter_is_up(&child->interpreter) && !is_over(&child->patience);
	/* Still the one that it was, not another of its number? */
	if (!child->interpreter.has_stacks ||
	    !gd_follow_is(attached, child->reader.pid, child->image))
		return;
	gd_books_python(books, child->image, child->interpreter.version);
	gd_python_stacks_begin(attached, &child->interpreter, child->reader.pid, child->image,
			       stacks);
}

void gd_starts_look(struct gd_attached *attached, struct gd_presents *presents,
		    struct gd_python_stacks *stacks, struct gd_books *books)
{
	struct gd_present_child **children;

	look_at_programs(attached, presents);
	children = presents->children.rows;
	for (size_t i = 0; i < presents->children.count; i++)
		if (children[i]->is_starting && is_due(&children[i]->patience))
			look_for_threads(attached, children[i], stacks, books);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

void gd_starts_end(struct gd_presents *presents, uint32_t image)
{
	struct gd_present_start *starts = presents->starts.rows;

	for (size_t i = 0; i < presents->starts.count; i++)
		if (starts[i].reader.image == image)
			gd_reader_close(&starts[i].reader); /* its row goes at the next look */
}

void gd_starts_forget(struct gd_presents *presents)
{
	struct gd_present_start *starts = presents->starts.rows;

	for (size_t i = 0; i < presents->starts.count; i++)
		gd_reader_close(&starts[i].reader);
	free(starts);
	presents->starts = (struct gd_rows){ .rows = NULL };
}

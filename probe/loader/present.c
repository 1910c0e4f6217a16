/* SPDX-License-Identifier: MIT */
#include "present.h"
#include "follow.h"
#include <clock.h>
#include <stdlib.h>

#define CHILDREN_MAX 1024 /* that are looked at, the ended ones included */
#define STARTS_MAX   256  /* programs that begin at a time */
#define LOOKS_MAX    250  /* for what it is, and for threads: about a second */

void gd_present_add(const struct gd_attached *attached, int32_t pid, uint32_t owner,
		    struct gd_presents *presents)
{
	struct gd_present *present = &presents->of[presents->count];

	if (presents->count == GD_PRESENT_MAX)
		return;
	presents->count++;
	present->pid = pid;
	present->gils.beacon = present->gils.site.libc = -1;
	if (gd_interpreter_find(pid, owner, &present->interpreter) == 0)
		gd_gils_attach(attached, pid, owner, &present->interpreter, &presents->way,
			       &present->gils);
}

/* Which file the interpreter is, by the kernel's own numbers: those of a path may be others. */
static void identify(const struct gd_attached *attached, int32_t pid, struct gd_present *present)
{
	struct gd_mapping sought = { .start = present->interpreter.start };
	struct gd_reader reader;

	if (!present->interpreter.runtime)
		return;
	gd_reader_open(attached, pid, (uint32_t)pid, present->image, &reader);
	gd_reader_seek(&reader, &sought, &present->file);
	gd_reader_close(&reader);
}

uint16_t gd_present_begin(struct gd_attached *attached, int32_t pid, uint32_t image,
			  struct gd_presents *presents, struct gd_python_stacks *stacks)
{
	for (size_t i = 0; i < presents->count; i++) {
		struct gd_present *present = &presents->of[i];

		if (present->pid != pid)
			continue;
		gd_gils_begin(&present->gils, image);
		gd_python_stacks_begin(attached, &present->interpreter, pid, image, stacks);
		present->pid = 0; /* another one may get that number */
		present->image = image;
		identify(attached, pid, present);
		return present->interpreter.version;
	}
	return 0;
}

/* ---- What they fork -------------------------------------------------------------------------- */

/* Whom a process of that image was born of, and the interpreter that it runs; false: of nobody. */
static bool find_parent(struct gd_presents *presents, uint32_t image,
			struct gd_present **ret_family,
			const struct gd_interpreter **ret_interpreter)
{
	struct gd_present_child **children = presents->children.rows;

	for (size_t i = 0; i < presents->count; i++) {
		if (presents->of[i].image != image)
			continue;
		*ret_family = &presents->of[i];
		*ret_interpreter = &presents->of[i].interpreter;
		return true;
	}
	for (size_t i = presents->children.count; i-- > 0;) {
		if (children[i]->image != image)
			continue;
		*ret_family = children[i]->family;
		*ret_interpreter = &children[i]->interpreter;
		return true;
	}
	return false;
}

static bool read_child(void *arg, uint64_t address, void *buf, size_t size_bytes)
{
	const struct gd_present_child *child = arg;

	return gd_reader_read(&child->reader, address, buf, size_bytes);
}

static struct gd_present_child *add_child(struct gd_presents *presents, struct gd_present *family,
					  uint32_t image, const struct gd_interpreter *interpreter)
{
	struct gd_present_child *child = calloc(1, sizeof(*child));
	struct gd_present_child **row =
		child ? gd_rows_add(&presents->children, sizeof(child), CHILDREN_MAX) : NULL;

	if (!row) {
		free(child);
		return NULL;
	}
	*row = child;
	child->family = family;
	child->image = image;
	child->interpreter = *interpreter;
	child->interpreter.fd = -1;
	child->interpreter.memory = (struct gd_memory){ read_child, child };
	child->interpreter.python.memory = child->interpreter.memory;
	return child;
}

/* The number of a new process in the namespace of this one; 0: it has ended, or is not to be seen. */
static int32_t number_of(const struct gd_attached *attached, const struct gd_event *event)
{
	if (gd_follow_is(attached, (int32_t)event->tgid, event->image))
		return (int32_t)event->tgid;
	return gd_follow_is(attached, event->pid, event->image) ? event->pid : 0;
}

void gd_present_fork(struct gd_attached *attached, const struct gd_event *event,
		     struct gd_presents *presents, struct gd_python_stacks *stacks)
{
	const struct gd_interpreter *interpreter;
	struct gd_present_child *child;
	struct gd_present *family;
	int32_t pid;

	if (!find_parent(presents, event->copy_of, &family, &interpreter) || !interpreter->runtime)
		return;
	child = add_child(presents, family, event->image, interpreter);
	if (!child)
		return;
	gd_python_stacks_fork(event->copy_of, event->image, &child->interpreter, stacks);
	pid = number_of(attached, event);
	if (!pid)
		return;
	gd_reader_open(attached, pid, event->tgid, event->image, &child->reader);
	gd_gils_bear(&family->gils, attached, pid, event->image, &child->interpreter,
		     gd_clock_ns(CLOCK_MONOTONIC));
}

/* ---- What they execute ----------------------------------------------------------------------- */

void gd_present_exec(struct gd_attached *attached, const struct gd_event *event,
		     struct gd_presents *presents)
{
	int32_t pid = number_of(attached, event);
	struct gd_present_start *start =
		pid ? gd_rows_add(&presents->starts, sizeof(*start), STARTS_MAX) : NULL;

	if (start)
		gd_reader_open(attached, pid, event->tgid, event->image, &start->reader);
}

/* Where it has mapped a file that is an interpreter of theirs; NULL: it has not, or not yet. */
static struct gd_present *find_mapped(struct gd_presents *presents, const struct gd_reader *reader,
				      uint64_t *ret_start)
{
	for (size_t i = 0; i < presents->count; i++) {
		struct gd_mapping sought = presents->of[i].file, found;

		sought.start = 0;
		if (sought.inode && gd_reader_seek(reader, &sought, &found)) {
			*ret_start = found.start;
			return &presents->of[i];
		}
	}
	return NULL;
}

/* False: what it runs is not known yet. */
static bool look_at_start(struct gd_attached *attached, struct gd_presents *presents,
			  const struct gd_present_start *start, struct gd_books *books)
{
	const struct gd_reader *reader = &start->reader;
	struct gd_present_child *child;
	uint64_t at;
	struct gd_present *family = find_mapped(presents, reader, &at);

	if (!family)
		return false;
	child = add_child(presents, family, reader->image, &family->interpreter);
	if (!child)
		return true;
	gd_interpreter_move(&child->interpreter, at);
	gd_reader_open(attached, reader->pid, reader->tgid, reader->image, &child->reader);
	/* Since it began: it has one thread until it drops its GIL. */
	gd_gils_bear(&family->gils, attached, reader->pid, reader->image, &child->interpreter, 0);
	gd_books_copy(books, reader->image, family->image);
	child->is_starting = family->interpreter.has_stacks;
	return true;
}

static void look_at_starts(struct gd_attached *attached, struct gd_presents *presents,
			   struct gd_books *books)
{
	struct gd_present_start *starts = presents->starts.rows;

	for (size_t i = presents->starts.count; i-- > 0;) {
		if (!look_at_start(attached, presents, &starts[i], books) &&
		    ++starts[i].looks < LOOKS_MAX && starts[i].reader.tgid)
			continue;
		gd_reader_close(&starts[i].reader);
		starts[i] = starts[--presents->starts.count];
	}
}

static void look_for_threads(struct gd_attached *attached, struct gd_present_child *child,
			     struct gd_python_stacks *stacks)
{
	child->is_starting =
		!gd_interpreter_is_up(&child->interpreter) && ++child->looks < LOOKS_MAX;
	/* Still the one that it was, not another of its number? */
	if (child->interpreter.has_stacks &&
	    gd_follow_is(attached, child->reader.pid, child->image))
		gd_python_stacks_begin(attached, &child->interpreter, child->reader.pid,
				       child->image, stacks);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

void gd_present_end(struct gd_presents *presents, uint32_t image)
{
	struct gd_present_child **children = presents->children.rows;
	struct gd_present_start *starts = presents->starts.rows;

	for (size_t i = 0; i < presents->starts.count; i++)
		if (starts[i].reader.image == image)
			gd_reader_close(&starts[i].reader); /* its row goes at the next look */
	for (size_t i = 0; i < presents->count; i++)
		gd_gils_end(&presents->of[i].gils, image);
	for (size_t i = presents->children.count; i-- > 0;)
		if (children[i]->image == image) {
			gd_reader_close(&children[i]->reader);
			children[i]->is_starting = false;
		}
}

/* ---- All of them ----------------------------------------------------------------------------- */

int32_t gd_present_holder(const struct gd_presents *presents, uint32_t image)
{
	int32_t holder = 0;

	for (size_t i = 0; i < presents->count && !holder; i++)
		holder = gd_gils_holder(&presents->of[i].gils, image);
	return holder;
}

void gd_present_look(struct gd_attached *attached, struct gd_presents *presents,
		     struct gd_python_stacks *stacks, struct gd_books *books)
{
	struct gd_present_child **children;

	look_at_starts(attached, presents, books);
	for (size_t i = 0; i < presents->count; i++)
		gd_gils_look(&presents->of[i].gils);
	children = presents->children.rows;
	for (size_t i = 0; i < presents->children.count; i++)
		if (children[i]->is_starting)
			look_for_threads(attached, children[i], stacks);
}

uint64_t gd_present_gather(const struct gd_presents *presents, size_t limit, struct gd_rows *rows,
			   struct gd_rows *threads)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < presents->count; i++)
		lost += gd_gils_gather(&presents->of[i].gils, limit, rows, threads);
	return lost;
}

void gd_present_forget(struct gd_presents *presents)
{
	struct gd_present_child **children = presents->children.rows;

	for (size_t i = 0; i < presents->count; i++) {
		gd_gils_detach(&presents->of[i].gils);
		gd_gil_site_forget(&presents->of[i].gils.site);
		gd_interpreter_forget(&presents->of[i].interpreter);
	}
	presents->count = 0;
	for (size_t i = 0; i < presents->children.count; i++) {
		gd_reader_close(&children[i]->reader);
		free(children[i]);
	}
	for (size_t i = 0; i < presents->starts.count; i++)
		gd_reader_close(&((struct gd_present_start *)presents->starts.rows)[i].reader);
	gd_gil_links_wait();
	free(children);
	free(presents->starts.rows);
	presents->starts = (struct gd_rows){ .rows = NULL };
	presents->children = (struct gd_rows){ .rows = NULL };
}

/* SPDX-License-Identifier: MIT */
#include "present.h"
#include "follow.h"
#include <stdlib.h>

#define CHILDREN_MAX 4096 /* that are looked at, the ended ones included */

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

/*
 * Which file begins there, by the kernel's own numbers: its device may have another one for a path.
 * It must be the one that was looked at: whoever runs the process may have mapped another one since.
 */
static struct gd_mapping identify(const struct gd_reader *reader, uint64_t start, uint64_t inode)
{
	struct gd_mapping sought = { .start = start }, found = { .inode = 0 };

	if (start && gd_reader_seek(reader, &sought, &found) && found.inode == inode)
		return found;
	return (struct gd_mapping){ .inode = 0 };
}

static void identify_files(const struct gd_attached *attached, int32_t pid,
			   struct gd_present *present)
{
	struct gd_reader reader;

	if (!present->interpreter.runtime)
		return;
	gd_reader_open(attached, pid, (uint32_t)pid, present->image, &reader);
	present->file = identify(&reader, present->interpreter.start, present->interpreter.inode);
	present->libc = identify(&reader, present->gils.site.start, present->gils.site.inode);
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
		identify_files(attached, pid, present);
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

struct gd_present_child *gd_present_bear(struct gd_presents *presents, struct gd_present *family,
					 uint32_t image, const struct gd_interpreter *interpreter)
{
	struct gd_present_child *child = calloc(1, sizeof(*child));
	struct gd_present_child **row =
		child ? gd_rows_add(&presents->children, sizeof(child), CHILDREN_MAX) : NULL;

	if (!row) {
		presents->lost++;
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

int32_t gd_present_number(const struct gd_attached *attached, const struct gd_event *event)
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
	child = gd_present_bear(presents, family, event->image, interpreter);
	if (!child)
		return;
	gd_python_stacks_fork(event->copy_of, event->image, &child->interpreter, stacks);
	pid = gd_present_number(attached, event);
	if (!pid)
		return;
	gd_reader_open(attached, pid, event->tgid, event->image, &child->reader);
	gd_gils_bear(&family->gils, attached, pid, event->image, &child->interpreter, false);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

void gd_present_end(struct gd_presents *presents, uint32_t image)
{
	struct gd_present_child **children = presents->children.rows;

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

void gd_present_look(struct gd_presents *presents)
{
	for (size_t i = 0; i < presents->count; i++)
		gd_gils_look(&presents->of[i].gils);
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
	gd_gil_links_wait();
	free(children);
	presents->children = (struct gd_rows){ .rows = NULL };
}

/* SPDX-License-Identifier: MIT */
/* Pipes of which this process has one end, by inode: the report finds who has the other. */
#include "arena.h"
#include "fd_table.h"

#define SEARCH_BACK 64 /* rows of pipes */

static struct gd_pipe *pipe_rows(void)
{
	return gd_image_entries(gd_arena_image(), GD_SECTION_PIPES);
}

void gd_fd_register_pipe(struct gd_fd_entry *entry, uint64_t inode)
{
	uint32_t used = __atomic_load_n(&gd_sections[GD_SECTION_PIPES - 1].used, __ATOMIC_ACQUIRE);
	struct gd_pipe *row;
	uint32_t index;

	if (!inode)
		return;
	for (uint32_t i = used; i > 0 && used - i < SEARCH_BACK; i--)
		if (pipe_rows()[i - 1].inode == inode) {
			entry->pipe_plus_1 = i;
			return;
		}
	row = gd_arena_take(GD_SECTION_PIPES, &index);
	if (!row)
		return;
	__atomic_store_n(&row->inode, inode, __ATOMIC_RELEASE);
	entry->pipe_plus_1 = index + 1;
}

static struct gd_pipe *pipe_of(int fd)
{
	const struct gd_fd_entry *entry = gd_process ? gd_fd_entry(fd) : NULL;

	return entry && entry->pipe_plus_1 ? &pipe_rows()[entry->pipe_plus_1 - 1] : NULL;
}

uint64_t gd_fd_pipe_inode(int fd)
{
	const struct gd_pipe *row = pipe_of(fd);

	return row ? row->inode : 0;
}

void gd_fd_pipe_waited(int fd, uint64_t waited, ssize_t n)
{
	struct gd_pipe *row = pipe_of(fd);

	if (!row)
		return;
	__atomic_fetch_add(&row->waits, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&row->wait, waited, __ATOMIC_RELAXED);
	if (n > 0)
		__atomic_fetch_add(&row->bytes, (uint64_t)n, __ATOMIC_RELAXED);
}

/* SPDX-License-Identifier: MIT */
/* The table of descriptors: private, sparse, one entry each, updated by atomic stores alone. */
#include "arena.h"
#include "clock.h"
#include "fd_table.h"
#include "thread.h"

#define FD_MAX 65536

static struct gd_fd_entry *entries;
static int32_t fd_top; /* no entry above it was ever used */

void gd_fd_init(void)
{
	entries = gd_arena_map(FD_MAX * sizeof(*entries));
}

struct gd_fd_entry *gd_fd_entry(int fd)
{
	if (!entries)
		return NULL;
	/* A vfork child has descriptors of its own, but our memory; a bare clone asks nothing. */
	if (fd < 0 || gd_thread_is_vfork_child())
		return NULL;
	if (fd >= FD_MAX) {
		gd_arena_lose(GD_LOST_FDS);
		return NULL;
	}
	if (fd > fd_top)
		fd_top = fd; /* a race costs one member of a closed epoll set */
	return &entries[fd];
}

int32_t gd_fd_top(void)
{
	return entries ? fd_top : -1;
}

enum gd_role gd_fd_role(int fd)
{
	struct gd_fd_entry *entry = gd_process ? gd_fd_entry(fd) : NULL;

	if (!entry)
		return GD_ROLE_UNKNOWN;
	if (entry->role == GD_ROLE_UNKNOWN) {
		entry->peer = -1;
		gd_fd_change_role(entry, gd_fd_ask(fd));
		if (entry->role == GD_ROLE_PIPE)
			gd_fd_register_pipe(entry, gd_fd_ask_inode(fd));
	}
	return entry->role;
}

void gd_fd_set_role(int fd, enum gd_role role)
{
	struct gd_fd_entry *entry = gd_fd_entry(fd);

	if (!entry)
		return;
	gd_fd_change_role(entry, role);
	entry->peer = -1;
}

void gd_fd_pair(int a, int b)
{
	gd_fd_set_role(a, GD_ROLE_OWN);
	gd_fd_set_role(b, GD_ROLE_OWN);
	if (gd_fd_entry(a) && gd_fd_entry(b)) {
		entries[a].peer = b;
		entries[b].peer = a;
	}
}

void gd_fd_copy(int from, int to)
{
	struct gd_fd_entry *entry = gd_fd_entry(to);
	struct gd_fd_entry *source = gd_fd_entry(from);

	if (!entry || !source || from == to)
		return;
	gd_fd_forget(to);
	entry->role = source->role;
	entry->pipe_plus_1 = source->pipe_plus_1;
	entry->peer = -1; /* closing one name does not close the end */
}

/* One end of a pipe of ours is about to close: its other end is somewhere else then, in a child. */
static void part(int fd, int peer)
{
	struct gd_fd_entry *entry = &entries[peer];
	uint64_t ours = gd_fd_ask_inode(peer), theirs = gd_fd_ask_inode(fd);

	gd_fd_change_role(entry, GD_ROLE_PIPE);
	entry->peer = -1;
	gd_fd_register_pipe(entry, theirs && theirs < ours ? theirs : ours);
}

void gd_fd_forget(int fd)
{
	struct gd_fd_entry *entry = gd_fd_entry(fd);

	if (!entry || (!entry->role && !entry->set_plus_1))
		return;
	if (entry->role == GD_ROLE_OWN && entry->peer >= 0 && entries[entry->peer].peer == fd)
		part(fd, entry->peer);
	gd_fd_leave_set(entry);
	if (entry->own_set_plus_1)
		gd_fd_dissolve_set(entry);
	*entry = (struct gd_fd_entry){ .peer = -1 };
}

void gd_fd_forget_range(unsigned int first, unsigned int last)
{
	if (!entries)
		return;
	for (unsigned int fd = first; fd <= last && fd <= (unsigned int)fd_top; fd++)
		gd_fd_forget((int)fd);
}

void gd_fd_sent(int fd)
{
	enum gd_role role = gd_fd_role(fd);

	if (role == GD_ROLE_CLIENT || role == GD_ROLE_SOCKET)
		gd_fd_change_outstanding(&entries[fd], true);
}

void gd_fd_got(int fd)
{
	enum gd_role role = gd_fd_role(fd);

	if (role == GD_ROLE_SOCKET && !entries[fd].is_outstanding)
		gd_fd_change_role(&entries[fd],
				  GD_ROLE_ACCEPTED); /* a datagram that nobody asked for */
	else if (role == GD_ROLE_CLIENT || role == GD_ROLE_SOCKET)
		gd_fd_change_outstanding(&entries[fd], false);
}

bool gd_fd_is_outstanding(int fd)
{
	const struct gd_fd_entry *entry = gd_fd_entry(fd);

	return entry && entry->is_outstanding;
}

void gd_fd_fork_child(void)
{
	for (int32_t fd = 0; entries && fd <= fd_top; fd++)
		if (entries[fd].pipe_plus_1) {
			entries[fd].pipe_plus_1 = 0;
			gd_fd_register_pipe(&entries[fd], gd_fd_ask_inode(fd));
		}
}

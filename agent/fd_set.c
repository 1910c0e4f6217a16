/* SPDX-License-Identifier: MIT */
/*
 * What a poll waits for.  An epoll set keeps sums over its members, so that a wait does not walk
 * them: whatever changes a member changes the sums.
 */
#include "arena.h"
#include "fd_table.h"
#include <string.h>

#define EPOLL_MAX 64 /* sets */

struct epoll_set {
	int32_t fd_plus_1; /* 0: free */
	/* Sums over the members, so that a wait does not walk them. */
	int32_t roles[GD_ROLE_COUNT];
	int32_t outstanding;
	int32_t pipe_fd_plus_1; /* a member that is one */
};

static struct epoll_set sets[EPOLL_MAX];

/* ---- Members and their sums ------------------------------------------------------------------ */

/* The one that it is a member of; NULL: none. */
static struct epoll_set *set_of(const struct gd_fd_entry *entry)
{
	return entry->set_plus_1 ? &sets[entry->set_plus_1 - 1] : NULL;
}

static void add(int32_t *counter, int32_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

void gd_fd_change_role(struct gd_fd_entry *entry, enum gd_role role)
{
	struct epoll_set *set = set_of(entry);

	if (set) {
		add(&set->roles[entry->role], -1);
		add(&set->roles[role], 1);
	}
	entry->role = (uint8_t)role;
}

void gd_fd_change_outstanding(struct gd_fd_entry *entry, bool is_outstanding)
{
	struct epoll_set *set = set_of(entry);

	if (entry->is_outstanding == is_outstanding)
		return;
	if (set)
		add(&set->outstanding, is_outstanding ? 1 : -1);
	entry->is_outstanding = is_outstanding;
}

void gd_fd_leave_set(struct gd_fd_entry *entry)
{
	struct epoll_set *set = set_of(entry);

	if (!set)
		return;
	add(&set->roles[entry->role], -1);
	if (entry->is_outstanding)
		add(&set->outstanding, -1);
	entry->set_plus_1 = 0;
}

void gd_fd_dissolve_set(struct gd_fd_entry *entry)
{
	uint8_t number = entry->own_set_plus_1;
	int32_t top = gd_fd_top();

	for (int32_t fd = 0; fd <= top; fd++) {
		struct gd_fd_entry *member = gd_fd_entry(fd);

		if (member && member->set_plus_1 == number)
			member->set_plus_1 = 0;
	}
	__atomic_store_n(&sets[number - 1].fd_plus_1, 0, __ATOMIC_RELEASE);
}

/* ---- Counting -------------------------------------------------------------------------------- */

static void count_role(struct gd_fd_set *set, enum gd_role role, uint32_t n)
{
	switch (role) {
	case GD_ROLE_LISTENER:
	case GD_ROLE_ACCEPTED:
		set->servers += n;
		break;
	case GD_ROLE_CLIENT:
	case GD_ROLE_SOCKET:
		set->clients += n;
		break;
	case GD_ROLE_OWN:
	case GD_ROLE_SIGNAL:
		set->own += n;
		break;
	case GD_ROLE_TIMER:
		set->timers += n;
		break;
	case GD_ROLE_CHILD:
		set->children += n;
		break;
	case GD_ROLE_PIPE:
		set->pipes += n;
		break;
	case GD_ROLE_TTY:
		set->terminals += n;
		break;
	case GD_ROLE_UNKNOWN:
	case GD_ROLE_FILE:
	case GD_ROLE_EPOLL:
	case GD_ROLE_OTHER:
	case GD_ROLE_COUNT:
		set->others += n;
		break;
	}
}

void gd_fd_count(struct gd_fd_set *set, int fd)
{
	enum gd_role role = gd_fd_role(fd);

	if (role == GD_ROLE_EPOLL) {
		gd_fd_epoll_count(set, fd);
		return;
	}
	count_role(set, role, 1);
	if (role == GD_ROLE_PIPE)
		set->pipe_fd_plus_1 = fd + 1;
	if ((role == GD_ROLE_CLIENT || role == GD_ROLE_SOCKET) && gd_fd_is_outstanding(fd))
		set->outstanding++;
}

static struct epoll_set *own_set(int epfd, bool create)
{
	struct gd_fd_entry *entry = gd_fd_entry(epfd);

	if (!entry)
		return NULL;
	if (entry->own_set_plus_1)
		return &sets[entry->own_set_plus_1 - 1];
	for (unsigned int i = 0; create && i < EPOLL_MAX; i++) {
		int32_t expected = 0;

		if (!__atomic_compare_exchange_n(&sets[i].fd_plus_1, &expected, epfd + 1, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		memset(sets[i].roles, 0, sizeof(sets[i].roles));
		sets[i].outstanding = sets[i].pipe_fd_plus_1 = 0;
		entry->role = GD_ROLE_EPOLL;
		entry->own_set_plus_1 = (uint8_t)(i + 1);
		return &sets[i];
	}
	if (create)
		gd_arena_lose(GD_LOST_EPOLLS);
	return NULL;
}

void gd_fd_epoll_add(int epfd, int fd)
{
	struct epoll_set *set = own_set(epfd, true);
	struct gd_fd_entry *entry = gd_fd_entry(fd);
	enum gd_role role = gd_fd_role(fd);

	if (!set || !entry || entry->set_plus_1)
		return; /* a member of two sets counts in the first */
	add(&set->roles[role], 1);
	if (role == GD_ROLE_PIPE)
		set->pipe_fd_plus_1 = fd + 1;
	if (entry->is_outstanding)
		add(&set->outstanding, 1);
	entry->set_plus_1 = (uint8_t)(set - sets + 1);
}

void gd_fd_epoll_remove(int epfd, int fd)
{
	struct epoll_set *set = own_set(epfd, false);
	struct gd_fd_entry *entry = gd_fd_entry(fd);

	if (set && entry && set_of(entry) == set)
		gd_fd_leave_set(entry);
}

void gd_fd_epoll_count(struct gd_fd_set *set, int epfd)
{
	const struct epoll_set *own = own_set(epfd, false);

	if (!own) {
		set->others++; /* made before we woke, or inherited: we know none of its members */
		return;
	}
	for (unsigned int role = 0; role < GD_ROLE_COUNT; role++) {
		int32_t n = __atomic_load_n(&own->roles[role], __ATOMIC_RELAXED);

		if (n > 0)
			count_role(set, role, (uint32_t)n);
	}
	if (own->roles[GD_ROLE_PIPE] > 0)
		set->pipe_fd_plus_1 = own->pipe_fd_plus_1;
	if (own->outstanding > 0)
		set->outstanding += (uint32_t)own->outstanding;
}

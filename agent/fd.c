/* SPDX-License-Identifier: MIT */
/*
 * The table of descriptors: private, sparse, one entry each, updated by atomic stores alone.  An
 * epoll set keeps the numbers of its members; what they are is looked up when it is waited for.
 */
#include "fd.h"
#include "arena.h"
#include "clock.h"
#include "thread.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define FD_MAX      65536
#define EPOLL_MAX   64 /* sets */
#define SEARCH_BACK 64 /* rows of pipes */

struct fd_entry {
	uint8_t role;
	uint8_t is_outstanding;
	uint8_t set_plus_1;     /* of EPOLL_MAX; where this one is a member */
	uint8_t own_set_plus_1; /* where this one is the epoll set */
	int32_t peer;           /* the other end, for GD_ROLE_OWN; -1 elsewhere */
	uint32_t pipe_plus_1;   /* row of PIPES */
};

struct epoll_set {
	int32_t fd_plus_1; /* 0: free */
	/* Sums over the members, so that a wait does not walk them. */
	int32_t roles[GD_ROLE_COUNT];
	int32_t outstanding;
	int32_t pipe_fd_plus_1; /* a member that is one */
};

static struct fd_entry *entries;
static int32_t fd_top; /* no entry above it was ever used */
static struct epoll_set sets[EPOLL_MAX];

void gd_fd_init(void)
{
	long map = gd_syscall(SYS_mmap, 0, FD_MAX * sizeof(*entries), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map > 0 || map <= -4096)
		entries = (struct fd_entry *)map;
}

static struct fd_entry *entry_of(int fd)
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

static struct epoll_set *set_of(const struct fd_entry *entry)
{
	return entry->set_plus_1 ? &sets[entry->set_plus_1 - 1] : NULL;
}

static void add(int32_t *counter, int32_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void change_role(struct fd_entry *entry, enum gd_role role)
{
	struct epoll_set *set = set_of(entry);

	if (set) {
		add(&set->roles[entry->role], -1);
		add(&set->roles[role], 1);
	}
	entry->role = (uint8_t)role;
}

static void change_outstanding(struct fd_entry *entry, bool is_outstanding)
{
	struct epoll_set *set = set_of(entry);

	if (entry->is_outstanding == is_outstanding)
		return;
	if (set)
		add(&set->outstanding, is_outstanding ? 1 : -1);
	entry->is_outstanding = is_outstanding;
}

/* ---- Asking the kernel ----------------------------------------------------------------------- */

/*
 * A connected socket that came to us by inheritance or by a call that we do not see: who began?
 * The side that listens has the well-known address.
 */
static enum gd_role ask_direction(int fd)
{
	struct sockaddr_storage here, there;
	socklen_t here_len = sizeof(here), there_len = sizeof(there);

	if (gd_syscall(SYS_getpeername, fd, &there, &there_len) < 0)
		return GD_ROLE_SOCKET;
	if (gd_syscall(SYS_getsockname, fd, &here, &here_len) < 0)
		return GD_ROLE_CLIENT;
	if (here.ss_family == AF_UNIX) {
		bool here_named = here_len > sizeof(sa_family_t);
		bool there_named = there_len > sizeof(sa_family_t);

		if (!here_named && !there_named)
			return GD_ROLE_PIPE; /* a socketpair made by somebody else */
		return here_named && !there_named ? GD_ROLE_ACCEPTED : GD_ROLE_CLIENT;
	}
	if (here.ss_family == AF_INET || here.ss_family == AF_INET6) {
		/* The port stands at the same place in both families. */
		uint16_t here_port = ntohs(((struct sockaddr_in *)&here)->sin_port);
		uint16_t there_port = ntohs(((struct sockaddr_in *)&there)->sin_port);

		/* Ephemeral ports begin at 32768 (net.ipv4.ip_local_port_range). */
		return here_port < 32768 && there_port >= 32768 ? GD_ROLE_ACCEPTED : GD_ROLE_CLIENT;
	}
	return GD_ROLE_CLIENT;
}

static enum gd_role ask_socket(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (gd_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value)
		return GD_ROLE_LISTENER;
	return ask_direction(fd);
}

/* eventfd, timerfd, epoll and the like are files without a name of their own. */
static enum gd_role ask_anonymous(int fd)
{
	static const struct {
		const char *name;
		enum gd_role role;
	} names[] = {
		{ "anon_inode:[eventfd]", GD_ROLE_OWN },
		{ "anon_inode:[timerfd]", GD_ROLE_TIMER },
		{ "anon_inode:[eventpoll]", GD_ROLE_EPOLL },
		{ "anon_inode:[pidfd]", GD_ROLE_CHILD },
		{ "pidfd:", GD_ROLE_CHILD }, /* since Linux 6.9 on a file system of its own */
		{ "anon_inode:[signalfd]", GD_ROLE_SIGNAL },
	};
	char path[32] = "/proc/self/fd/";
	char link[64] = "";
	char digits[12];
	unsigned int n = 0, at = 14;
	long len;

	for (unsigned int value = (unsigned int)fd; n == 0 || value; value /= 10)
		digits[n++] = (char)('0' + value % 10);
	while (n)
		path[at++] = digits[--n];
	len = gd_syscall(SYS_readlinkat, AT_FDCWD, path, link, sizeof(link) - 1);
	for (unsigned int i = 0; len > 0 && i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(link, names[i].name, strlen(names[i].name)) == 0)
			return names[i].role;
	return GD_ROLE_OTHER;
}

static enum gd_role ask(int fd)
{
	struct stat st;

	if (gd_process->flags & GD_FLAG_SECCOMP)
		return GD_ROLE_UNKNOWN;
	if (gd_syscall(SYS_fstat, fd, &st) < 0)
		return GD_ROLE_UNKNOWN;
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFBLK:
		return st.st_nlink == 0 && st.st_size == 0 ? ask_anonymous(fd) : GD_ROLE_FILE;
	case S_IFIFO:
		return GD_ROLE_PIPE;
	case S_IFSOCK:
		return ask_socket(fd);
	case S_IFCHR: {
		char termios[64];

		return gd_syscall(SYS_ioctl, fd, 0x5401 /* TCGETS */, termios) == 0 ? GD_ROLE_TTY
										    : GD_ROLE_OTHER;
	}
	default:
		return ask_anonymous(fd); /* anonymous inodes have no type */
	}
}

/* ---- Pipes ----------------------------------------------------------------------------------- */

static struct gd_pipe *pipe_rows(void)
{
	return gd_image_entries(gd_arena_image(), GD_SECTION_PIPES);
}

static uint64_t ask_inode(int fd)
{
	struct stat st;

	if (gd_process->flags & GD_FLAG_SECCOMP || gd_syscall(SYS_fstat, fd, &st) < 0)
		return 0;
	return st.st_ino;
}

/*
 * This process has one end of it.  Both ends of a pipe have one inode; a socketpair has two, and is
 * known by the smaller one, which whoever saw it made knows.
 */
static void register_pipe(struct fd_entry *entry, uint64_t inode)
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
	const struct fd_entry *entry = gd_process ? entry_of(fd) : NULL;

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

void gd_fd_fork_child(void)
{
	for (int32_t fd = 0; entries && fd <= fd_top; fd++)
		if (entries[fd].pipe_plus_1) {
			entries[fd].pipe_plus_1 = 0;
			register_pipe(&entries[fd], ask_inode(fd));
		}
}

/* ---- Following ------------------------------------------------------------------------------- */

enum gd_role gd_fd_role(int fd)
{
	struct fd_entry *entry = gd_process ? entry_of(fd) : NULL;

	if (!entry)
		return GD_ROLE_UNKNOWN;
	if (entry->role == GD_ROLE_UNKNOWN) {
		entry->peer = -1;
		change_role(entry, ask(fd));
		if (entry->role == GD_ROLE_PIPE)
			register_pipe(entry, ask_inode(fd));
	}
	return entry->role;
}

void gd_fd_set_role(int fd, enum gd_role role)
{
	struct fd_entry *entry = entry_of(fd);

	if (!entry)
		return;
	change_role(entry, role);
	entry->peer = -1;
}

void gd_fd_pair(int a, int b)
{
	gd_fd_set_role(a, GD_ROLE_OWN);
	gd_fd_set_role(b, GD_ROLE_OWN);
	if (entry_of(a) && entry_of(b)) {
		entries[a].peer = b;
		entries[b].peer = a;
	}
}

void gd_fd_copy(int from, int to)
{
	struct fd_entry *entry = entry_of(to);
	struct fd_entry *source = entry_of(from);

	if (!entry || !source || from == to)
		return;
	gd_fd_forget(to);
	entry->role = source->role;
	entry->peer = -1; /* closing one name does not close the end */
}

/* An epoll set is closed: its members belong to none. */
static void dissolve(struct fd_entry *entry)
{
	uint8_t number = entry->own_set_plus_1;

	for (int32_t fd = 0; fd <= fd_top; fd++)
		if (entries[fd].set_plus_1 == number)
			entries[fd].set_plus_1 = 0;
	__atomic_store_n(&sets[number - 1].fd_plus_1, 0, __ATOMIC_RELEASE);
}

/* One end of a pipe of ours is about to close: its other end is somewhere else then, in a child. */
static void part(int fd, int peer)
{
	struct fd_entry *entry = &entries[peer];
	uint64_t ours = ask_inode(peer), theirs = ask_inode(fd);

	change_role(entry, GD_ROLE_PIPE);
	entry->peer = -1;
	register_pipe(entry, theirs && theirs < ours ? theirs : ours);
}

void gd_fd_forget(int fd)
{
	struct fd_entry *entry = entry_of(fd);
	struct epoll_set *set;

	if (!entry || (!entry->role && !entry->set_plus_1))
		return;
	if (entry->role == GD_ROLE_OWN && entry->peer >= 0 && entries[entry->peer].peer == fd)
		part(fd, entry->peer);
	change_outstanding(entry, false);
	set = set_of(entry);
	if (set)
		add(&set->roles[entry->role], -1);
	if (entry->own_set_plus_1)
		dissolve(entry);
	*entry = (struct fd_entry){ .peer = -1 };
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
		change_outstanding(&entries[fd], true);
}

void gd_fd_got(int fd)
{
	enum gd_role role = gd_fd_role(fd);

	if (role == GD_ROLE_SOCKET && !entries[fd].is_outstanding)
		change_role(&entries[fd], GD_ROLE_ACCEPTED); /* a datagram that nobody asked for */
	else if (role == GD_ROLE_CLIENT || role == GD_ROLE_SOCKET)
		change_outstanding(&entries[fd], false);
}

bool gd_fd_is_outstanding(int fd)
{
	const struct fd_entry *entry = entry_of(fd);

	return entry && entry->is_outstanding;
}

/* ---- Sets ------------------------------------------------------------------------------------ */

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
	struct fd_entry *entry = entry_of(epfd);

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
		sets[i].outstanding = 0;
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
	struct fd_entry *entry = entry_of(fd);
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
	struct fd_entry *entry = entry_of(fd);

	if (!set || !entry || set_of(entry) != set)
		return;
	add(&set->roles[entry->role], -1);
	if (entry->is_outstanding)
		add(&set->outstanding, -1);
	entry->set_plus_1 = 0;
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
	set->pipe_fd_plus_1 = own->pipe_fd_plus_1;
	if (own->outstanding > 0)
		set->outstanding += (uint32_t)own->outstanding;
}

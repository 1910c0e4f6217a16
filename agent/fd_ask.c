/* SPDX-License-Identifier: MIT */
/* What the kernel says of a descriptor that came to us by a way which we do not see. */
#include "arena.h"
#include "clock.h"
#include "fd_table.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

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

enum gd_role gd_fd_ask(int fd)
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

uint64_t gd_fd_ask_inode(int fd)
{
	struct stat st;

	if (gd_process->flags & GD_FLAG_SECCOMP || gd_syscall(SYS_fstat, fd, &st) < 0)
		return 0;
	return st.st_ino;
}

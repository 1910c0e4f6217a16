/* SPDX-License-Identifier: MIT */
/*
 * Raw system calls throughout: this runs inside the target's exit, between its fork and exec, and
 * must be seen by no wrapper.  Paths are built by hand for the same reason.
 */
#include "session.h"
#include "arena.h"
#include "clock.h"
#include "env.h"
#include "file_limit.h"
#include "sampler_start.h"
#include "text.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define MARKER_TEXT "gildiag session 1\n"

#define VARIABLE_PREFIX "GILDIAG_SESSION="

char gd_session_variable[GD_SESSION_PATH_BYTES];

static char *const session_path = gd_session_variable + sizeof(VARIABLE_PREFIX) - 1;
#define SESSION_PATH_BYTES (sizeof(gd_session_variable) - sizeof(VARIABLE_PREFIX) + 1)

/* ---- The folder ------------------------------------------------------------------------------ */

static bool is_ours(const char *path)
{
	char marker[GD_SESSION_PATH_BYTES + 32];
	struct gd_text text = gd_text_begin(marker, sizeof(marker));
	struct stat st;

	gd_text_add(&text, path);
	gd_text_add(&text, "/" GD_SESSION_MARKER);
	return gd_text_fits(&text) &&
	       gd_syscall(SYS_newfstatat, AT_FDCWD, marker, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && st.st_uid == (uid_t)gd_syscall(SYS_geteuid);
}

/* <base>/gildiag.data/<start>.<pid>, both folders 0700. */
static bool make_folder(const char *base)
{
	struct gd_text text = gd_text_begin(session_path, SESSION_PATH_BYTES);
	const struct gd_file_header *header = gd_arena_image();
	long err;

	gd_text_add(&text, base);
	gd_text_add(&text, "/gildiag.data");
	if (!gd_text_fits(&text))
		return false;
	err = gd_syscall(SYS_mkdir, session_path, 0700);
	if (err < 0 && err != -17 /* EEXIST */)
		return false;
	gd_text_add(&text, "/");
	gd_text_add_utc(&text, header->start_realtime_ns);
	gd_text_add(&text, ".");
	gd_text_add_number(&text, (uint64_t)gd_process->pid);
	return gd_text_fits(&text) && gd_syscall(SYS_mkdir, session_path, 0700) == 0;
}

static bool make_session(void)
{
	char cwd[GD_SESSION_PATH_BYTES];
	const char *bases[4] = { NULL, gd_env_get(GD_ENV_RUNTIME_DIR), gd_env_get(GD_ENV_TMPDIR),
				 "/tmp" };

	if (gd_syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0 && cwd[0] == '/')
		bases[0] = cwd[1] ? cwd : "";
	for (unsigned int i = 0; i < 4; i++)
		if (bases[i] && (i == 0 || bases[i][0] == '/') && make_folder(bases[i]))
			return true;
	session_path[0] = 0;
	return false;
}

/* The lock travels with the descriptor: whoever has it is the session's sampler. */
static int lock_marker(void)
{
	char path[GD_SESSION_PATH_BYTES + 32];
	struct gd_text text = gd_text_begin(path, sizeof(path));
	long fd;

	gd_text_add(&text, session_path);
	gd_text_add(&text, "/" GD_SESSION_MARKER);
	fd = gd_syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			0600);
	if (fd < 0)
		return -1;
	if (gd_syscall(SYS_flock, fd, LOCK_EX | LOCK_NB) < 0) {
		gd_syscall(SYS_close, fd);
		return -1;
	}
	gd_syscall(SYS_pwrite64, fd, MARKER_TEXT, sizeof(MARKER_TEXT) - 1, 0);
	return (int)fd;
}

/* ---- The socket ------------------------------------------------------------------------------ */

/*
 * A socket's path has 108 bytes at most: a longer one is reached through the folder's descriptor,
 * which the caller closes when it is not -1.
 */
static bool socket_address(struct sockaddr_un *ret_addr, long *ret_folder)
{
	struct gd_text text = gd_text_begin(ret_addr->sun_path, sizeof(ret_addr->sun_path));

	ret_addr->sun_family = AF_UNIX;
	*ret_folder = -1;
	gd_text_add(&text, session_path);
	gd_text_add(&text, "/" GD_SESSION_SOCKET);
	if (gd_text_fits(&text))
		return true;
	*ret_folder =
		gd_syscall(SYS_openat, AT_FDCWD, session_path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (*ret_folder < 0)
		return false;
	text = gd_text_begin(ret_addr->sun_path, sizeof(ret_addr->sun_path));
	gd_text_add(&text, "/proc/self/fd/");
	gd_text_add_number(&text, (uint64_t)*ret_folder);
	gd_text_add(&text, "/" GD_SESSION_SOCKET);
	return gd_text_fits(&text);
}

static int open_socket(int call)
{
	struct sockaddr_un addr;
	long folder, fd, err = -1;

	/* Not blocking: the queue of a sampler that is stopped fills up. */
	fd = gd_syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (socket_address(&addr, &folder)) {
		if (call == SYS_bind)
			gd_syscall(SYS_unlink, addr.sun_path); /* of a sampler that was killed */
		err = gd_syscall(call, fd, &addr, sizeof(addr));
	}
	if (folder >= 0)
		gd_syscall(SYS_close, folder);
	if (err == 0 && call == SYS_bind)
		err = gd_syscall(SYS_listen, fd, 1024);
	if (err == 0)
		return (int)fd;
	gd_syscall(SYS_close, fd);
	return -1;
}

/* One message with the descriptor beside it; the sampler may be busy, the kernel keeps it. */
static bool hand_over(int memfd)
{
	struct gd_hello hello = { GD_HELLO_MAGIC, GD_ABI_MAJOR, GD_HELLO_WATCH, gd_process->pid,
				  0 };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &hello, sizeof(hello) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd = open_socket(SYS_connect);
	long sent;

	if (fd < 0)
		return false;
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &memfd, sizeof(int));
	sent = gd_syscall(SYS_sendmsg, fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	gd_syscall(SYS_close, fd);
	return sent == (long)sizeof(hello);
}

static void start_sampler(int memfd)
{
	int marker = lock_marker();
	int listener = marker >= 0 ? open_socket(SYS_bind) : -1;

	if (listener < 0 || !gd_sampler_start(memfd, listener, marker, session_path))
		gd_process->flags |= GD_FLAG_NO_SAMPLER;
	if (listener >= 0)
		gd_syscall(SYS_close, listener);
	if (marker >= 0)
		gd_syscall(SYS_close, marker);
}

void gd_session_join(int memfd)
{
	const char *given = gd_env_get(GD_ENV_SESSION);
	const char *no_sampler = gd_env_get(GD_ENV_NO_SAMPLER);
	bool want_sampler = !no_sampler || !no_sampler[0] || no_sampler[0] == '0';
	bool found =
		given && given[0] == '/' && strlen(given) < SESSION_PATH_BYTES && is_ours(given);

	if (found)
		strcpy(session_path, given);
	if (found || make_session())
		memcpy(gd_session_variable, VARIABLE_PREFIX, sizeof(VARIABLE_PREFIX) - 1);
	if (gd_session_variable[0] && !found)
		putenv(gd_session_variable); /* for children that libc starts by itself (popen) */
	if (!gd_session_variable[0]) {
		gd_process->flags |= GD_FLAG_NO_SAMPLER;
	} else if (!want_sampler) {
		int marker = lock_marker(); /* makes it, so that others know the folder for ours */

		if (marker >= 0)
			gd_syscall(SYS_close, marker);
		gd_process->flags |= GD_FLAG_NO_SAMPLER;
	} else if (!found || !hand_over(memfd)) {
		start_sampler(memfd);
	}
	gd_syscall(SYS_close, memfd);
}

void gd_session_rejoin(int memfd)
{
	if (!gd_session_variable[0] || !hand_over(memfd))
		gd_process->flags |= GD_FLAG_NO_SAMPLER;
	gd_syscall(SYS_close, memfd);
}

/* ---- The file -------------------------------------------------------------------------------- */

static int write_all(void *to, const void *from, size_t size_bytes, uint64_t offset)
{
	while (size_bytes) {
		long n = gd_syscall(SYS_pwrite64, (long)(intptr_t)to, from, size_bytes, offset);

		if (n == -4) /* EINTR */
			continue;
		if (n <= 0)
			return n ? (int)n : -28; /* ENOSPC */
		from = (const char *)from + n;
		offset += (uint64_t)n;
		size_bytes -= (size_t)n;
	}
	return 0;
}

/* It holds the marker's lock as long as it lives. */
static bool has_sampler(void)
{
	char path[GD_SESSION_PATH_BYTES + 32];
	struct gd_text text = gd_text_begin(path, sizeof(path));
	long fd, err;

	gd_text_add(&text, session_path);
	gd_text_add(&text, "/" GD_SESSION_MARKER);
	fd = gd_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0)
		return false;
	err = gd_syscall(SYS_flock, fd, LOCK_SH | LOCK_NB);
	gd_syscall(SYS_close, fd);
	return err < 0;
}

/*
 * A sampler that looked within the last two seconds and still lives will write the file when we are
 * gone; so will one that has our memory and did not get to look at it yet.
 */
static bool is_collected(void)
{
	uint64_t heartbeat = __atomic_load_n(&gd_process->heartbeat_ticks, __ATOMIC_RELAXED);
	bool is_seen = heartbeat != 0;

	if (gd_process->flags & GD_FLAG_NO_SAMPLER)
		return false;
	if (is_seen && !__atomic_load_n(&gd_process->collector, __ATOMIC_ACQUIRE))
		return false; /* it has left us */
	if (!is_seen)
		heartbeat = gd_process->start_ticks;
	return gd_ticks() - heartbeat < 2000000 * gd_clock_ticks_per_us && has_sampler();
}

static void write_file(uint32_t state)
{
	char path[GD_SESSION_PATH_BYTES + 64], temporary[GD_SESSION_PATH_BYTES + 64];
	struct gd_text text = gd_text_begin(path, sizeof(path));
	struct gd_file_header *header = gd_arena_image();
	uint64_t mask;
	int err;
	long fd;

	gd_text_add(&text, session_path);
	gd_text_add(&text, "/");
	gd_text_add_number(&text, (uint64_t)gd_process->pid);
	gd_text_add(&text, ".");
	gd_text_add_number(&text, header->start_ns);
	text = gd_text_begin(temporary, sizeof(temporary));
	gd_text_add(&text, path);
	gd_text_add(&text, ".own");
	fd = gd_syscall(SYS_openat, AT_FDCWD, temporary,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	mask = gd_file_limit_begin();
	err = gd_image_write(header, state, gd_clock_read_ns(CLOCK_MONOTONIC), write_all,
			     (void *)(intptr_t)fd);
	gd_file_limit_end(mask, err);
	gd_syscall(SYS_close, fd);
	if (err || gd_syscall(SYS_rename, temporary, path) < 0)
		gd_syscall(SYS_unlink, temporary);
}

void gd_session_write_own(void)
{
	if (gd_session_variable[0] && !(gd_process->flags & GD_FLAG_SECCOMP) && !is_collected())
		write_file(GD_STATE_CLOSED);
}

void gd_session_write_so_far(void)
{
	if (gd_session_variable[0] && !is_collected())
		write_file(GD_STATE_OPEN);
}

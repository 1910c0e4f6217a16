/* SPDX-License-Identifier: MIT */
/*
 * Finding folders.  Only folders with our marker count; names made by us sort by time.
 */
#include "session.h"
#include "reader.h"
#include <base/cleanup.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define DATA "gildiag.data"

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

bool gd_session_is_marked(const char *path)
{
	gd_autofree char *marker = NULL;
	struct stat st;

	return asprintf(&marker, "%s/" GD_SESSION_MARKER, path) > 0 && lstat(marker, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

/* The newest marked folder in path, by the time in the marker's status; NULL: none. */
static char *newest_in(const char *path)
{
	gd_cleanup(close_folder) DIR *folder = opendir(path);
	gd_autofree char *best = NULL;
	struct timespec best_time = { 0, 0 };
	const struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		gd_autofree char *candidate = NULL;
		gd_autofree char *marker = NULL;
		struct stat st;

		if (entry->d_name[0] == '.' ||
		    asprintf(&candidate, "%s/%s", path, entry->d_name) < 0 ||
		    asprintf(&marker, "%s/" GD_SESSION_MARKER, candidate) < 0 ||
		    lstat(marker, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		if (best && (st.st_mtim.tv_sec < best_time.tv_sec ||
			     (st.st_mtim.tv_sec == best_time.tv_sec &&
			      st.st_mtim.tv_nsec < best_time.tv_nsec)))
			continue;
		best_time = st.st_mtim;
		free(best);
		best = gd_take(candidate);
	}
	return gd_take(best);
}

static char *newest_under(const char *base)
{
	gd_autofree char *data = NULL;

	if (!base || asprintf(&data, "%s/" DATA, base) < 0)
		return NULL;
	return newest_in(data);
}

int gd_session_find(const char *path, char **ret_path, struct gd_diag *diag)
{
	char *found = NULL;
	struct stat st;

	if (!path) {
		const char *bases[] = { ".", getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp" };

		for (size_t i = 0; !found && i < sizeof(bases) / sizeof(bases[0]); i++)
			found = newest_under(bases[i]);
		if (!found)
			return gd_diag_set(diag, -ENOENT,
					   "there is no recording here: make one with "
					   "`gildiag run -- CMD`");
	} else {
		if (stat(path, &st) != 0)
			return gd_diag_set(diag, -errno, "cannot read %s: %s", path,
					   strerror(errno));
		if (!S_ISDIR(st.st_mode))
			return gd_diag_set(diag, -ENOTDIR,
					   "%s is a file: name the recording's folder", path);
		found = gd_session_is_marked(path) ? strdup(path) : newest_in(path);
		if (!found)
			found = newest_under(path);
		if (!found)
			return gd_diag_set(diag, -ENOENT, "there is no recording in %s", path);
	}
	*ret_path = found;
	return 0;
}

/*
 * A socket's path has 108 bytes at most: a longer one is reached through the folder's descriptor.
 */
static int connect_to(const char *path)
{
	gd_autoclose int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (folder < 0)
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" GD_SESSION_SOCKET,
		 folder);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_being_written(const char *path)
{
	gd_autofree char *marker = NULL;
	gd_autoclose int fd = -1;

	if (asprintf(&marker, "%s/" GD_SESSION_MARKER, path) < 0)
		return false;
	fd = open(marker, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
}

void gd_session_flush(const char *path)
{
	struct gd_hello hello = { .magic = GD_HELLO_MAGIC,
				  .abi_major = GD_ABI_MAJOR,
				  .what = GD_HELLO_FLUSH };
	gd_autoclose int fd = -1;
	struct pollfd answer;

	if (!is_being_written(path))
		return;
	fd = connect_to(path);
	if (fd < 0 || send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello))
		return;
	answer = (struct pollfd){ .fd = fd, .events = POLLIN };
	poll(&answer, 1, 2000);
}

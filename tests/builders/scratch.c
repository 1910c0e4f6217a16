/* SPDX-License-Identifier: MIT */
/* A test that cannot have its folder is wrong, not skipped: abort. */
#include "scratch.h"
#include <base/cleanup.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#define NOBODY 65534

static void must(int is_done, const char *what)
{
	if (is_done)
		return;
	perror(what);
	abort();
}

int gd_scratch_enter(void **state)
{
	char *path = strdup("/tmp/gildiag-test-XXXXXX");

	must(path && mkdtemp(path) && chdir(path) == 0, "a folder in /tmp");
	setenv("TMPDIR", path, 1);
	setenv("HOME", path, 1);
	unsetenv("XDG_RUNTIME_DIR");
	*state = path;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

int gd_scratch_leave(void **state)
{
	char *path = *state;

	must(chdir("/") == 0, "/");
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(path);
	return 0;
}

void gd_scratch_write(const char *name, const void *bytes, size_t size_bytes, mode_t mode)
{
	gd_autoclose int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0, name);
	must(write(fd, bytes, size_bytes) == (ssize_t)size_bytes, name);
	must(fchmod(fd, mode) == 0, name);
}

size_t gd_scratch_count(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	size_t count = 0;

	must(folder != NULL, path);
	while ((entry = readdir(folder)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(folder);
	return count;
}

int gd_scratch_become_nobody(void)
{
	return geteuid() == 0 ? seteuid(NOBODY) : -1;
}

void gd_scratch_become_root(void)
{
	must(seteuid(0) == 0, "seteuid");
}

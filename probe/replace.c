/* SPDX-License-Identifier: MIT */
#include "replace.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int gd_replace_write(int fd, const void *from, size_t size_bytes, uint64_t offset)
{
	while (size_bytes) {
		ssize_t n = pwrite(fd, from, size_bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		from = (const char *)from + n;
		offset += (uint64_t)n;
		size_bytes -= (size_t)n;
	}
	return 0;
}

int gd_replace_file(int folder, const char *name, gd_replace_fn *fill, void *arg)
{
	char temporary[80];
	int fd, err;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	unlinkat(folder, temporary, 0);
	fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = fill(fd, arg);
	if (close(fd) != 0 && !err)
		err = -errno;
	if (!err && renameat(folder, temporary, folder, name) != 0)
		err = -errno;
	if (err)
		unlinkat(folder, temporary, 0);
	return err;
}

/* SPDX-License-Identifier: MIT */
/*
 * A new file each time, renamed over the old one: a reader sees a whole recording, a full disk
 * costs the newest copy only, and no link of somebody else's is followed.
 */
#include "store.h"
#include "clock.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_all(void *to, const void *from, size_t size_bytes, uint64_t offset)
{
	int fd = *(int *)to;

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

int gd_store_write(int folder, void *image, const char *name, bool is_gone)
{
	char temporary[80];
	int fd, err;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	unlinkat(folder, temporary, 0);
	fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = gd_image_write(image, is_gone ? GD_STATE_CLOSED : GD_STATE_OPEN,
			     gd_clock_ns(CLOCK_MONOTONIC), write_all, &fd);
	if (close(fd) != 0 && !err)
		err = -errno;
	if (!err && renameat(folder, temporary, folder, name) != 0)
		err = -errno;
	if (err)
		unlinkat(folder, temporary, 0);
	return err;
}

#define NAME_BYTES 64

static void name_target(const struct gd_target *target, char ret_name[NAME_BYTES])
{
	const struct gd_file_header *header = target->image;

	snprintf(ret_name, NAME_BYTES, "%d.%llu", header->pid,
		 (unsigned long long)header->start_ns);
}

int gd_store_write_target(int folder, struct gd_target *target, bool is_gone)
{
	char name[NAME_BYTES];

	name_target(target, name);
	return gd_store_write(folder, target->image, name, is_gone);
}

void gd_store_remove_own(int folder, const struct gd_target *target)
{
	char name[NAME_BYTES];

	name_target(target, name);
	unlinkat(folder, name, 0);
}

/* ---- Earlier copies -------------------------------------------------------------------------- */

/* A write renames a new file over the old one, so a second name keeps what was there. */
void gd_store_keep(int folder, const char *name, unsigned long copy)
{
	char kept[NAME_BYTES + 24];

	snprintf(kept, sizeof(kept), "%s%c%lu", name, GD_SESSION_COPY, copy);
	linkat(folder, name, folder, kept, 0);
}

void gd_store_keep_target(int folder, const struct gd_target *target, unsigned long copy)
{
	char name[NAME_BYTES];

	name_target(target, name);
	gd_store_keep(folder, name, copy);
}

void gd_store_forget(int folder, unsigned long copy)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(directory))) {
		const char *mark = strchr(entry->d_name, GD_SESSION_COPY);

		if (mark && strtoul(mark + 1, NULL, 10) + GD_KEEP_COPIES <= copy)
			unlinkat(folder, entry->d_name, 0);
	}
	closedir(directory);
}

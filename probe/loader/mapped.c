/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/map_files is the mapping itself, in whatever root its process lives; it needs a right
 * that not everybody has.  Else its path in that root, if the same file is still there.
 */
#include "mapped.h"
#include <base/cleanup.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct line {
	uint64_t start, end, offset, inode;
	unsigned int major, minor;
	char path[4096];
};

/* Only what begins a file. */
static bool parse(const char *text, struct line *ret_line)
{
	char permissions[8];

	return sscanf(text, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64 " %4095[^\n]",
		      &ret_line->start, &ret_line->end, permissions, &ret_line->offset,
		      &ret_line->major, &ret_line->minor, &ret_line->inode, ret_line->path) == 8 &&
	       ret_line->path[0] == '/' && ret_line->offset == 0;
}

static int open_mapped(int32_t pid, const struct line *line)
{
	char path[4200];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, line->start,
		 line->end);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, line->path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_ino != line->inode ||
			st.st_dev != makedev(line->major, line->minor) || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

struct gd_mapped gd_mapped_find(int32_t pid, bool (*is_it)(const char *name, int fd))
{
	struct gd_mapped mapped = { .fd = -1 };
	gd_autofclose FILE *maps = NULL;
	struct line line;
	char text[4400];

	snprintf(text, sizeof(text), "/proc/%d/maps", pid);
	maps = fopen(text, "re");
	while (maps && fgets(text, sizeof(text), maps)) {
		const char *name;

		if (!parse(text, &line))
			continue;
		name = strrchr(line.path, '/') + 1;
		if (strlen(name) >= sizeof(mapped.name) || !is_it(name, -1))
			continue;
		mapped.fd = open_mapped(pid, &line);
		if (mapped.fd >= 0 && is_it(name, mapped.fd)) {
			mapped.start = line.start;
			mapped.inode = line.inode;
			snprintf(mapped.name, sizeof(mapped.name), "%s", name);
			return mapped;
		}
		if (mapped.fd >= 0)
			close(mapped.fd);
		mapped.fd = -1;
	}
	return mapped;
}

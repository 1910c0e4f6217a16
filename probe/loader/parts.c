/* SPDX-License-Identifier: MIT */
#include "parts.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int write_all(int fd, const void *from, size_t size_bytes, uint64_t offset)
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

static int write_parts(int fd, const struct gd_file_header *header, const struct gd_part *parts)
{
	struct gd_section sections[GD_PARTS_MAX];
	size_t table_bytes = header->section_count * sizeof(sections[0]);
	uint64_t offset = sizeof(*header) + table_bytes;
	int err = 0;

	for (uint32_t i = 0; i < header->section_count && !err; i++) {
		sections[i] = (struct gd_section){ .kind = parts[i].kind,
						   .entry_size = parts[i].entry_size,
						   .offset = offset,
						   .used = (uint32_t)parts[i].count,
						   .capacity = (uint32_t)parts[i].count };
		err = write_all(fd, parts[i].rows, parts[i].count * parts[i].entry_size, offset);
		offset += parts[i].count * parts[i].entry_size;
	}
	if (!err)
		err = write_all(fd, sections, table_bytes, sizeof(*header));
	if (!err)
		err = write_all(fd, header, sizeof(*header),
				0); /* last: a torn file has no magic */
	return err;
}

int gd_parts_write(int folder, const struct gd_file_header *header, const struct gd_part *parts)
{
	int fd, err;

	unlinkat(folder, GD_SESSION_PROBE ".new", 0);
	fd = openat(folder, GD_SESSION_PROBE ".new",
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = write_parts(fd, header, parts);
	if (close(fd) != 0 && !err)
		err = -errno;
	if (!err && renameat(folder, GD_SESSION_PROBE ".new", folder, GD_SESSION_PROBE) != 0)
		err = -errno;
	if (err)
		unlinkat(folder, GD_SESSION_PROBE ".new", 0);
	return err;
}

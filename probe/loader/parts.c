/* SPDX-License-Identifier: MIT */
#include "parts.h"
#include <replace.h>

struct rows {
	const struct gd_file_header *header;
	const struct gd_part *parts;
};

static int write_rows(int fd, void *arg)
{
	const struct rows *rows = arg;
	const struct gd_file_header *header = rows->header;
	const struct gd_part *parts = rows->parts;
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
		err = gd_replace_write(fd, parts[i].rows, parts[i].count * parts[i].entry_size,
				       offset);
		offset += parts[i].count * parts[i].entry_size;
	}
	if (!err)
		err = gd_replace_write(fd, sections, table_bytes, sizeof(*header));
	if (!err)
		err = gd_replace_write(fd, header, sizeof(*header),
				       0); /* last: a torn file has no magic */
	return err;
}

int gd_parts_write(int folder, const struct gd_file_header *header, const struct gd_part *parts)
{
	struct rows rows = { header, parts };

	return gd_replace_file(folder, GD_SESSION_PROBE, write_rows, &rows);
}

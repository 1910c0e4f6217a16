/* SPDX-License-Identifier: MIT */
#include "store.h"
#include "clock.h"
#include "replace.h"
#include <base/folder.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct copy {
	void *image;
	uint32_t state;
};

static int write_piece(void *to, const void *from, size_t size_bytes, uint64_t offset)
{
	return gd_replace_write(*(int *)to, from, size_bytes, offset);
}

static int write_copy(int fd, void *arg)
{
	const struct copy *copy = arg;

	return gd_image_write(copy->image, copy->state, gd_clock_ns(CLOCK_MONOTONIC), write_piece,
			      &fd);
}

int gd_store_write(int folder, void *image, const char *name, bool is_gone)
{
	struct copy copy = { image, is_gone ? GD_STATE_CLOSED : GD_STATE_OPEN };

	return gd_replace_file(folder, name, write_copy, &copy);
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
	DIR *directory = gd_folder_read(folder, ".");
	const struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		const char *mark = strchr(entry->d_name, GD_SESSION_COPY);

		if (mark && strtoul(mark + 1, NULL, 10) + GD_KEEP_COPIES <= copy)
			unlinkat(folder, entry->d_name, 0);
	}
	if (directory)
		closedir(directory);
}

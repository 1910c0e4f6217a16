/* SPDX-License-Identifier: MIT */
#include "window.h"
#include "since.h"
#include <base/folder.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* When the sampler wrote this file of its own; 0: it is none. */
static uint64_t copied_ns(int folder, const char *name)
{
	struct gd_file file;
	uint64_t ns;

	if (gd_file_open(folder, name, name, &file, NULL) != 0)
		return 0;
	ns = file.header->copied_ns;
	gd_file_close(&file);
	return ns;
}

/* The number of a copy of the sampler's own file: "tree@3". */
static unsigned long copy_of(const char *name)
{
	size_t prefix = strlen(GD_SESSION_TREE);
	char *end;
	unsigned long copy;

	if (strncmp(name, GD_SESSION_TREE, prefix) != 0 || name[prefix] != GD_SESSION_COPY)
		return 0;
	copy = strtoul(name + prefix + 1, &end, 10);
	return *end ? 0 : copy;
}

struct gd_window gd_window_find(int folder, double last_s)
{
	struct gd_window found = { 0 };
	uint64_t end_ns = copied_ns(folder, GD_SESSION_TREE);
	DIR *directory = gd_folder_read(folder, ".");
	const struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		unsigned long copy = copy_of(entry->d_name);
		uint64_t ns = copy ? copied_ns(folder, entry->d_name) : 0;

		if (ns > found.since_ns && (double)end_ns - (double)ns >= last_s * 1e9)
			found = (struct gd_window){ copy, ns };
	}
	if (directory)
		closedir(directory);
	return found;
}

int gd_window_open(int folder, const char *name, const char *path, const struct gd_window *window,
		   struct gd_file *ret_file, struct gd_diag *diag)
{
	int err = gd_file_open(folder, name, path, ret_file, diag);
	char earlier[300];
	struct gd_file then;

	if (err || !window->copy)
		return err;
	snprintf(earlier, sizeof(earlier), "%s%c%lu", name, GD_SESSION_COPY, window->copy);
	/* What began since has no copy, and is told whole. */
	if (gd_file_open(folder, earlier, path, &then, NULL) != 0)
		return 0;
	if (then.header->start_ns == ret_file->header->start_ns)
		gd_file_keep_since(ret_file, &then);
	gd_file_close(&then);
	return 0;
}

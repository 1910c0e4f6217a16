/* SPDX-License-Identifier: MIT */
/* /proc names each process's parent; a parent's list of children is not in every kernel. */
#include "family.h"
#include <base/cleanup.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parent stands behind the name, which may hold anything (proc_pid_stat(5)). */
static pid_t parent_of(const char *pid)
{
	gd_autofclose FILE *file = NULL;
	char path[300], line[512];
	const char *end;
	size_t n;
	int parent;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	file = fopen(path, "re");
	n = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
	line[n] = 0;
	end = strrchr(line, ')');
	return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

static bool has(const struct gd_family *family, pid_t pid)
{
	for (size_t i = 0; i < family->count; i++)
		if (family->pids[i] == pid)
			return true;
	return false;
}

/* Adds those whose parent is in it. */
static void add_generation(struct gd_family *family)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	while (proc && (entry = readdir(proc)) && family->count < GD_FAMILY_MAX) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && !has(family, pid) && has(family, parent_of(entry->d_name)))
			family->pids[family->count++] = pid;
	}
	if (proc)
		closedir(proc);
}

void gd_family_find(pid_t pid, struct gd_family *ret_family)
{
	struct gd_family family = { .pids = { pid }, .count = 1 };
	size_t before = 0;

	while (family.count > before) {
		before = family.count;
		add_generation(&family);
	}
	*ret_family = family;
}

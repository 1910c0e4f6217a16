/* SPDX-License-Identifier: MIT */
/* The files that a process has mapped. */
#ifndef GD_MAPPED_H
#define GD_MAPPED_H

#include <stdbool.h>
#include <stdint.h>

struct gd_mapped {
	int fd;         /* the file itself, wherever its path leads today; -1: none */
	uint64_t start; /* where its first byte is in the process */
	uint64_t inode;
	char name[256]; /* of the file, without its folder */
};

/*
 * The first file of pid's of which is_it says yes, by its name alone (fd -1) and then by its content,
 * too; the caller closes it.
 */
struct gd_mapped gd_mapped_find(int32_t pid, bool (*is_it)(const char *name, int fd));

#endif

/* SPDX-License-Identifier: MIT */
/* How a file of a recording is written: anew, whole or not at all. */
#ifndef GD_REPLACE_H
#define GD_REPLACE_H

#include <stddef.h>
#include <stdint.h>

/* Writes what belongs into the new file at fd.  0 or -errno. */
typedef int gd_replace_fn(int fd, void *arg);

/*
 * Fills a new file and renames it over the one called name in the folder (a descriptor): a reader
 * sees a whole one, a full disk costs the newest copy only, no link of somebody else's is followed.
 * 0 or -errno; what was there before stays when it fails.
 */
int gd_replace_file(int folder, const char *name, gd_replace_fn *fill, void *arg);

/* All of it, at offset.  0 or -errno. */
int gd_replace_write(int fd, const void *from, size_t size_bytes, uint64_t offset);

#endif

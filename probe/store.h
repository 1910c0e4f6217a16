/* SPDX-License-Identifier: MIT */
/* From images to files in the session's folder. */
#ifndef GD_STORE_H
#define GD_STORE_H

#include "target.h"

/*
 * Writes an image's file, whole or not at all.  folder is a descriptor of the session's folder;
 * is_gone: nothing more will come.  Returns 0 or -errno; the file that was there before stays when
 * it fails.
 */
int gd_store_write(int folder, void *image, const char *name, bool is_gone);

/* The same under the name of a process's file. */
int gd_store_write_target(int folder, struct gd_target *target, bool is_gone);

/* Removes the file that a process wrote itself because we were late. */
void gd_store_remove_own(int folder, const struct gd_target *target);

/*
 * Earlier copies, so that a report can tell of the last minute alone.  From GD_KEEP_FROM_NS on,
 * every GD_KEEP_NS, the files as they are get a second name, name@1, name@2 and so on; only the
 * newest GD_KEEP_COPIES numbers stay.
 */
#define GD_KEEP_FROM_NS (70ull * 1000000000ull)
#define GD_KEEP_NS      (30ull * 1000000000ull)
#define GD_KEEP_COPIES  4ul

/* Where a file system has no hard links there are no copies: nothing else depends on them. */
void gd_store_keep(int folder, const char *name, unsigned long copy);
void gd_store_keep_target(int folder, const struct gd_target *target, unsigned long copy);

/* Removes what is no longer among the newest once copy is there. */
void gd_store_forget(int folder, unsigned long copy);

#endif

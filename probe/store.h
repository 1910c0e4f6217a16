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

#endif

/* SPDX-License-Identifier: MIT */
/* From images to files in the session's folder. */
#ifndef GD_STORE_H
#define GD_STORE_H

#include "target.h"

/*
 * Writes the target's file, whole or not at all, under its final name.  folder is a descriptor of
 * the session's folder; is_gone: nothing more will come.  Returns 0 or -errno; the file that was
 * there before stays when it fails.
 */
int gd_store_write(int folder, struct gd_target *target, bool is_gone);

#endif

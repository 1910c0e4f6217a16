/* SPDX-License-Identifier: MIT */
/*
 * Programs that the agent would break: preloads are fatal to another libc and to a sanitizer that
 * must come first, and make the loader of another machine complain.
 */
#ifndef GD_FOREIGN_H
#define GD_FOREIGN_H

#include <stdbool.h>

/*
 * True when the file is such a program; false also where it cannot be told.  Some microseconds.
 * Context: before an exec, also in a vfork child.
 */
bool gd_foreign_is(int folder, const char *path);

#endif

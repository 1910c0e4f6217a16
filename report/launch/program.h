/* SPDX-License-Identifier: MIT */
/* What kind of program a command is: can an agent be preloaded? */
#ifndef GD_PROGRAM_H
#define GD_PROGRAM_H

#include <stddef.h>

enum gd_program_kind {
	GD_PROGRAM_WATCHABLE,
	GD_PROGRAM_MISSING,        /* not found: 127 */
	GD_PROGRAM_NOT_EXECUTABLE, /* 126 */
	GD_PROGRAM_STATIC,
	GD_PROGRAM_SETUID,
	GD_PROGRAM_OTHER_LIBC,
	GD_PROGRAM_OTHER_MACHINE,
	GD_PROGRAM_SANITIZED, /* brings a sanitizer that must be the first library */
};

/*
 * Looks at the file that execvp(name) would run, through #! lines too.  ret_path gets the file that
 * was looked at last.
 */
enum gd_program_kind gd_program_inspect(const char *name, char *ret_path, size_t size_bytes);

/* Why it is run unwatched, for "gildiag: PATH <words>"; NULL for watchable ones. */
const char *gd_program_words(enum gd_program_kind kind);

#endif

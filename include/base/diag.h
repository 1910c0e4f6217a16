/* SPDX-License-Identifier: MIT */
/*
 * One error, one sentence.  The sentence is written once, where the cause is known, and passed up
 * unchanged; only report/cmd prints it.
 */
#ifndef GD_DIAG_H
#define GD_DIAG_H

#include <stdarg.h>
#include <stdio.h>

struct gd_diag {
	char text[512]; /* what is wrong and what to do; no final newline; empty: no error */
};

/* Writes the sentence (diag may be NULL) and returns code, so that callers can return the call. */
static inline __attribute__((format(printf, 3, 4))) int gd_diag_set(struct gd_diag *diag, int code,
								    const char *format, ...)
{
	va_list args;

	if (diag) {
		va_start(args, format);
		vsnprintf(diag->text, sizeof(diag->text), format, args);
		va_end(args);
	}
	return code;
}

#endif

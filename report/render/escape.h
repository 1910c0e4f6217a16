/* SPDX-License-Identifier: MIT */
/* Names from the target, made harmless. */
#ifndef GD_ESCAPE_H
#define GD_ESCAPE_H

#include <stddef.h>

/*
 * A copy that a terminal prints as it stands: control characters become \xNN, what is not UTF-8
 * becomes '?' (the replacement character where utf8), longer texts keep their end behind "...".
 * width_max counts characters.  To be freed; NULL without memory.
 */
char *gd_escape_terminal(const char *text, size_t width_max, int utf8);

/* Valid UTF-8 for JSON: what is not becomes U+FFFD.  To be freed; NULL without memory. */
char *gd_escape_utf8(const char *text);

#endif

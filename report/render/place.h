/* SPDX-License-Identifier: MIT */
/* A place in the program, in a line. */
#ifndef GD_PLACE_TEXT_H
#define GD_PLACE_TEXT_H

#include <model.h>
#include <stddef.h>

/*
 * "app.py:31 main()", "convoy.c:12 worker()", "libfoo.so+0x1234": harmless to a terminal, at most
 * width characters.
 */
void gd_place_text(const struct gd_place *place, int utf8, size_t width, char *buf,
		   size_t size_bytes);

#endif

/* SPDX-License-Identifier: MIT */
/* Rows that grow. */
#ifndef GD_ROWS_H
#define GD_ROWS_H

#include <stddef.h>

struct gd_rows {
	void *rows;
	size_t count, capacity;
};

/* Room for one more row of size_bytes, zeroed; NULL: no memory, or limit rows are there. */
void *gd_rows_add(struct gd_rows *rows, size_t size_bytes, size_t limit);

#endif

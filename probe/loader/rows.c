/* SPDX-License-Identifier: MIT */
#include "rows.h"
#include <stdlib.h>
#include <string.h>

void *gd_rows_add(struct gd_rows *rows, size_t size_bytes, size_t limit)
{
	void *row;

	if (rows->count >= limit)
		return NULL;
	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? 2 * rows->capacity : 16;
		void *grown = realloc(rows->rows, capacity * size_bytes);

		if (!grown)
			return NULL;
		rows->rows = grown;
		rows->capacity = capacity;
	}
	row = (char *)rows->rows + rows->count++ * size_bytes;
	memset(row, 0, size_bytes);
	return row;
}

/* SPDX-License-Identifier: MIT */
/* A list of allocations: simple, and the sanitizers see every overrun. */
#include "pool.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	max_align_t data[];
};

struct gd_pool {
	struct block *blocks;
};

struct gd_pool *gd_pool_new(void)
{
	return calloc(1, sizeof(struct gd_pool));
}

void gd_pool_free(struct gd_pool *pool)
{
	if (!pool)
		return;
	for (struct block *block = pool->blocks; block;) {
		struct block *next = block->next;

		free(block);
		block = next;
	}
	free(pool);
}

void *gd_pool_alloc(struct gd_pool *pool, size_t count, size_t size_bytes)
{
	struct block *block;

	if (size_bytes && count > (SIZE_MAX - sizeof(*block)) / size_bytes)
		return NULL;
	block = calloc(1, sizeof(*block) + count * size_bytes);
	if (!block)
		return NULL;
	block->next = pool->blocks;
	pool->blocks = block;
	return block->data;
}

char *gd_pool_text(struct gd_pool *pool, const char *text, size_t size_bytes)
{
	size_t n = strnlen(text, size_bytes);
	char *copy = gd_pool_alloc(pool, n + 1, 1);

	if (copy)
		memcpy(copy, text, n);
	return copy;
}

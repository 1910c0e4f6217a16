/* SPDX-License-Identifier: MIT */
/* Memory that lives as long as one report: the model and all results of the analysis. */
#ifndef GD_POOL_H
#define GD_POOL_H

#include <stddef.h>

struct gd_pool;

/* NULL without memory. */
struct gd_pool *gd_pool_new(void);

/* Frees everything that was allocated from it; accepts NULL. */
void gd_pool_free(struct gd_pool *pool);

/* Zeroed memory for count things of size_bytes, NULL without memory.  Valid until the pool is
 * freed. */
void *gd_pool_alloc(struct gd_pool *pool, size_t count, size_t size_bytes);

/* A copy of at most size_bytes of text, always terminated. */
char *gd_pool_text(struct gd_pool *pool, const char *text, size_t size_bytes);

#endif

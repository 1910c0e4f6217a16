/* SPDX-License-Identifier: MIT */
/* Reading the memory of an interpreter, one's own or another's. */
#ifndef GD_MEMORY_H
#define GD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gd_memory {
	/* Copies size_bytes at address to buf; false where that cannot be read. */
	bool (*read)(void *arg, uint64_t address, void *buf, size_t size_bytes);
	void *arg;
};

static inline bool gd_memory_read(const struct gd_memory *memory, uint64_t address, void *buf,
				  size_t size_bytes)
{
	return memory->read(memory->arg, address, buf, size_bytes);
}

static inline bool gd_memory_read_u64(const struct gd_memory *memory, uint64_t address,
				      uint64_t *ret_value)
{
	return memory->read(memory->arg, address, ret_value, sizeof(*ret_value));
}

#endif

/* SPDX-License-Identifier: MIT */
/* A piece of an interpreter's memory made by hand, for what reads one through struct gd_memory. */
#ifndef GD_BUILDERS_MEMORY_IMAGE_H
#define GD_BUILDERS_MEMORY_IMAGE_H

#include <cpython_offsets.h>
#include <string.h>

#define BASE        0x10000ull
#define RUNTIME     BASE
#define TSTATE      (BASE + 0x1000)
#define PTHREAD     (BASE + 0x1400)
#define INTERPRETER (BASE + 0x2000)
#define BYTES       0x4000

static unsigned char memory_bytes[BYTES];

static bool read_bytes(void *arg, uint64_t address, void *buf, size_t size_bytes)
{
	(void)arg;
	if (address < BASE || address - BASE > BYTES || size_bytes > BYTES - (address - BASE))
		return false;
	memcpy(buf, memory_bytes + (address - BASE), size_bytes);
	return true;
}

static const struct gd_memory memory = { read_bytes, NULL };

static inline void put64(uint64_t address, uint64_t value)
{
	memcpy(memory_bytes + (address - BASE), &value, sizeof(value));
}

static inline void put32(uint64_t address, uint32_t value)
{
	memcpy(memory_bytes + (address - BASE), &value, sizeof(value));
}

/* The thread state's thread is tid; its number of itself stands 152 bytes into it, as in 3.11. */
static inline void put_thread(uint32_t tid)
{
	put64(TSTATE + 152, PTHREAD);
	put64(PTHREAD + 16, PTHREAD);
	put32(PTHREAD + 720, tid);
}

#endif

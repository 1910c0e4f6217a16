/* SPDX-License-Identifier: MIT */
/*
 * struct _gil_runtime_state, x86-64 glibc, the same from 3.7 to 3.15 (Include/internal/pycore_gil.h;
 * before 3.9 internal/ceval.h): [free-threaded: int enabled;] interval, last_holder, locked,
 * switch_number, cond, mutex, switch_cond, switch_mutex.
 */
#include "cpython_gil.h"
#include "cpython_threads.h"

/* From gil->cond. */
#define INTERVAL    (-32)
#define LAST_HOLDER (-24)
#define LOCKED      (-16)

#define INTERVAL_US_MAX 100000000

/* Up to 3.11 it lies in _PyRuntime; since then the interpreter has a pointer to it. */
static const struct place {
	uint16_t version;
	uint16_t cond;    /* from _PyRuntime; 0: by the interpreter */
	uint16_t pointer; /* in the interpreter */
} places[] = {
	{ 0x0307, 1296, 0 }, { 0x0308, 1184, 0 }, { 0x0309, 384, 0 },
	{ 0x030a, 384, 0 },  { 0x030b, 392, 0 },  { 0x030c, 0, 384 },
	{ 0x030d, 0, 16 },   { 0x030e, 0, 16 },   { 0x030f, 0, 16 },
};

/* What stands there must be what a GIL has. */
static bool is_gil(const struct gd_memory *memory, uint64_t cond)
{
	uint64_t interval_us, last_holder;
	int32_t locked;

	return gd_memory_read_u64(memory, cond + (uint64_t)INTERVAL, &interval_us) &&
	       gd_memory_read_u64(memory, cond + (uint64_t)LAST_HOLDER, &last_holder) &&
	       gd_memory_read(memory, cond + (uint64_t)LOCKED, &locked, sizeof(locked)) &&
	       interval_us >= 1 && interval_us <= INTERVAL_US_MAX && last_holder &&
	       last_holder % sizeof(uint64_t) == 0 && (locked == 0 || locked == 1);
}

/* A free-threaded build has one field more in front: it is not taken for one. */
static uint64_t check(const struct gd_memory *memory, uint64_t gil)
{
	return gil && is_gil(memory, gil - INTERVAL) ? gil - INTERVAL : 0;
}

uint64_t gd_cpython_gil(uint16_t version, const struct gd_memory *memory, uint64_t runtime)
{
	const struct place *place = places;
	uint64_t interpreter, gil;

	while (place < places + sizeof(places) / sizeof(places[0]) && place->version != version)
		place++;
	if (!runtime || place == places + sizeof(places) / sizeof(places[0]))
		return 0;
	if (place->cond)
		return check(memory, runtime + place->cond + (uint64_t)INTERVAL);
	interpreter = gd_cpython_main_interpreter(version, memory, runtime);
	if (!interpreter || !gd_memory_read_u64(memory, interpreter + place->pointer, &gil))
		return 0;
	return check(memory, gil);
}

int32_t gd_cpython_gil_holder(uint16_t version, const struct gd_memory *memory, uint64_t runtime,
			      uint64_t cond)
{
	struct gd_cpython_offsets offsets;
	uint64_t tstate, pthread;
	int32_t locked, tid;

	if (!is_gil(memory, cond) ||
	    !gd_memory_read(memory, cond + (uint64_t)LOCKED, &locked, sizeof(locked)))
		return GD_GIL_NOT_SEEN;
	if (!locked)
		return GD_GIL_NOBODY;
	if (!gd_cpython_offsets_find(version, memory, runtime, &offsets) ||
	    !gd_memory_read_u64(memory, cond + (uint64_t)LAST_HOLDER, &tstate) ||
	    !gd_memory_read_u64(memory, tstate + offsets.tstate_thread_id, &pthread))
		return GD_GIL_NOT_SEEN;
	tid = gd_cpython_tid(memory, pthread);
	return tid > 0 ? tid : GD_GIL_NOT_SEEN;
}

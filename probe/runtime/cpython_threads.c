/* SPDX-License-Identifier: MIT */
/*
 * _PyRuntime.interpreters.main, its list of threads (tstate_head, since 3.11 threads.head), and
 * PyThreadState.next: read with the interpreters' own accessors, PyInterpreterState_Head,
 * PyInterpreterState_ThreadHead and PyThreadState_Next, on each minor version.
 */
#include "cpython_threads.h"

/* glibc's struct pthread: its own address, and the thread's number. */
#define PTHREAD_SELF 16
#define PTHREAD_TID  720

#define INTERPRETER_MAX 0x100000 /* bytes of its struct, most of them of static objects */

/* _Py_DebugOffsets, in bytes from its start: interpreter_state.threads_head. */
#define PUBLISHED_THREADS 72

static const struct place {
	uint16_t version;
	uint16_t main;    /* in _PyRuntime */
	uint16_t threads; /* in the interpreter; 0: published */
	uint16_t next;    /* in the thread state; since 3.13 it is published, and the same */
} places[] = {
	{ 0x0308, 40, 8, 8 },  { 0x0309, 40, 8, 8 },  { 0x030a, 40, 8, 8 },  { 0x030b, 48, 16, 8 },
	{ 0x030c, 48, 72, 8 }, { 0x030d, 640, 0, 8 }, { 0x030e, 816, 0, 8 }, { 0x030f, 944, 0, 8 },
};

static const struct place *place_of(uint16_t version)
{
	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i].version == version)
			return &places[i];
	return NULL;
}

uint64_t gd_cpython_main_interpreter(uint16_t version, const struct gd_memory *memory,
				     uint64_t runtime)
{
	const struct place *place = place_of(version);
	uint64_t interpreter;

	return place && runtime && gd_memory_read_u64(memory, runtime + place->main, &interpreter)
		       ? interpreter
		       : 0;
}

int32_t gd_cpython_tid(const struct gd_memory *memory, uint64_t pthread)
{
	uint64_t self;
	int32_t tid;

	if (!gd_memory_read_u64(memory, pthread + PTHREAD_SELF, &self) || self != pthread ||
	    !gd_memory_read(memory, pthread + PTHREAD_TID, &tid, sizeof(tid)) || tid <= 0)
		return -1;
	return tid;
}

/* Its first thread state must be some thread's. */
static bool is_list(const struct gd_cpython_offsets *offsets, const struct gd_memory *memory,
		    uint64_t head)
{
	uint64_t tstate, pthread;

	return gd_memory_read_u64(memory, head, &tstate) && tstate &&
	       gd_memory_read_u64(memory, tstate + offsets->tstate_thread_id, &pthread) &&
	       gd_cpython_tid(memory, pthread) > 0;
}

bool gd_cpython_threads_find(const struct gd_cpython_offsets *offsets,
			     const struct gd_memory *memory, uint64_t runtime,
			     struct gd_cpython_threads *ret_threads)
{
	const struct place *place = place_of(offsets->version);
	uint64_t interpreter = gd_cpython_main_interpreter(offsets->version, memory, runtime);
	uint64_t threads;

	if (!place || !interpreter)
		return false;
	threads = place->threads;
	if (!threads && !gd_memory_read_u64(memory, runtime + PUBLISHED_THREADS, &threads))
		return false;
	*ret_threads = (struct gd_cpython_threads){ interpreter + threads, place->next };
	return threads < INTERPRETER_MAX && is_list(offsets, memory, ret_threads->head);
}

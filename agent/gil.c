/* SPDX-License-Identifier: MIT */
/* Learning which conditions are those of a GIL. */
#include "gil.h"
#include "clock.h"
#include <string.h>
#include <sys/uio.h>

#define NEGATIVES 4096 /* conditions known to be none, direct mapped */

struct gd_gil_known gd_gils[GD_GIL_CAPACITY];
uint32_t gd_gil_count;

static uintptr_t negatives[NEGATIVES];

/* What lies around a switch condition x, from x - 120 on. */
struct surroundings {
	uint64_t interval_us; /* x - 120 */
	uint64_t last_holder;
	int32_t locked; /* x - 104 */
	int32_t padding;
	uint64_t switch_number;
	char cond[48];           /* x - 88 */
	int32_t mutex[2];        /* x - 40: lock, count */
	int32_t mutex_owner;     /* x - 32 */
	char mutex_rest[28];     /* to x */
	char switch_cond[48];    /* x */
	int32_t switch_mutex[2]; /* x + 48 */
	int32_t switch_mutex_owner;
};
_Static_assert(offsetof(struct surroundings, switch_cond) == 120, "x is 120 bytes in");
_Static_assert(offsetof(struct surroundings, mutex_owner) == 120 - 32, "glibc's __owner is at +8");

static uintptr_t *negative_of(uintptr_t cond)
{
	return &negatives[(cond >> 3) * 0x9e3779b97f4a7c15ull >> 52];
}

/*
 * An unknown condition may lie anywhere, at the edge of a mapping too: what is not on its own page
 * is read by the kernel, which returns an error where we would fault.
 */
static bool read_surroundings(uintptr_t cond, struct surroundings *ret)
{
	uintptr_t from = cond - offsetof(struct surroundings, switch_cond);
	struct iovec local = { ret, sizeof(*ret) };
	struct iovec remote = { (void *)from, sizeof(*ret) };

	if (from / GD_PAGE_BYTES == (from + sizeof(*ret) - 1) / GD_PAGE_BYTES) {
		memcpy(ret, (const void *)from, sizeof(*ret));
		return true;
	}
	if (gd_process->flags & GD_FLAG_SECCOMP)
		return false;
	return gd_syscall(SYS_process_vm_readv, gd_process->pid, &local, 1, &remote, 1, 0) ==
	       (long)sizeof(*ret);
}

static bool is_switch_cond(uintptr_t cond)
{
	struct surroundings s;

	if (!read_surroundings(cond, &s))
		return false;
	/* The owners are compared with each other, not with gettid: right in PID namespaces too. */
	return s.switch_mutex_owner != 0 && s.switch_mutex_owner == s.mutex_owner &&
	       s.locked == 1 && s.interval_us >= 1 && s.interval_us <= 100000000;
}

/* Several threads may learn different GILs at once; one GIL is learnt by its holder only. */
static struct gd_gil_known *learn(uintptr_t cond)
{
	struct gd_gil *row;
	uint32_t index;

	/*
	 * A subinterpreter that ended and one that was born at the same address share a row.  There
	 * is none yet where another thread learns one just now.
	 */
	for (uint32_t i = 0; i < gd_gil_count; i++)
		if (!gd_gils[i].cond && gd_gils[i].row && gd_gils[i].row->cond == cond) {
			gd_gils[i].row->alive = 1;
			gd_gils[i].row->waiters = 0;
			gd_gils[i].queue = (struct gd_lock_queue){ 0 };
			__atomic_store_n(&gd_gils[i].cond, cond, __ATOMIC_RELEASE);
			return &gd_gils[i];
		}
	row = gd_arena_take(GD_SECTION_GILS, &index);
	if (!row)
		return NULL;
	row->cond = cond;
	row->alive = 1;
	gd_gils[index].row = row;
	gd_gils[index].number = index + 1;
	__atomic_store_n(&gd_gils[index].cond, cond, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t seen = __atomic_load_n(&gd_gil_count, __ATOMIC_RELAXED); seen <= index;)
		if (__atomic_compare_exchange_n(&gd_gil_count, &seen, index + 1, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			break;
	return &gd_gils[index];
}

struct gd_gil_known *gd_gil_inspect(uintptr_t cond)
{
	uintptr_t *negative = negative_of(cond);

	if (!gd_process || __atomic_load_n(negative, __ATOMIC_RELAXED) == cond)
		return NULL;
	if (!is_switch_cond(cond)) {
		__atomic_store_n(negative, cond, __ATOMIC_RELAXED);
		return NULL;
	}
	return learn(cond - GD_GIL_SWITCH_COND);
}

void gd_gil_forget(uintptr_t cond)
{
	struct gd_gil_known *gil = gd_gil_at(cond, 0);
	uintptr_t *negative = negative_of(cond);

	if (gil) {
		gil->row->alive = 0;
		gil->row->holder = 0;
		__atomic_store_n(&gil->cond, 0, __ATOMIC_RELEASE);
	}
	if (__atomic_load_n(negative, __ATOMIC_RELAXED) == cond)
		__atomic_store_n(negative, 0, __ATOMIC_RELAXED);
}

void gd_gil_reset(void)
{
	for (uint32_t i = 0; i < gd_gil_count; i++) {
		uint32_t index;

		gd_gils[i].row = gd_arena_take(GD_SECTION_GILS, &index);
		gd_gils[i].row->cond = gd_gils[i].cond;
		gd_gils[i].queue = (struct gd_lock_queue){ 0 };
		gd_gils[i].row->alive = gd_gils[i].cond != 0;
	}
}

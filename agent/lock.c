/* SPDX-License-Identifier: MIT */
/*
 * The table: dense rows in the image, a private open-addressing index from addresses to rows.
 * Entries are never removed: a lock that dies leaves its row to the next one at its address.
 */
#include "lock.h"
#include "clock.h"
#include <sys/mman.h>

#define INDEX_SIZE  (2 * GD_LOCK_CAPACITY) /* at most half full */
#define PROBES	    64
#define PARKED_SIZE 4096
#define STACK_REACH 65536 /* a wait_entry lies this close above the wrapper's frame */

struct index_entry {
	uintptr_t key;
	uint32_t row_plus_1; /* 0: being filled */
	uint32_t padding;
};

bool gd_lock_parks;

static struct index_entry *table;
static struct {
	uintptr_t sem;
	uintptr_t key;
} parked[PARKED_SIZE];

void gd_lock_init(void)
{
	long map = gd_syscall(SYS_mmap, 0, INDEX_SIZE * sizeof(*table), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map > 0 || map <= -4096)
		table = (struct index_entry *)map;
}

static uint32_t hash(uintptr_t key)
{
	return (uint32_t)((key >> 3) * 0x9e3779b97f4a7c15ull >> 32) % INDEX_SIZE;
}

static struct gd_lock *row_at(uint32_t row_plus_1)
{
	struct gd_lock *rows = gd_image_entries(gd_arena_image(), GD_SECTION_LOCKS);

	return row_plus_1 ? &rows[row_plus_1 - 1] : NULL;
}

struct gd_lock *gd_lock_find(uintptr_t key)
{
	if (!table)
		return NULL;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct index_entry *entry = &table[(hash(key) + i) % INDEX_SIZE];
		uintptr_t seen = __atomic_load_n(&entry->key, __ATOMIC_ACQUIRE);

		if (seen == key)
			return row_at(__atomic_load_n(&entry->row_plus_1, __ATOMIC_ACQUIRE));
		if (!seen)
			return NULL;
	}
	return NULL;
}

static struct gd_lock *add(struct index_entry *entry, uintptr_t key, uint16_t cause)
{
	uint32_t index;
	struct gd_lock *row = gd_arena_take(GD_SECTION_LOCKS, &index);

	if (!row)
		return NULL;
	row->key = key;
	row->cause = cause;
	__atomic_store_n(&entry->row_plus_1, index + 1, __ATOMIC_RELEASE);
	return row;
}

struct gd_lock *gd_lock_arrive(uintptr_t key, uint16_t cause)
{
	struct gd_lock *row = NULL;

	if (!table)
		return NULL;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct index_entry *entry = &table[(hash(key) + i) % INDEX_SIZE];
		uintptr_t seen = 0;

		if (__atomic_compare_exchange_n(&entry->key, &seen, key, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE)) {
			row = add(entry, key, cause);
			break;
		}
		if (seen == key) {
			row = row_at(__atomic_load_n(&entry->row_plus_1, __ATOMIC_ACQUIRE));
			break;
		}
	}
	if (row)
		__atomic_fetch_add(&row->waiters, 1, __ATOMIC_RELAXED);
	return row;
}

void gd_lock_leave(struct gd_lock *row, uint64_t waited, bool timed_out)
{
	uint64_t max;

	if (!row)
		return;
	__atomic_fetch_sub(&row->waiters, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&row->waits, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&row->wait, waited, __ATOMIC_RELAXED);
	if (timed_out)
		__atomic_fetch_add(&row->timeouts, 1, __ATOMIC_RELAXED);
	max = __atomic_load_n(&row->wait_max, __ATOMIC_RELAXED);
	while (waited > max && !__atomic_compare_exchange_n(&row->wait_max, &max, waited, true,
							    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void gd_lock_reset(void)
{
	if (table)
		gd_syscall(SYS_madvise, table, INDEX_SIZE * sizeof(*table), MADV_DONTNEED);
}

static uint32_t parked_slot(uintptr_t sem)
{
	return (uint32_t)((sem >> 4) * 0x9e3779b97f4a7c15ull >> 52) % PARKED_SIZE;
}

uintptr_t gd_lock_park(uintptr_t sem, uintptr_t frame)
{
	uint32_t slot = parked_slot(sem);
	uintptr_t key;

	if (!gd_lock_parks || sem < frame || sem - frame > STACK_REACH)
		return sem;
	key = *(const uintptr_t *)(sem - sizeof(uintptr_t));
	if (!key)
		return sem;
	__atomic_store_n(&parked[slot].key, key, __ATOMIC_RELAXED);
	__atomic_store_n(&parked[slot].sem, sem, __ATOMIC_RELEASE);
	return key;
}

uintptr_t gd_lock_parked(uintptr_t sem)
{
	uint32_t slot = parked_slot(sem);

	if (!gd_lock_parks || __atomic_load_n(&parked[slot].sem, __ATOMIC_ACQUIRE) != sem)
		return sem;
	return __atomic_load_n(&parked[slot].key, __ATOMIC_RELAXED);
}

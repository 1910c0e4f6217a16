/* SPDX-License-Identifier: MIT */
/*
 * The table: dense rows in the image, a private open-addressing index from addresses to rows.
 * Entries are never removed: a lock that dies leaves its row to the next one of its kind at its
 * address.
 */
#include "clock.h"
#include "lock_sums.h"
#include <sys/mman.h>

#define INDEX_SIZE  (2 * GD_LOCK_CAPACITY) /* at most half full */
#define PROBES      64
#define NO_ROW      UINT32_MAX /* the table was full when it was first waited for */
#define PARKED_SIZE 4096
#define STACK_REACH 65536 /* a wait_entry lies this close above the wrapper's frame */

struct index_entry {
	uint64_t key;        /* see index_key() */
	uint32_t row_plus_1; /* 0: nobody has found a row for it yet */
	uint32_t padding;
};

bool gd_lock_parks;
bool gd_lock_gave_up;

static struct index_entry *table;
static struct {
	uintptr_t sem;
	uintptr_t key;
} parked[PARKED_SIZE];

void gd_lock_init(void)
{
	table = gd_arena_map(INDEX_SIZE * sizeof(*table));
}

/* No address reaches up there: a mutex that lies where a condition lay is another lock. */
static uint64_t index_key(uintptr_t key, uint16_t cause)
{
	return (uint64_t)key ^ (uint64_t)cause << 48;
}

static uint32_t hash(uint64_t key)
{
	return (uint32_t)((key >> 3) * 0x9e3779b97f4a7c15ull >> 32) % INDEX_SIZE;
}

static struct gd_lock *row_at(uint32_t row_plus_1)
{
	struct gd_lock *rows = gd_image_entries(gd_arena_image(), GD_SECTION_LOCKS);

	return row_plus_1 && row_plus_1 != NO_ROW ? &rows[row_plus_1 - 1] : NULL;
}

struct gd_lock *gd_lock_find(uintptr_t key, uint16_t cause)
{
	uint64_t wanted = index_key(key, cause);

	if (!table)
		return NULL;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct index_entry *entry = &table[(hash(wanted) + i) % INDEX_SIZE];
		uint64_t seen = __atomic_load_n(&entry->key, __ATOMIC_ACQUIRE);

		if (seen == wanted)
			return row_at(__atomic_load_n(&entry->row_plus_1, __ATOMIC_ACQUIRE));
		if (!seen)
			return NULL;
	}
	return NULL;
}

/*
 * The row of an entry whose key is set.  Whoever arrives first finds one; who arrives meanwhile
 * does not wait for that but finds one too, and the slower one's stays empty.
 */
static struct gd_lock *row_for(struct index_entry *entry, uintptr_t key, uint16_t cause)
{
	uint32_t row_plus_1 = __atomic_load_n(&entry->row_plus_1, __ATOMIC_ACQUIRE);
	struct gd_lock *row;
	uint32_t index;

	if (row_plus_1)
		return row_at(row_plus_1);
	row = gd_arena_take(GD_SECTION_LOCKS, &index);
	if (row) {
		row->key = key;
		row->cause = cause;
	}
	if (__atomic_compare_exchange_n(&entry->row_plus_1, &row_plus_1, row ? index + 1 : NO_ROW,
					false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return row;
	return row_at(row_plus_1);
}

struct gd_lock *gd_lock_arrive(uintptr_t key, uint16_t cause, uint64_t now)
{
	uint64_t wanted = index_key(key, cause);
	struct gd_lock *row = NULL;
	uint32_t i;

	if (!table)
		return NULL;
	for (i = 0; i < PROBES; i++) {
		struct index_entry *entry = &table[(hash(wanted) + i) % INDEX_SIZE];
		uint64_t seen = 0;

		if (!__atomic_compare_exchange_n(&entry->key, &seen, wanted, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) &&
		    seen != wanted)
			continue;
		row = row_for(entry, key, cause);
		break;
	}
	if (row)
		gd_arch_add_pair(&row->queue, 1, now);
	else if (i == PROBES)
		__atomic_fetch_add(&gd_sections[GD_SECTION_LOCKS - 1].lost, 1, __ATOMIC_RELAXED);
	return row;
}

/*
 * A condition and a barrier have no holder that a time-out could be blamed on.  A semaphore may be
 * given back without a look at the table: from now on it is looked at.
 */
static void give_up(struct gd_lock *row, uint64_t waited)
{
	add_to(&row->timeouts, 1);
	if (row->cause == GD_CAUSE_COND)
		return;
	add_to(&row->given_up, waited);
	if (row->cause == GD_CAUSE_SEM)
		__atomic_store_n(&gd_lock_gave_up, true, __ATOMIC_RELAXED);
}

void gd_lock_leave(struct gd_lock *row, uint64_t arrived, uint64_t now, enum gd_lock_end end)
{
	uint64_t waited = now - arrived;
	uint64_t waker;

	if (!row)
		return;
	gd_arch_add_pair(&row->queue, (uint64_t)-1, -arrived);
	if (end == GD_LOCK_NOT_WAITED)
		return;
	if (end == GD_LOCK_TIMED_OUT)
		give_up(row, waited);
	add_to(&row->waits, 1);
	add_to(&row->wait, waited);
	raise_to(&row->wait_max, waited);
	waker = end == GD_LOCK_OBTAINED ? __atomic_load_n(&row->waker, __ATOMIC_RELAXED) : 0;
	if (waker)
		gd_lock_blame_site(row, waker, waited, 0);
}

void gd_lock_abandon(struct gd_local *self, uint64_t now)
{
	gd_lock_leave(self->wait_lock, self->wait_lock_began, now, GD_LOCK_INTERRUPTED);
	self->wait_lock = NULL;
}

uint64_t gd_lock_accrued(struct gd_lock *row, uint64_t now, uint64_t *ret_count)
{
	uint64_t count, arrivals;

	gd_arch_read_pair(&row->queue, &count, &arrivals);
	*ret_count = count;
	return count * now - arrivals;
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

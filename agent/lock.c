/* SPDX-License-Identifier: MIT */
/*
 * The table: dense rows in the image, a private open-addressing index from addresses to rows.
 * Entries are never removed: a lock that dies leaves its row to the next one at its address.
 */
#include "lock.h"
#include "clock.h"
#include "site.h"
#include <sys/mman.h>

#define INDEX_SIZE  (2 * GD_LOCK_CAPACITY) /* at most half full */
#define PROBES      64
#define NO_ROW      UINT32_MAX /* the table was full when it was first waited for */
#define PARKED_SIZE 4096
#define STACK_REACH 65536 /* a wait_entry lies this close above the wrapper's frame */

struct index_entry {
	uintptr_t key;
	uint32_t row_plus_1; /* 0: nobody has found a row for it yet */
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

	return row_plus_1 && row_plus_1 != NO_ROW ? &rows[row_plus_1 - 1] : NULL;
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
	struct gd_lock *row = NULL;
	uint32_t i;

	if (!table)
		return NULL;
	for (i = 0; i < PROBES; i++) {
		struct index_entry *entry = &table[(hash(key) + i) % INDEX_SIZE];
		uintptr_t seen = 0;

		if (!__atomic_compare_exchange_n(&entry->key, &seen, key, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE) &&
		    seen != key)
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

static void raise_to(uint64_t *max, uint64_t value)
{
	uint64_t seen = __atomic_load_n(max, __ATOMIC_RELAXED);

	while (value > seen && !__atomic_compare_exchange_n(max, &seen, value, true,
							    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void add_to(uint64_t *sum, uint64_t value)
{
	__atomic_fetch_add(sum, value, __ATOMIC_RELAXED);
}

void gd_lock_leave(struct gd_lock *row, uint64_t arrived, uint64_t now, bool timed_out)
{
	if (!row)
		return;
	gd_arch_add_pair(&row->queue, (uint64_t)-1, -arrived);
	add_to(&row->waits, 1);
	add_to(&row->wait, now - arrived);
	raise_to(&row->wait_max, now - arrived);
	if (timed_out)
		add_to(&row->timeouts, 1);
}

uint64_t gd_lock_accrued(struct gd_lock *row, uint64_t now, uint64_t *ret_count)
{
	uint64_t count, arrivals;

	gd_arch_read_pair(&row->queue, &count, &arrivals);
	*ret_count = count;
	return count * now - arrivals;
}

/* ---- Releases -------------------------------------------------------------------------------- */

void gd_lock_blame(struct gd_lock_holder *holders, uint64_t site, uint64_t blame)
{
	unsigned int i;

	for (i = 0; i < GD_LOCK_HOLDERS - 1; i++) {
		uint64_t seen = 0;

		/* The first ones to come have an entry each, all others share the last. */
		if (__atomic_compare_exchange_n(&holders[i].site, &seen, site, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
		    seen == site)
			break;
	}
	if (i == GD_LOCK_HOLDERS - 1)
		__atomic_store_n(&holders[i].site, GD_SITE_OTHERS, __ATOMIC_RELAXED);
	add_to(&holders[i].blame, blame);
	add_to(&holders[i].times, 1);
}

struct gd_release gd_lock_release(struct gd_local *self, uintptr_t key)
{
	struct gd_release release = { .row = gd_lock_find(key) };

	if (!gd_lock_give(self, key, &release.held))
		release.held.key = 0;
	if (!release.row)
		return release;
	release.now = gd_ticks();
	release.accrued = gd_lock_accrued(release.row, release.now, &release.waiters);
	if (!release.waiters)
		release.row = NULL;
	return release;
}

/* What others waited during this hold: those that came meanwhile, and all of it for the others. */
static uint64_t blame_of_hold(const struct gd_release *release, uint64_t hold)
{
	uint64_t all = hold * release->waiters;

	if (release->held.accrued == GD_LOCK_UNKNOWN)
		return release->accrued < all ? release->accrued : all;
	return release->accrued > release->held.accrued ? release->accrued - release->held.accrued
							: 0;
}

void gd_lock_released(struct gd_local *self, const struct gd_release *release, bool wakes_all,
		      uintptr_t returns_to)
{
	struct gd_lock *row = release->row;
	uint64_t hold, site;

	if (!row)
		return;
	self->slot->wakes++;
	site = gd_site_here(self, release->held.key ? release->held.returns_to : returns_to);
	if (!release->held.key) {
		add_to(&row->posted, 1);
		gd_lock_blame(row->holders, site,
			      wakes_all ? release->accrued : release->accrued / release->waiters);
		return;
	}
	hold = release->now - release->held.taken;
	add_to(&row->released, 1);
	add_to(&row->hold, hold);
	raise_to(&row->hold_max, hold);
	gd_lock_blame(row->holders, site, blame_of_hold(release, hold));
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

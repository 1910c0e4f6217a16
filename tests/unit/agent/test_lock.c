/* SPDX-License-Identifier: MIT */
/* Locks that somebody waited for: a row each, whoever comes first. */
#include <builders/awake.h>
#include <clock.h>
#include <errno.h>
#include <lock.h>
#include <stdlib.h>
#include <string.h>
#include <unit/cmocka_begin.h>

static struct gd_section *section(void)
{
	return &gd_sections[GD_SECTION_LOCKS - 1];
}

static void wait_for(uintptr_t key, uint16_t cause, uint64_t ticks)
{
	gd_lock_leave(gd_lock_arrive(key, cause, 1000), 1000, 1000 + ticks, GD_LOCK_OBTAINED);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void a_lock_has_the_row_of_its_address(void **state)
{
	struct gd_lock *mutex, *sem;

	(void)state;
	assert_null(gd_lock_find(0x1000, GD_CAUSE_MUTEX));
	mutex = gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 1);
	sem = gd_lock_arrive(0x1008, GD_CAUSE_SEM, 1);
	assert_ptr_not_equal(mutex, sem);
	assert_ptr_equal(gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 1), mutex);
	assert_ptr_equal(gd_lock_find(0x1000, GD_CAUSE_MUTEX), mutex);
	assert_ptr_equal(gd_lock_find(0x1008, GD_CAUSE_SEM), sem);
	assert_null(gd_lock_find(0x1010, GD_CAUSE_MUTEX));
	assert_int_equal(mutex->key, 0x1000);
	assert_int_equal(mutex->cause, GD_CAUSE_MUTEX);
	assert_int_equal(section()->used, 2);
}

static void a_row_adds_up_its_waits(void **state)
{
	struct gd_lock *row;

	(void)state;
	wait_for(0x1000, GD_CAUSE_MUTEX, 30);
	wait_for(0x1000, GD_CAUSE_MUTEX, 50);
	row = gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 60);
	gd_lock_leave(row, 60, 100, GD_LOCK_TIMED_OUT);
	gd_lock_leave(NULL, 60, 100, GD_LOCK_TIMED_OUT); /* no row was found for it */
	assert_int_equal(row->waits, 3);
	assert_int_equal(row->wait, 120);
	assert_int_equal(row->wait_max, 50);
	assert_int_equal(row->timeouts, 1);
}

static void those_who_wait_are_known_with_what_they_have_waited(void **state)
{
	struct gd_lock *row = gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 100);
	uint64_t count;

	(void)state;
	gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 150);
	assert_int_equal(gd_lock_accrued(row, 200, &count), 100 + 50);
	assert_int_equal(count, 2);
	gd_lock_leave(row, 100, 210, GD_LOCK_OBTAINED);
	assert_int_equal(gd_lock_accrued(row, 220, &count), 70);
	assert_int_equal(count, 1);
	gd_lock_leave(row, 150, 230, GD_LOCK_OBTAINED);
	assert_int_equal(gd_lock_accrued(row, 300, &count), 0);
	assert_int_equal(count, 0);
}

static void locks_of_different_kinds_at_one_address_are_different_locks(void **state)
{
	(void)state;
	wait_for(0x1000, GD_CAUSE_MUTEX, 30);
	wait_for(0x1000, GD_CAUSE_COND, 5);
	assert_int_equal(section()->used, 2);
	assert_int_equal(gd_lock_find(0x1000, GD_CAUSE_MUTEX)->wait, 30);
	assert_int_equal(gd_lock_find(0x1000, GD_CAUSE_COND)->wait, 5);
	assert_null(gd_lock_find(0x1000, GD_CAUSE_SEM));
}

static void who_had_not_to_wait_is_not_counted(void **state)
{
	struct gd_lock *row = gd_lock_arrive(0x1000, GD_CAUSE_BARRIER, 60);
	uint64_t count;

	(void)state;
	gd_lock_leave(row, 60, 100, GD_LOCK_NOT_WAITED);
	assert_int_equal(row->waits, 0);
	assert_int_equal(row->wait, 0);
	assert_int_equal(gd_lock_accrued(row, 200, &count), 0);
	assert_int_equal(count, 0);
}

static void a_wait_that_never_returns_ends_with_its_thread(void **state)
{
	struct gd_lock *row = gd_lock_arrive(0x1000, GD_CAUSE_COND, 60);
	struct gd_local self = { .wait_lock = row, .wait_lock_began = 60 };
	uint64_t count;

	(void)state;
	gd_lock_abandon(&self, 100);
	assert_null(self.wait_lock);
	gd_lock_abandon(&self, 120); /* once */
	assert_int_equal(row->waits, 1);
	assert_int_equal(row->wait, 40);
	gd_lock_accrued(row, 200, &count);
	assert_int_equal(count, 0);
}

static void many_locks_are_kept_apart(void **state)
{
	enum { MANY = 20000 };

	(void)state;
	for (uintptr_t i = 1; i <= MANY; i++)
		wait_for(i * 40, GD_CAUSE_MUTEX, i);
	assert_int_equal(section()->used, MANY);
	assert_int_equal(section()->lost, 0);
	for (uintptr_t i = 1; i <= MANY; i++) {
		const struct gd_lock *row = gd_lock_find(i * 40, GD_CAUSE_MUTEX);

		assert_non_null(row);
		assert_int_equal(row->key, i * 40);
		assert_int_equal(row->wait, i);
	}
}

static void locks_beyond_the_table_are_counted(void **state)
{
	(void)state;
	section()->capacity = 3;
	for (uintptr_t key = 0x1000; key < 0x1000 + 5 * 16; key += 16)
		wait_for(key, GD_CAUSE_MUTEX, 1);
	assert_int_equal(section()->used, 3);
	assert_int_equal(section()->lost, 2);
	assert_non_null(gd_lock_find(0x1020, GD_CAUSE_MUTEX));
	assert_null(gd_lock_find(0x1030, GD_CAUSE_MUTEX));
	/* A lock is lost once, however often it is waited for. */
	assert_null(gd_lock_arrive(0x1030, GD_CAUSE_MUTEX, 1));
	assert_int_equal(section()->lost, 2);
}

static void after_a_fork_the_table_is_empty(void **state)
{
	(void)state;
	wait_for(0x1000, GD_CAUSE_MUTEX, 30);
	gd_awake(state);
	assert_null(gd_lock_find(0x1000, GD_CAUSE_MUTEX));
	wait_for(0x1000, GD_CAUSE_MUTEX, 7);
	assert_int_equal(gd_lock_find(0x1000, GD_CAUSE_MUTEX)->wait, 7);
	assert_int_equal(section()->used, 1);
}

/* ---- At the same time ------------------------------------------------------------------------ */

#define THREADS 4
#define KEYS    200
#define ROUNDS  50

static pthread_barrier_t barrier;

/* Everybody arrives at each new lock together. */
static void *contend(void *arg)
{
	(void)arg;
	for (uintptr_t key = 1; key <= KEYS; key++) {
		pthread_barrier_wait(&barrier);
		for (int i = 0; i < ROUNDS; i++)
			wait_for(key * 0x2000, GD_CAUSE_MUTEX, 1);
	}
	return NULL;
}

/* Rows of a lock that was waited for; who came second leaves an empty one. */
static size_t count_rows(uintptr_t key)
{
	const struct gd_lock *rows = gd_image_entries(gd_arena_image(), GD_SECTION_LOCKS);
	size_t count = 0;

	for (uint32_t i = 0; i < section()->used; i++)
		count += rows[i].key == key && rows[i].waits > 0;
	return count;
}

static void arrivals_at_the_same_time_make_one_row(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, contend, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (uintptr_t key = 1; key <= KEYS; key++) {
		struct gd_lock *row = gd_lock_find(key * 0x2000, GD_CAUSE_MUTEX);
		uint64_t waiters;

		assert_non_null(row);
		assert_int_equal(row->waits, THREADS * ROUNDS);
		assert_int_equal(row->wait, THREADS * ROUNDS);
		assert_int_equal(row->wait_max, 1);
		assert_int_equal(gd_lock_accrued(row, 1, &waiters), 0);
		assert_int_equal(waiters, 0);
		assert_int_equal(count_rows(key * 0x2000), 1);
	}
	pthread_barrier_destroy(&barrier);
	assert_int_equal(section()->lost, 0);
}

/* ---- Locks and signals ----------------------------------------------------------------------- */

static void hold(struct gd_local *self, uintptr_t key)
{
	gd_lock_hold(self, key, 100 + key, GD_LOCK_UNKNOWN, 200 + key);
}

static void a_lock_is_given_back_by_who_acquired_it(void **state)
{
	struct gd_local self = { .held_next = 0 };
	struct gd_held held;

	(void)state;
	assert_false(gd_lock_give(&self, 0x10, &held));
	hold(&self, 0x10);
	hold(&self, 0x20);
	hold(&self, 0x10);
	assert_true(gd_lock_give(&self, 0x20, &held));
	assert_int_equal(held.key, 0x20);
	assert_int_equal(held.taken, 100 + 0x20);
	assert_int_equal(held.returns_to, 200 + 0x20);
	assert_true(gd_lock_give(&self, 0x10, &held));
	assert_true(gd_lock_give(&self, 0x10, &held));
	assert_false(gd_lock_give(&self, 0x10, &held));
	assert_false(gd_lock_give(&self, 0x20, &held));
}

static void who_holds_many_forgets_the_oldest(void **state)
{
	struct gd_local self = { .held_next = UINT32_MAX - 2 }; /* and the count wraps */
	struct gd_held held;

	(void)state;
	/* The last one beside the ring, and one too many. */
	for (uintptr_t key = 1; key <= GD_HELD_MAX + 2; key++)
		hold(&self, key);
	assert_false(gd_lock_give(&self, 1, &held));
	for (uintptr_t key = 2; key <= GD_HELD_MAX + 2; key++)
		assert_true(gd_lock_give(&self, key, &held));
}

static void locks_taken_and_given_in_turn_need_one_place(void **state)
{
	struct gd_local self = { .held_next = 0 };
	struct gd_held held;

	(void)state;
	hold(&self, 0x10);
	for (int i = 0; i < 100; i++) {
		hold(&self, 0x20);
		assert_true(gd_lock_give(&self, 0x20, &held));
	}
	assert_true(gd_lock_give(&self, 0x10, &held));
}

/* ---- Who keeps others waiting ---------------------------------------------------------------- */

static struct gd_lock_holder entries[4];
static uint64_t holds[4];
static const struct gd_lock_holders holders = { entries, holds, 4 };

static void blame_is_kept_by_site(void **state)
{
	(void)state;
	memset(entries, 0, sizeof(entries));
	memset(holds, 0, sizeof(holds));
	for (uint64_t site = 1; site <= 3; site++)
		for (uint64_t i = 0; i < site; i++)
			gd_lock_blame(&holders, site, 10, 7);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(entries[i].site, i + 1);
		assert_int_equal(entries[i].times, i + 1);
		assert_int_equal(entries[i].blame, 10 * (i + 1));
		assert_int_equal(holds[i], 7 * (i + 1));
	}
	assert_int_equal(entries[3].times, 0);
}

static void the_least_to_blame_share_an_entry(void **state)
{
	blame_is_kept_by_site(state);
	gd_lock_blame(&holders, 4, 5, 1); /* no more than the least, 10 */
	assert_int_equal(entries[3].site, GD_SITE_OTHERS);
	assert_int_equal(entries[3].blame, 5);
	gd_lock_blame(&holders, 5, 15, 2); /* more: that one makes room */
	assert_int_equal(entries[0].site, 5);
	assert_int_equal(entries[0].blame, 15);
	assert_int_equal(entries[0].times, 1);
	assert_int_equal(holds[0], 2);
	assert_int_equal(entries[3].blame, 5 + 10);
	assert_int_equal(entries[3].times, 2);
	assert_int_equal(holds[3], 1 + 7);
	gd_lock_blame(&holders, 5, 1, 1);
	assert_int_equal(entries[0].blame, 16);
	assert_int_equal(entries[1].blame, 20);
	assert_int_equal(entries[2].blame, 30);
}

/*
 * A release at 1000 of the lock at 0x1000, taken at 600 by a call that returns to 7, or never seen
 * taken (0); one has waited for it since 400 and one since 900.  The unlock returns to 8.
 */
static struct gd_lock *release(uint16_t cause, uint64_t accrued_when_taken)
{
	struct gd_lock *row = gd_lock_arrive(0x1000, cause, 400);
	struct gd_release what;

	gd_lock_arrive(0x1000, cause, 900);
	if (accrued_when_taken)
		gd_lock_hold(gd_self, 0x1000, 600, accrued_when_taken, 7);
	what = gd_lock_release(gd_self, 0x1000, cause, 8);
	assert_ptr_equal(what.row, row);
	assert_int_equal(what.waiters, 2);
	what.now = 1000;
	what.accrued = 600 + 100;
	gd_lock_released(gd_self, &what, 8);
	return row;
}

static void a_hold_is_blamed_for_what_others_waited_during_it(void **state)
{
	struct gd_lock *row = release(GD_CAUSE_MUTEX, 200);

	(void)state;
	assert_int_equal(row->released, 1);
	assert_int_equal(row->posted, 0);
	assert_int_equal(row->unbounded, 0);
	assert_int_equal(row->hold, 400);
	assert_int_equal(row->hold_max, 400);
	assert_int_equal(row->holders[0].site, 7);
	assert_int_equal(row->holders[0].blame, 700 - 200);
	assert_int_equal(row->holders[0].times, 1);
	assert_int_equal(row->holder_hold[0], 400);
}

static void a_hold_whose_waiters_were_not_seen_is_blamed_for_its_length_at_most(void **state)
{
	struct gd_lock *row = gd_lock_arrive(0x2000, GD_CAUSE_MUTEX, 1);
	struct gd_release what;

	(void)state;
	assert_int_equal(release(GD_CAUSE_MUTEX, GD_LOCK_UNKNOWN)->holders[0].blame, 700);
	/* Two waiters, 400 ticks: never more than 800, however long they have waited. */
	gd_lock_hold(gd_self, 0x2000, 600, GD_LOCK_UNKNOWN, 7);
	gd_lock_arrive(0x2000, GD_CAUSE_MUTEX, 1);
	what = gd_lock_release(gd_self, 0x2000, GD_CAUSE_MUTEX, 8);
	what.now = 1000;
	what.accrued = 2 * 999;
	gd_lock_released(gd_self, &what, 8);
	assert_int_equal(row->holders[0].blame, 800);
}

static void a_hold_is_blamed_for_those_who_gave_up_during_it(void **state)
{
	struct gd_lock *row = gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 700);
	struct gd_release what;

	(void)state;
	gd_lock_hold(gd_self, 0x1000, 600, GD_LOCK_UNKNOWN, 7);
	gd_lock_leave(row, 700, 730, GD_LOCK_TIMED_OUT);
	what = gd_lock_release(gd_self, 0x1000, GD_CAUSE_MUTEX, 8);
	assert_ptr_equal(what.row, row);
	assert_int_equal(what.waiters, 0);
	what.now = 1000;
	gd_lock_released(gd_self, &what, 8);
	assert_int_equal(row->released, 1);
	assert_int_equal(row->hold, 400);
	assert_int_equal(row->holders[0].blame, 30);
	/* Once: the next hold is not to blame. */
	gd_lock_hold(gd_self, 0x1000, 1100, GD_LOCK_UNKNOWN, 7);
	assert_null(gd_lock_release(gd_self, 0x1000, GD_CAUSE_MUTEX, 8).row);
}

static void a_hold_whose_beginning_was_not_seen_is_counted_and_has_no_length(void **state)
{
	struct gd_lock *row = release(GD_CAUSE_RWLOCK, 0);

	(void)state;
	assert_int_equal(row->released, 1);
	assert_int_equal(row->unbounded, 1);
	assert_int_equal(row->posted, 0);
	assert_int_equal(row->hold, 0);
	assert_int_equal(row->holders[0].site, 8);
	assert_int_equal(row->holders[0].blame, 700);
}

static void who_is_woken_blames_who_woke_it_for_its_wait(void **state)
{
	struct gd_lock *row = release(GD_CAUSE_SEM, 0);

	(void)state;
	assert_int_equal(row->posted, 1);
	assert_int_equal(row->released, 0);
	assert_int_equal(row->holders[0].times, 0);
	gd_lock_leave(row, 400, 1010, GD_LOCK_OBTAINED);
	assert_int_equal(row->holders[0].site, 8);
	assert_int_equal(row->holders[0].blame, 610);
	assert_int_equal(row->holders[0].times, 1);
	/* Nobody has woken who gave up. */
	gd_lock_leave(row, 900, 1020, GD_LOCK_TIMED_OUT);
	assert_int_equal(row->holders[0].times, 1);
	assert_int_equal(row->timeouts, 1);
	assert_int_equal(row->waits, 2);
}

static void a_release_by_its_holder_wakes_nobody_for_another(void **state)
{
	struct gd_lock *row = release(GD_CAUSE_SEM, 0);

	(void)state;
	gd_lock_hold(gd_self, 0x1000, 1000, 700, 7);
	gd_lock_release(gd_self, 0x1000, GD_CAUSE_SEM, 9);
	gd_lock_leave(row, 400, 1010, GD_LOCK_OBTAINED);
	assert_int_equal(row->holders[0].times, 0); /* site 8 posted long ago */
}

static void the_last_at_a_barrier_ends_all_the_waits(void **state)
{
	struct gd_lock *row = release(GD_CAUSE_BARRIER, 0);

	(void)state;
	assert_int_equal(row->posted, 1);
	assert_int_equal(row->holders[0].site, 8);
	assert_int_equal(row->holders[0].blame, 700);
	gd_lock_leave(row, 400, 1010, GD_LOCK_OBTAINED);
	assert_int_equal(row->holders[0].times, 1);
}

static void a_release_that_nobody_waits_for_is_not_booked(void **state)
{
	struct gd_release what;

	(void)state;
	wait_for(0x1000, GD_CAUSE_MUTEX, 5);
	gd_lock_hold(gd_self, 0x1000, 600, 0, 7);
	what = gd_lock_release(gd_self, 0x1000, GD_CAUSE_MUTEX, 8);
	assert_null(what.row);
	gd_lock_released(gd_self, &what, 8);
	assert_int_equal(gd_lock_find(0x1000, GD_CAUSE_MUTEX)->released, 0);
	assert_null(gd_lock_release(gd_self, 0x3000, GD_CAUSE_MUTEX, 8).row);
}

/* A wait_entry of CPython's parking lot. */
struct parked {
	uintptr_t address;
	sem_t sem;
};

static void a_parked_waiter_waits_for_what_stands_before_its_semaphore(void **state)
{
	struct parked entry = { .address = 0x7000 };
	uintptr_t sem = (uintptr_t)&entry.sem;
	uintptr_t below = sem - 100;

	(void)state;
	gd_lock_parks = false;
	assert_int_equal(gd_lock_park(sem, below), sem);
	gd_lock_parks = true;
	assert_int_equal(gd_lock_parked(sem), sem); /* nobody waits there yet */
	assert_int_equal(gd_lock_park(sem, below), 0x7000);
	assert_int_equal(gd_lock_parked(sem), 0x7000);
	/* Not in the waiter's own stack: a semaphore of its own. */
	assert_int_equal(gd_lock_park(sem, sem + 8), sem);
	assert_int_equal(gd_lock_park(sem, sem - 70000), sem);
	entry.address = 0;
	assert_int_equal(gd_lock_park(sem, below), sem);
	gd_lock_parks = false;
}

/* ---- Through the wrappers -------------------------------------------------------------------- */

static void a_post_counts_only_while_somebody_waits(void **state)
{
	sem_t sem;

	(void)state;
	sem_init(&sem, 0, 0);
	assert_int_equal(sem_post(&sem), 0);
	assert_int_equal(sem_wait(&sem), 0); /* did not wait */
	assert_null(gd_lock_find((uintptr_t)&sem, GD_CAUSE_SEM));
	sem_destroy(&sem);
}

static void *acquire_and_give_back(void *arg)
{
	sem_t *sem = arg;

	sem_wait(sem);
	sem_post(sem);
	return NULL;
}

static void wait_for_waiter(sem_t *sem)
{
	/* glibc keeps the waiters in the upper half of the semaphore's word. */
	while (!(__atomic_load_n((uint64_t *)(void *)sem, __ATOMIC_RELAXED) >> 32))
		sched_yield();
}

static void a_release_is_told_from_a_signal(void **state)
{
	const struct gd_lock *row;
	pthread_t thread;
	sem_t sem;

	(void)state;
	sem_init(&sem, 0, 1);
	assert_int_equal(sem_wait(&sem), 0);
	pthread_create(&thread, NULL, acquire_and_give_back, &sem);
	wait_for_waiter(&sem);
	assert_int_equal(sem_post(&sem), 0); /* we had acquired it */
	pthread_join(thread, NULL);
	row = gd_lock_find((uintptr_t)&sem, GD_CAUSE_SEM);
	assert_non_null(row);
	assert_int_equal(row->released, 1);
	assert_int_equal(row->posted, 0);
	assert_int_equal(sem_wait(&sem), 0);
	gd_self->held_last.key = 0; /* as if another had */
	pthread_create(&thread, NULL, acquire_and_give_back, &sem);
	wait_for_waiter(&sem);
	assert_int_equal(sem_post(&sem), 0);
	pthread_join(thread, NULL);
	assert_int_equal(row->posted, 1);
	assert_int_equal(row->waits, 2);
	sem_destroy(&sem);
}

static void a_mutex_earns_a_row_when_it_is_first_contended(void **state)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	struct timespec past = { 1, 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
	}
	assert_null(gd_lock_find((uintptr_t)&mutex, GD_CAUSE_MUTEX));
	pthread_mutex_lock(&mutex);
	assert_int_equal(pthread_mutex_timedlock(&mutex, &past), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	assert_int_equal(gd_lock_find((uintptr_t)&mutex, GD_CAUSE_MUTEX)->waits, 1);
	assert_int_equal(gd_lock_find((uintptr_t)&mutex, GD_CAUSE_MUTEX)->timeouts, 1);
	assert_int_equal(gd_self->slot->count[GD_CAUSE_MUTEX], 1);
}

#define TEST(name) cmocka_unit_test_setup(name, gd_awake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lock_has_the_row_of_its_address),
		TEST(a_row_adds_up_its_waits),
		TEST(those_who_wait_are_known_with_what_they_have_waited),
		TEST(locks_of_different_kinds_at_one_address_are_different_locks),
		TEST(who_had_not_to_wait_is_not_counted),
		TEST(a_wait_that_never_returns_ends_with_its_thread),
		TEST(many_locks_are_kept_apart),
		TEST(locks_beyond_the_table_are_counted),
		TEST(after_a_fork_the_table_is_empty),
		TEST(arrivals_at_the_same_time_make_one_row),
		TEST(a_lock_is_given_back_by_who_acquired_it),
		TEST(who_holds_many_forgets_the_oldest),
		TEST(locks_taken_and_given_in_turn_need_one_place),
		TEST(blame_is_kept_by_site),
		TEST(the_least_to_blame_share_an_entry),
		TEST(a_hold_is_blamed_for_what_others_waited_during_it),
		TEST(a_hold_whose_waiters_were_not_seen_is_blamed_for_its_length_at_most),
		TEST(a_hold_is_blamed_for_those_who_gave_up_during_it),
		TEST(a_hold_whose_beginning_was_not_seen_is_counted_and_has_no_length),
		TEST(who_is_woken_blames_who_woke_it_for_its_wait),
		TEST(a_release_by_its_holder_wakes_nobody_for_another),
		TEST(the_last_at_a_barrier_ends_all_the_waits),
		TEST(a_release_that_nobody_waits_for_is_not_booked),
		TEST(a_parked_waiter_waits_for_what_stands_before_its_semaphore),
		TEST(a_post_counts_only_while_somebody_waits),
		TEST(a_release_is_told_from_a_signal),
		TEST(a_mutex_earns_a_row_when_it_is_first_contended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

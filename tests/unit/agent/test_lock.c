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
	gd_lock_leave(gd_lock_arrive(key, cause, 1000), 1000, 1000 + ticks, false);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void a_lock_has_the_row_of_its_address(void **state)
{
	struct gd_lock *mutex, *sem;

	(void)state;
	assert_null(gd_lock_find(0x1000));
	mutex = gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 1);
	sem = gd_lock_arrive(0x1008, GD_CAUSE_SEM, 1);
	assert_ptr_not_equal(mutex, sem);
	assert_ptr_equal(gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 1), mutex);
	assert_ptr_equal(gd_lock_find(0x1000), mutex);
	assert_ptr_equal(gd_lock_find(0x1008), sem);
	assert_null(gd_lock_find(0x1010));
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
	gd_lock_leave(row, 60, 100, true);
	gd_lock_leave(NULL, 60, 100, true); /* no row was found for it */
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
	gd_lock_leave(row, 100, 210, false);
	assert_int_equal(gd_lock_accrued(row, 220, &count), 70);
	assert_int_equal(count, 1);
	gd_lock_leave(row, 150, 230, false);
	assert_int_equal(gd_lock_accrued(row, 300, &count), 0);
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
		const struct gd_lock *row = gd_lock_find(i * 40);

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
	assert_non_null(gd_lock_find(0x1020));
	assert_null(gd_lock_find(0x1030));
	/* A lock is lost once, however often it is waited for. */
	assert_null(gd_lock_arrive(0x1030, GD_CAUSE_MUTEX, 1));
	assert_int_equal(section()->lost, 2);
}

static void after_a_fork_the_table_is_empty(void **state)
{
	(void)state;
	wait_for(0x1000, GD_CAUSE_MUTEX, 30);
	gd_awake(state);
	assert_null(gd_lock_find(0x1000));
	wait_for(0x1000, GD_CAUSE_MUTEX, 7);
	assert_int_equal(gd_lock_find(0x1000)->wait, 7);
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
		struct gd_lock *row = gd_lock_find(key * 0x2000);
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

static void blame_is_kept_for_the_first_and_shared_by_the_rest(void **state)
{
	struct gd_lock_holder holders[GD_LOCK_HOLDERS] = { { 0 } };

	(void)state;
	for (uint64_t site = 1; site <= GD_LOCK_HOLDERS + 2; site++)
		for (uint64_t i = 0; i < site; i++)
			gd_lock_blame(holders, site, 10);
	for (uint64_t i = 0; i < GD_LOCK_HOLDERS - 1; i++) {
		assert_int_equal(holders[i].site, i + 1);
		assert_int_equal(holders[i].times, i + 1);
		assert_int_equal(holders[i].blame, 10 * (i + 1));
	}
	assert_int_equal(holders[GD_LOCK_HOLDERS - 1].site, GD_SITE_OTHERS);
	assert_int_equal(holders[GD_LOCK_HOLDERS - 1].times, 4 + 5 + 6);
}

/*
 * A release at 1000, of a lock taken at 600, that one has waited for since 400 and one since 900.
 */
static struct gd_lock *release(uint64_t accrued_when_taken, bool is_ours, bool wakes_all)
{
	struct gd_lock *row = gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 400);
	struct gd_release what;

	gd_lock_arrive(0x1000, GD_CAUSE_MUTEX, 900);
	if (is_ours)
		gd_lock_hold(gd_self, 0x1000, 600, accrued_when_taken, 7);
	what = gd_lock_release(gd_self, 0x1000);
	assert_ptr_equal(what.row, row);
	assert_int_equal(what.waiters, 2);
	what.now = 1000;
	what.accrued = 600 + 100;
	gd_lock_released(gd_self, &what, wakes_all, 8);
	return row;
}

static void a_hold_is_blamed_for_what_others_waited_during_it(void **state)
{
	struct gd_lock *row = release(200, true, false);

	(void)state;
	assert_int_equal(row->released, 1);
	assert_int_equal(row->posted, 0);
	assert_int_equal(row->hold, 400);
	assert_int_equal(row->hold_max, 400);
	assert_int_equal(row->holders[0].blame, 700 - 200);
	assert_int_equal(row->holders[0].times, 1);
}

static void a_hold_whose_waiters_were_not_seen_is_blamed_for_its_length_at_most(void **state)
{
	(void)state;
	assert_int_equal(release(GD_LOCK_UNKNOWN, true, false)->holders[0].blame, 700);
	gd_awake(state);
	/* Two waiters, 400 ticks: never more than 800, however long they have waited. */
	gd_lock_hold(gd_self, 0x2000, 600, GD_LOCK_UNKNOWN, 7);
	{
		struct gd_lock *row = gd_lock_arrive(0x2000, GD_CAUSE_MUTEX, 1);
		struct gd_release what;

		gd_lock_arrive(0x2000, GD_CAUSE_MUTEX, 1);
		what = gd_lock_release(gd_self, 0x2000);
		what.now = 1000;
		what.accrued = 2 * 999;
		gd_lock_released(gd_self, &what, false, 8);
		assert_int_equal(row->holders[0].blame, 800);
	}
}

static void who_wakes_others_is_blamed_for_those_it_wakes(void **state)
{
	(void)state;
	assert_int_equal(release(0, false, false)->holders[0].blame, 350); /* one of two */
	gd_awake(state);
	assert_int_equal(release(0, false, true)->holders[0].blame, 700);
	assert_int_equal(gd_lock_find(0x1000)->posted, 1);
	assert_int_equal(gd_lock_find(0x1000)->released, 0);
}

static void a_release_that_nobody_waits_for_is_not_booked(void **state)
{
	struct gd_release what;

	(void)state;
	wait_for(0x1000, GD_CAUSE_MUTEX, 5);
	gd_lock_hold(gd_self, 0x1000, 600, 0, 7);
	what = gd_lock_release(gd_self, 0x1000);
	assert_null(what.row);
	gd_lock_released(gd_self, &what, false, 8);
	assert_int_equal(gd_lock_find(0x1000)->released, 0);
	assert_null(gd_lock_release(gd_self, 0x3000).row);
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
	assert_null(gd_lock_find((uintptr_t)&sem));
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
	row = gd_lock_find((uintptr_t)&sem);
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
	assert_null(gd_lock_find((uintptr_t)&mutex));
	pthread_mutex_lock(&mutex);
	assert_int_equal(pthread_mutex_timedlock(&mutex, &past), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	assert_int_equal(gd_lock_find((uintptr_t)&mutex)->waits, 1);
	assert_int_equal(gd_lock_find((uintptr_t)&mutex)->timeouts, 1);
	assert_int_equal(gd_self->slot->count[GD_CAUSE_MUTEX], 1);
}

#define TEST(name) cmocka_unit_test_setup(name, gd_awake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lock_has_the_row_of_its_address),
		TEST(a_row_adds_up_its_waits),
		TEST(those_who_wait_are_known_with_what_they_have_waited),
		TEST(many_locks_are_kept_apart),
		TEST(locks_beyond_the_table_are_counted),
		TEST(after_a_fork_the_table_is_empty),
		TEST(arrivals_at_the_same_time_make_one_row),
		TEST(a_lock_is_given_back_by_who_acquired_it),
		TEST(who_holds_many_forgets_the_oldest),
		TEST(locks_taken_and_given_in_turn_need_one_place),
		TEST(blame_is_kept_for_the_first_and_shared_by_the_rest),
		TEST(a_hold_is_blamed_for_what_others_waited_during_it),
		TEST(a_hold_whose_waiters_were_not_seen_is_blamed_for_its_length_at_most),
		TEST(who_wakes_others_is_blamed_for_those_it_wakes),
		TEST(a_release_that_nobody_waits_for_is_not_booked),
		TEST(a_parked_waiter_waits_for_what_stands_before_its_semaphore),
		TEST(a_post_counts_only_while_somebody_waits),
		TEST(a_release_is_told_from_a_signal),
		TEST(a_mutex_earns_a_row_when_it_is_first_contended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

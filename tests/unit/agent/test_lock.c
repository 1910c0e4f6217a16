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
	gd_lock_leave(gd_lock_arrive(key, cause), ticks, false);
}

/* ---- Rows ---- */

static void a_lock_has_the_row_of_its_address(void **state)
{
	struct gd_lock *mutex, *sem;

	(void)state;
	assert_null(gd_lock_find(0x1000));
	mutex = gd_lock_arrive(0x1000, GD_CAUSE_MUTEX);
	sem = gd_lock_arrive(0x1008, GD_CAUSE_SEM);
	assert_ptr_not_equal(mutex, sem);
	assert_ptr_equal(gd_lock_arrive(0x1000, GD_CAUSE_MUTEX), mutex);
	assert_ptr_equal(gd_lock_find(0x1000), mutex);
	assert_ptr_equal(gd_lock_find(0x1008), sem);
	assert_null(gd_lock_find(0x1010));
	assert_int_equal(mutex->key, 0x1000);
	assert_int_equal(mutex->cause, GD_CAUSE_MUTEX);
	assert_int_equal(mutex->waiters, 2);
	assert_int_equal(section()->used, 2);
}

static void a_row_adds_up_its_waits(void **state)
{
	struct gd_lock *row;

	(void)state;
	wait_for(0x1000, GD_CAUSE_MUTEX, 30);
	wait_for(0x1000, GD_CAUSE_MUTEX, 50);
	row = gd_lock_arrive(0x1000, GD_CAUSE_MUTEX);
	gd_lock_leave(row, 40, true);
	assert_int_equal(row->waits, 3);
	assert_int_equal(row->wait, 120);
	assert_int_equal(row->wait_max, 50);
	assert_int_equal(row->timeouts, 1);
	assert_int_equal(row->waiters, 0);
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
	assert_null(gd_lock_arrive(0x1030, GD_CAUSE_MUTEX));
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

/* ---- At the same time ---- */

#define THREADS 4
#define KEYS	200
#define ROUNDS	50

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
		const struct gd_lock *row = gd_lock_find(key * 0x2000);

		assert_non_null(row);
		assert_int_equal(row->waits, THREADS * ROUNDS);
		assert_int_equal(row->wait, THREADS * ROUNDS);
		assert_int_equal(row->wait_max, 1);
		assert_int_equal(row->waiters, 0);
		assert_int_equal(count_rows(key * 0x2000), 1);
	}
	pthread_barrier_destroy(&barrier);
	assert_int_equal(section()->lost, 0);
}

/* ---- Locks and signals ---- */

static void a_semaphore_is_given_back_by_who_acquired_it(void **state)
{
	struct gd_local self = {.held_next = 0};

	(void)state;
	assert_false(gd_lock_give(&self, 0x10));
	gd_lock_hold(&self, 0x10);
	gd_lock_hold(&self, 0x20);
	gd_lock_hold(&self, 0x10);
	assert_true(gd_lock_give(&self, 0x10));
	assert_true(gd_lock_give(&self, 0x10));
	assert_false(gd_lock_give(&self, 0x10));
	assert_true(gd_lock_give(&self, 0x20));
}

static void who_holds_many_forgets_the_oldest(void **state)
{
	struct gd_local self = {.held_next = UINT32_MAX - 2}; /* and the count wraps */

	(void)state;
	for (uintptr_t key = 1; key <= GD_HELD_MAX + 1; key++)
		gd_lock_hold(&self, key);
	assert_false(gd_lock_give(&self, 1));
	for (uintptr_t key = 2; key <= GD_HELD_MAX + 1; key++)
		assert_true(gd_lock_give(&self, key));
}

/* A wait_entry of CPython's parking lot. */
struct parked {
	uintptr_t address;
	sem_t sem;
};

static void a_parked_waiter_waits_for_what_stands_before_its_semaphore(void **state)
{
	struct parked entry = {.address = 0x7000};
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

/* ---- Through the wrappers ---- */

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
	memset(gd_self->held, 0, sizeof(gd_self->held)); /* as if another had */
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
	struct timespec past = {1, 0};

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
		TEST(many_locks_are_kept_apart),
		TEST(locks_beyond_the_table_are_counted),
		TEST(after_a_fork_the_table_is_empty),
		TEST(arrivals_at_the_same_time_make_one_row),
		TEST(a_semaphore_is_given_back_by_who_acquired_it),
		TEST(who_holds_many_forgets_the_oldest),
		TEST(a_parked_waiter_waits_for_what_stands_before_its_semaphore),
		TEST(a_post_counts_only_while_somebody_waits),
		TEST(a_release_is_told_from_a_signal),
		TEST(a_mutex_earns_a_row_when_it_is_first_contended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

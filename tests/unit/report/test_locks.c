/* SPDX-License-Identifier: MIT */
/* From the rows of a recording to locks by what they cost, and what is known of each. */
#include <builders/analysed.h>
#include <builders/stories.h>
#include <string.h>
#include <unit/near.h>

#define NEAR 1e-6

static struct gd_recording recordings[2];
static struct gd_analysed analysed;

/* A lock that holds of hold_s each kept waiters waiting for. */
static struct gd_lock *add_lock(struct gd_recording *recording, uint64_t key, unsigned int holds,
				double hold_s, unsigned int waiters)
{
	struct gd_lock *lock = &recording->locks[recording->lock_count++];

	*lock = (struct gd_lock){ .key = key,
				  .cause = GD_CAUSE_MUTEX,
				  .waits = holds * waiters,
				  .wait = GD_RECORDING_TICKS(holds * hold_s * waiters),
				  .released = holds,
				  .hold = GD_RECORDING_TICKS(holds * hold_s) };
	lock->holders[0] =
		(struct gd_lock_holder){ .site = key + 0x100, .blame = lock->wait, .times = holds };
	lock->holder_hold[0] = lock->hold;
	return lock;
}

static const struct gd_locks *rank(size_t count)
{
	gd_analysed_make(recordings, count, &analysed);
	return &analysed.analysis.main->locks;
}

static int setup(void **state)
{
	(void)state;
	gd_story_tell("hash", &recordings[0]);
	gd_story_tell("hash", &recordings[1]);
	recordings[1].process.pid = 5000;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gd_analysed_free(&analysed);
	return 0;
}

/* ---- The order ------------------------------------------------------------------------------- */

static void a_short_hold_that_many_wait_for_comes_before_a_long_one(void **state)
{
	const struct gd_locks *locks;

	(void)state;
	add_lock(&recordings[0], 0x1000, 10, 0.050, 1);   /* held for 0.5 s, cost 0.5 s */
	add_lock(&recordings[0], 0x2000, 10, 0.010, 20);  /* held for 0.1 s, cost 2 s */
	add_lock(&recordings[0], 0x3000, 1000, 0.001, 1); /* often, and cost 1 s */
	locks = rank(1);
	assert_int_equal(locks->count, 3);
	assert_int_equal(locks->list[0]->key, 0x2000);
	assert_int_equal(locks->list[1]->key, 0x3000);
	assert_int_equal(locks->list[2]->key, 0x1000);
	assert_near(locks->list[0]->wait_s, 2, NEAR);
	assert_near(locks->list[0]->hold_s, 0.1, NEAR);
}

static void equal_costs_are_in_a_fixed_order(void **state)
{
	const struct gd_locks *locks;

	(void)state;
	add_lock(&recordings[0], 0x3000, 10, 0.010, 2);
	add_lock(&recordings[0], 0x1000, 10, 0.010, 2);
	add_lock(&recordings[0], 0x2000, 20, 0.005, 2); /* the same time in more waits */
	locks = rank(1);
	assert_int_equal(locks->list[0]->key, 0x2000);
	assert_int_equal(locks->list[1]->key, 0x1000);
	assert_int_equal(locks->list[2]->key, 0x3000);
}

static void locks_of_several_processes_are_ranked_together(void **state)
{
	const struct gd_locks *locks;

	(void)state;
	add_lock(&recordings[0], 0x1000, 10, 0.010, 1);
	add_lock(&recordings[1], 0x1000, 10, 0.020, 1);
	locks = rank(2);
	assert_int_equal(locks->count, 2);
	assert_int_equal(locks->list[0]->pid, 5000);
	assert_int_equal(locks->list[1]->pid, GD_RECORDING_PID);
}

/* ---- What is known of one -------------------------------------------------------------------- */

static void what_was_left_out_is_said(void **state)
{
	static const struct {
		const char *name;
		struct gd_lock row;
		uint64_t lost_locks, lost_threads, lost_nested;
		bool is_exact, has_hold;
	} rows[] = {
		{ "all was seen", { .released = 5 }, 0, 0, 0, true, true },
		{ "a hold began unseen", { .released = 5, .unbounded = 1 }, 0, 0, 0, false, true },
		{ "all of them did", { .released = 5, .unbounded = 5 }, 0, 0, 0, false, false },
		{ "somebody waits still", { .queue = { .count = 1 } }, 0, 0, 0, false, true },
		{ "the table was full", { .released = 5 }, 1, 0, 0, false, true },
		{ "a thread was not watched", { .released = 5 }, 0, 1, 0, false, true },
		{ "a wait was in our own books", { .released = 5 }, 0, 0, 1, false, true },
		{ "a condition has no holder", { .cause = GD_CAUSE_COND }, 0, 0, 0, true, false },
		{ "nor has a barrier", { .cause = GD_CAUSE_BARRIER }, 0, 0, 0, true, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct gd_lock_model *lock;

		setup(state);
		recordings[0].lock_count = 1;
		recordings[0].locks[0] = rows[i].row;
		recordings[0].locks[0].waits = 1;
		if (!rows[i].row.cause)
			recordings[0].locks[0].cause = GD_CAUSE_MUTEX;
		recordings[0].lost[GD_SECTION_LOCKS] = rows[i].lost_locks;
		recordings[0].process.lost[GD_LOST_THREADS] = rows[i].lost_threads;
		recordings[0].process.lost[GD_LOST_NESTED] = rows[i].lost_nested;
		lock = rank(1)->list[0];
		if (lock->is_exact != rows[i].is_exact || !isnan(lock->hold_s) != rows[i].has_hold)
			fail_msg("%s", rows[i].name);
		if (i + 1 < sizeof(rows) / sizeof(rows[0]))
			gd_analysed_free(&analysed);
	}
}

static void a_lock_that_is_only_waited_for_still_is_listed(void **state)
{
	const struct gd_locks *locks;

	(void)state;
	recordings[0].lock_count = 2;
	recordings[0].locks[0] =
		(struct gd_lock){ .cause = GD_CAUSE_MUTEX, .queue = { .count = 3 } };
	recordings[0].locks[1] =
		(struct gd_lock){ .cause = GD_CAUSE_MUTEX }; /* of who came second */
	locks = rank(1);
	assert_int_equal(locks->count, 1);
	assert_int_equal(locks->list[0]->waiting, 3);
}

static void the_worst_holder_that_has_a_place_is_named(void **state)
{
	const struct gd_lock_model *lock;
	struct gd_lock *row;

	(void)state;
	row = add_lock(&recordings[0], 0x1000, 10, 0.010, 1);
	row->holders[0] = (struct gd_lock_holder){ .site = 0x100, .blame = 100, .times = 1 };
	row->holders[1] = (struct gd_lock_holder){ .site = 0x200, .blame = 300, .times = 2 };
	row->holders[GD_LOCK_HOLDERS - 1] =
		(struct gd_lock_holder){ .site = GD_SITE_OTHERS, .blame = 900, .times = 90 };
	lock = rank(1)->list[0];
	assert_int_equal(lock->holder_count, 3);
	assert_null(lock->holders[0].place); /* several, that are no line to go to */
	assert_int_equal(gd_locks_holder(lock->holders, lock->holder_count)->place->address, 0x200);
	assert_null(gd_locks_holder(lock->holders, 1));
}

/* ---- The advice ------------------------------------------------------------------------------ */

static void fix_lock_is_about_the_holder_s_line(void **state)
{
	const struct gd_judged *judged;

	(void)state;
	gd_story_tell("one-mutex", &recordings[0]);
	rank(1);
	judged = analysed.analysis.main;
	assert_int_equal(judged->verdict.advice.action, GD_ACTION_FIX_LOCK);
	assert_true(judged->is_holder);
	assert_int_equal(judged->where->address, 0x55d0c0de1234);
}

static void free_gil_is_about_who_holds_it_while_others_wait(void **state)
{
	const struct gd_judged *judged;

	(void)state;
	gd_story_tell("gil-held", &recordings[0]);
	rank(1);
	judged = analysed.analysis.main;
	assert_int_equal(judged->verdict.advice.action, GD_ACTION_FREE_GIL);
	assert_true(judged->is_holder);
	assert_int_equal(judged->where->address, 0x7f10c0de1234);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_short_hold_that_many_wait_for_comes_before_a_long_one),
		TEST(equal_costs_are_in_a_fixed_order),
		TEST(locks_of_several_processes_are_ranked_together),
		TEST(what_was_left_out_is_said),
		TEST(a_lock_that_is_only_waited_for_still_is_listed),
		TEST(the_worst_holder_that_has_a_place_is_named),
		TEST(fix_lock_is_about_the_holder_s_line),
		TEST(free_gil_is_about_who_holds_it_while_others_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

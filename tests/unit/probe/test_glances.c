/* SPDX-License-Identifier: MIT */
/* What a thread did at an instant, by its record a moment later. */
#include <glances.h>
#include <unit/cmocka_begin.h>

#define INSTANT 1000000000ull
#define LONG    10000000ull /* before or after it */

/* Each row is a thread's record when it is looked at, a little after the instant. */
static const struct row {
	const char *name;
	uint64_t came_ns, left_ns, woken_ns;
	bool is_on;
	uint32_t state;
	uint8_t does;
} rows[] = {
	{ "runs since before", INSTANT - LONG, INSTANT - 2 * LONG, 0, true, 0, GD_DOES_RUN },
	{ "ran, and was preempted since", INSTANT - LONG, INSTANT + 5, 0, false, 0, GD_DOES_RUN },
	{ "ran, and blocked since", INSTANT - LONG, INSTANT + 5, 0, false, 1, GD_DOES_RUN },
	{ "blocks since before", INSTANT - 2 * LONG, INSTANT - LONG, 0, false, 1, GD_DOES_BLOCK },
	{ "blocked, and runs since", INSTANT + 9, INSTANT - LONG, INSTANT + 5, true, 1,
	  GD_DOES_BLOCK },
	{ "was preempted before", INSTANT - 2 * LONG, INSTANT - LONG, 0, false, 0, GD_DOES_QUEUE },
	{ "was preempted, and runs since", INSTANT + 9, INSTANT - LONG, 0, true, 0, GD_DOES_QUEUE },
	{ "was woken a moment ago", INSTANT - 2 * LONG, INSTANT - LONG, INSTANT - 5, false, 1,
	  GD_DOES_BLOCK },
	{ "was woken long ago", INSTANT - 3 * LONG, INSTANT - 2 * LONG, INSTANT - LONG, false, 1,
	  GD_DOES_QUEUE },
	{ "was woken since", INSTANT - 2 * LONG, INSTANT - LONG, INSTANT + 5, false, 1,
	  GD_DOES_BLOCK },
	{ "ran and blocked since", INSTANT + 5, INSTANT + 9, 0, false, 1, GD_DOES_BLOCK },
	{ "blocked and runs again since", INSTANT + 9, INSTANT + 5, 0, true, 1, GD_DOES_RUN },
};

static struct gd_task task_of(const struct row *row)
{
	struct gd_task task = { .cause = GD_PROBED_NO_SLOT,
				.explained = GD_CAUSE_SLEEP,
				.operations = 300,
				.image = 3,
				.tid = 7,
				.state = row->state,
				.came_ns = row->came_ns,
				.left_ns = row->left_ns,
				.woken_ns = row->woken_ns };

	task.on_ns = row->is_on ? row->came_ns : 0;
	task.off_ns = row->is_on ? 0 : row->left_ns;
	task.python.gil = GD_AT_GIL_HOLDS;
	return task;
}

static void test_what_a_thread_did(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_task task = task_of(&rows[i]);
		struct gd_glance glance;

		assert_true(glance_at(&task, false, INSTANT, &glance));
		if (glance.does != rows[i].does)
			fail_msg("%s: %d, not %d", rows[i].name, glance.does, rows[i].does);
		assert_int_equal(glance.image, 3);
		assert_int_equal(glance.tid, 7);
		assert_int_equal(glance.cause, GD_CAUSE_SLEEP);
		assert_int_equal(glance.gil, GD_AT_GIL_HOLDS);
		assert_int_equal(glance.operations, 255); /* or more */
	}
}

static void test_who_was_not_there(void **state)
{
	struct gd_task task = task_of(&rows[0]);
	struct gd_glance glance;

	(void)state;
	task.sums.born_ns = INSTANT + 1;
	assert_false(glance_at(&task, false, INSTANT, &glance));
	task.sums.born_ns = 1;
	task.sums.ended_ns = INSTANT + 1;
	assert_false(glance_at(&task, false, INSTANT, &glance));
}

static void test_a_slot_knows_better(void **state)
{
	struct gd_task task = task_of(&rows[3]);
	struct gd_glance glance;

	(void)state;
	task.cause = GD_CAUSE_MUTEX;
	assert_true(glance_at(&task, false, INSTANT, &glance));
	assert_int_equal(glance.cause, GD_CAUSE_MUTEX);
}

static void test_a_switch_that_was_not_shown(void **state)
{
	struct gd_task task = task_of(&rows[5]); /* preempted, and on a CPU */
	struct gd_glance glance;

	(void)state;
	assert_true(glance_at(&task, true, INSTANT, &glance));
	assert_int_equal(glance.does, GD_DOES_RUN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_thread_did),
		cmocka_unit_test(test_who_was_not_there),
		cmocka_unit_test(test_a_slot_knows_better),
		cmocka_unit_test(test_a_switch_that_was_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Causes become classes, and every second of a thread goes to exactly one of them. */
#include <classes.h>
#include <stdlib.h>
#include <unit/near.h>

#define NEAR_S 1e-9

static double sum_of_causes(const struct gd_times *times)
{
	double sum = 0;

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
		sum += times->cause_s[cause];
	return sum;
}

static void every_cause_has_the_class_of_its_line(void **state)
{
	(void)state;
	assert_int_equal(gd_class_of(GD_CAUSE_CPU_GIL), GD_CLASS_CPU_GIL);
	assert_int_equal(gd_class_of(GD_CAUSE_GIL), GD_CLASS_GIL_WAIT);
	assert_int_equal(gd_class_of(GD_CAUSE_FUTEX), GD_CLASS_LOCK_WAIT);
	assert_int_equal(gd_class_of(GD_CAUSE_INTERNAL), GD_CLASS_LOCK_WAIT);
	assert_int_equal(gd_class_of(GD_CAUSE_LOOP_TIMER), GD_CLASS_TIMER_WAIT);
	assert_int_equal(gd_class_of(GD_CAUSE_DNS), GD_CLASS_IO_WAIT);
	assert_int_equal(gd_class_of(GD_CAUSE_CHILD), GD_CLASS_CHILD_WAIT);
	assert_int_equal(gd_class_of(GD_CAUSE_ACCEPT), GD_CLASS_IDLE);
	assert_int_equal(gd_class_of(GD_CAUSE_SIGNAL), GD_CLASS_IDLE);
	/* Of a younger version: some wait. */
	assert_int_equal(gd_class_of(GD_CAUSE_COUNT), GD_CLASS_IO_WAIT);
	assert_int_equal(gd_class_of(1000000), GD_CLASS_IO_WAIT);
}

static void a_wait_that_was_spent_on_the_cpu_was_computing(void **state)
{
	struct gd_times times = { .cause_s = { [GD_CAUSE_FILE] = 2, [GD_CAUSE_CPU_GIL] = 5 },
				  .cpu_in_s = { [GD_CAUSE_FILE] = 1.5 } };
	struct gd_classes classes = gd_classes_of_thread(&times, true);

	(void)state;
	assert_near(classes.s[GD_CLASS_IO_WAIT], 0.5, NEAR_S);
	assert_near(classes.s[GD_CLASS_CPU_FREE], 1.5, NEAR_S);
	assert_near(classes.s[GD_CLASS_CPU_GIL], 5, NEAR_S);
	assert_near(gd_classes_cpu_s(&classes), 6.5, NEAR_S);
	assert_near(gd_classes_total_s(&classes), 7, NEAR_S);
}

static void computing_off_the_cpu_was_queued_as_far_as_the_kernel_says(void **state)
{
	static const struct {
		double off_gil_s, off_free_s, delay_s, no_cpu_s, unseen_s;
	} rows[] = {
		{ 3, 1, 0, 0, 4 }, { 3, 1, 2.5, 2.5, 1.5 }, { 3, 1, 4, 4, 0 },
		{ 3, 1, 9, 4, 0 }, { 0, 0, 9, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_times times = {
			.cause_s = { [GD_CAUSE_CPU_GIL] = 6, [GD_CAUSE_CPU_FREE] = 2 },
			.off_in_s = { rows[i].off_gil_s, rows[i].off_free_s },
			.run_delay_s = rows[i].delay_s
		};
		struct gd_classes classes = gd_classes_of_thread(&times, true);

		assert_near(classes.s[GD_CLASS_NO_CPU], rows[i].no_cpu_s, NEAR_S);
		assert_near(classes.s[GD_CLASS_UNSEEN], rows[i].unseen_s, NEAR_S);
		assert_near(classes.s[GD_CLASS_CPU_GIL], 6 - rows[i].off_gil_s, NEAR_S);
		assert_near(classes.s[GD_CLASS_CPU_FREE], 2 - rows[i].off_free_s, NEAR_S);
		assert_near(gd_classes_total_s(&classes), 8, NEAR_S);
	}
}

/* ---- They add up ----------------------------------------------------------------------------- */

static double draw(double at_most)
{
	return at_most * rand() / RAND_MAX;
}

/* Also times that contradict each other: a torn or hostile recording. */
static struct gd_times draw_times(bool is_consistent)
{
	struct gd_times times = { .run_delay_s = draw(4) };

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
		times.cause_s[cause] = rand() % 3 ? draw(10) : 0;
		times.cpu_in_s[cause] = draw(is_consistent ? times.cause_s[cause] : 20);
	}
	for (unsigned int i = 0; i < 2; i++)
		times.off_in_s[i] = draw(is_consistent ? times.cause_s[i] : 20);
	return times;
}

static void classes_add_up_to_the_life_of_the_thread(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 2000; i++) {
		struct gd_times times = draw_times(i % 2 == 0);
		struct gd_classes classes = gd_classes_of_thread(&times, i % 3 == 0);

		assert_near(gd_classes_total_s(&classes), sum_of_causes(&times), NEAR_S);
		for (unsigned int class = 0; class < GD_CLASS_COUNT; class ++)
			assert_true(classes.s[class] >= -NEAR_S);
	}
}

static void a_process_is_the_sum_of_its_threads(void **state)
{
	struct gd_thread_model threads[] = {
		{ .is_main = true,
		  .threads = 1,
		  .times = { .cause_s = { [GD_CAUSE_CPU_GIL] = 4 }, .holding_gil_s = 1 } },
		{ .threads = 1,
		  .times = { .cause_s = { [GD_CAUSE_SEM] = 10 }, .holding_gil_s = 2 } },
		{ .threads = 50,
		  .times = { .cause_s = { [GD_CAUSE_CPU_GIL] = 3, [GD_CAUSE_SEM] = 3 } } }
	};
	struct gd_process_model process = { .threads = threads, .thread_count = 3 };
	struct gd_classes classes = gd_classes_of_process(&process);

	(void)state;
	assert_near(classes.s[GD_CLASS_CPU_GIL], 7, NEAR_S);
	assert_near(classes.s[GD_CLASS_LOCK_WAIT], 3, NEAR_S);
	assert_near(classes.s[GD_CLASS_IDLE], 10, NEAR_S); /* the second one was parked */
	assert_near(classes.holding_gil_s, 3, NEAR_S);
	assert_near(gd_classes_total_s(&classes), 20, NEAR_S);
}

/* ---- Parked workers -------------------------------------------------------------------------- */

static void a_worker_that_only_waits_to_be_woken_is_idle(void **state)
{
	static const struct {
		const char *name;
		struct gd_times times;
		bool is_main, is_parked;
	} rows[] = {
		{ "parked from birth to end", { .cause_s = { [GD_CAUSE_SEM] = 10 } }, false, true },
		{ "the main thread in join", { .cause_s = { [GD_CAUSE_JOIN] = 10 } }, true, false },
		{ "a little work between",
		  { .cause_s = { [GD_CAUSE_COND] = 9.6, [GD_CAUSE_CPU_GIL] = 0.4 } },
		  false,
		  true },
		{ "more than a little work",
		  { .cause_s = { [GD_CAUSE_COND] = 9.4, [GD_CAUSE_CPU_GIL] = 0.6 } },
		  false,
		  false },
		{ "I/O is work too",
		  { .cause_s = { [GD_CAUSE_COND] = 9.4, [GD_CAUSE_RECV] = 0.6 } },
		  false,
		  false },
		{ "waiting for the GIL is no parking",
		  { .cause_s = { [GD_CAUSE_MUTEX] = 9.4, [GD_CAUSE_GIL] = 0.6 } },
		  false,
		  false },
		{ "parked for less than nine tenths",
		  { .cause_s = { [GD_CAUSE_SEM] = 8.9, [GD_CAUSE_SIGNAL] = 1.1 } },
		  false,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gd_classes classes = gd_classes_of_thread(&rows[i].times, rows[i].is_main);
		bool is_parked = classes.s[GD_CLASS_LOCK_WAIT] == 0;

		if (is_parked != rows[i].is_parked)
			print_error("%s\n", rows[i].name);
		assert_int_equal(is_parked, rows[i].is_parked);
		assert_near(gd_classes_total_s(&classes), 10, NEAR_S);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cause_has_the_class_of_its_line),
		cmocka_unit_test(a_wait_that_was_spent_on_the_cpu_was_computing),
		cmocka_unit_test(computing_off_the_cpu_was_queued_as_far_as_the_kernel_says),
		cmocka_unit_test(classes_add_up_to_the_life_of_the_thread),
		cmocka_unit_test(a_process_is_the_sum_of_its_threads),
		cmocka_unit_test(a_worker_that_only_waits_to_be_woken_is_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

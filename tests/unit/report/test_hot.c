/* SPDX-License-Identifier: MIT */
/* Samples become lines and functions, the most waited first. */
#include <hot.h>
#include <string.h>
#include <unit/near.h>

#define NEAR_S 1e-9

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

#define PYTHON(function_, line_, first_line_)                                                      \
	{                                                                                          \
		.file = "/home/ada/app.py", .function = (function_), .module = "",                 \
		.line = (line_), .first_line = (first_line_)                                       \
	}

static struct gd_place main_at_3 = PYTHON("<module>", 3, 1);
static struct gd_place fetch_at_11 = PYTHON("fetch", 11, 10);
static struct gd_place fetch_at_12 = PYTHON("fetch", 12, 10);
static struct gd_place another_fetch = PYTHON("fetch", 31, 30);
static struct gd_place get = { .file = "/usr/lib/python3.11/queue.py",
			       .function = "get",
			       .module = "",
			       .line = 100,
			       .first_line = 90,
			       .is_library = true };

#define STACK(...)                                                                                 \
	&(struct gd_stack_model)                                                                   \
	{                                                                                          \
		.places = (const struct gd_place *[]){ __VA_ARGS__ },                              \
		.count = COUNT(((const struct gd_place *[]){ __VA_ARGS__ }))                       \
	}

static struct gd_pool *pool;

static int make_pool(void **state)
{
	(void)state;
	pool = gd_pool_new();
	return pool ? 0 : -1;
}

static int free_pool(void **state)
{
	(void)state;
	gd_pool_free(pool);
	return 0;
}

static struct gd_hots lines(struct gd_sample_model *sampled, size_t count)
{
	struct gd_process_model process = { .sampled = sampled, .sampled_count = count };
	struct gd_hots hots;

	assert_int_equal(gd_hot_lines(&process, pool, &hots), 0);
	return hots;
}

static struct gd_hots functions(struct gd_sample_model *sampled, size_t count)
{
	struct gd_process_model process = { .sampled = sampled, .sampled_count = count };
	struct gd_hots hots;

	assert_int_equal(gd_hot_functions(&process, pool, &hots), 0);
	return hots;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static void a_line_is_the_innermost_of_the_program_s_own(void **state)
{
	struct gd_sample_model sampled[] = {
		{ STACK(&get, &fetch_at_11, &main_at_3), GD_CAUSE_COND, 2, 20 },
		{ STACK(&fetch_at_11, &main_at_3), GD_CAUSE_RECV, 3, 30 },
		{ STACK(&get), GD_CAUSE_COND, 1, 10 }, /* nothing but a library */
	};
	struct gd_hots hots = lines(sampled, COUNT(sampled));

	(void)state;
	assert_int_equal(hots.count, 2);
	assert_ptr_equal(hots.list[0].place, &fetch_at_11);
	assert_near(hots.list[0].s[GD_CLASS_LOCK_WAIT], 2, NEAR_S);
	assert_near(hots.list[0].s[GD_CLASS_IO_WAIT], 3, NEAR_S);
	assert_int_equal(hots.list[0].cause, GD_CAUSE_RECV); /* most of it */
	assert_ptr_equal(hots.list[1].place, &get);
}

static void the_most_waited_line_comes_first(void **state)
{
	struct gd_sample_model sampled[] = {
		{ STACK(&fetch_at_11), GD_CAUSE_RECV, 1, 1 },
		{ STACK(&fetch_at_12), GD_CAUSE_SLEEP, 3, 1 },
		{ STACK(&main_at_3), GD_CAUSE_CHILD, 2, 1 },
		{ STACK(&another_fetch), GD_CAUSE_ACCEPT, 9, 1 }, /* idle is no waiting */
	};
	struct gd_hots hots = lines(sampled, COUNT(sampled));

	(void)state;
	assert_int_equal(hots.count, 4);
	assert_ptr_equal(hots.list[0].place, &fetch_at_12);
	assert_ptr_equal(hots.list[1].place, &main_at_3);
	assert_ptr_equal(hots.list[2].place, &fetch_at_11);
	assert_near(hots.list[3].s[GD_CLASS_IDLE], 9, NEAR_S);
}

static void equal_lines_are_one_wherever_they_stand(void **state)
{
	struct gd_place again = fetch_at_11, native[2] = {
		{ .file = "", .function = "", .module = "/usr/lib/libpq.so", .address = 0x1000 },
		{ .file = "", .function = "", .module = "/usr/lib/libpq.so", .address = 0x2000 },
	};
	struct gd_sample_model sampled[] = {
		{ STACK(&fetch_at_11), GD_CAUSE_RECV, 1, 1 },
		{ STACK(&again), GD_CAUSE_RECV, 2, 1 },
		{ STACK(&native[0]), GD_CAUSE_RECV, 4, 1 },
		{ STACK(&native[1]), GD_CAUSE_RECV, 5, 1 },
	};
	struct gd_hots hots = lines(sampled, COUNT(sampled));

	(void)state;
	assert_int_equal(hots.count, 3);
	assert_near(hots.list[2].s[GD_CLASS_IO_WAIT], 3, NEAR_S);
}

static void what_of_a_cause_was_computing_is_taken_off(void **state)
{
	struct gd_thread_model threads[] = {
		{ .times = { .cause_s = { [GD_CAUSE_FILE] = 3, [GD_CAUSE_RECV] = 8 },
			     .cpu_in_s = { [GD_CAUSE_FILE] = 1 } } },
		{ .times = { .cause_s = { [GD_CAUSE_FILE] = 1, [GD_CAUSE_SLEEP] = 1 },
			     .cpu_in_s = { [GD_CAUSE_FILE] = 1, [GD_CAUSE_SLEEP] = 4 } } },
	};
	struct gd_sample_model sampled[] = {
		{ STACK(&fetch_at_11), GD_CAUSE_FILE, 4, 1 },
		{ STACK(&fetch_at_11), GD_CAUSE_RECV, 8, 1 },
		{ STACK(&main_at_3), GD_CAUSE_SLEEP, 1, 1 },
	};
	struct gd_process_model process = {
		.threads = threads, .thread_count = 2, .sampled = sampled, .sampled_count = 3
	};
	struct gd_hots hots;

	(void)state;
	assert_int_equal(gd_hot_lines(&process, pool, &hots), 0);
	assert_near(hots.list[0].s[GD_CLASS_IO_WAIT], 2 + 8, NEAR_S);
	assert_near(hots.list[1].s[GD_CLASS_TIMER_WAIT], 0, NEAR_S); /* and no less than that */
	assert_int_equal(gd_hot_functions(&process, pool, &hots), 0);
	assert_near(hots.list[0].total_s[GD_CLASS_IO_WAIT], 2 + 8, NEAR_S);
	assert_near(hots.list[1].total_s[GD_CLASS_TIMER_WAIT], 0, NEAR_S);
}

/* ---- Functions ------------------------------------------------------------------------------- */

static const struct gd_hot *find(const struct gd_hots *hots, const char *function, int first_line)
{
	const struct gd_hot *found = NULL;

	for (size_t i = 0; i < hots->count; i++)
		if (strcmp(hots->list[i].place->function, function) == 0 &&
		    hots->list[i].place->first_line == first_line) {
			assert_null(found);
			found = &hots->list[i];
		}
	assert_non_null(found);
	return found;
}

static void functions_have_their_own_time_and_that_of_what_they_called(void **state)
{
	struct gd_sample_model sampled[] = {
		{ STACK(&get, &fetch_at_11, &main_at_3), GD_CAUSE_COND, 2, 1 },
		{ STACK(&fetch_at_12, &main_at_3), GD_CAUSE_COND, 3, 1 },
		{ STACK(&another_fetch), GD_CAUSE_COND, 5, 1 }, /* of another class, say */
	};
	struct gd_hots hots = functions(sampled, COUNT(sampled));

	(void)state;
	assert_int_equal(hots.count, 4);
	assert_near(find(&hots, "get", 90)->s[GD_CLASS_LOCK_WAIT], 2, NEAR_S);
	assert_near(find(&hots, "fetch", 10)->s[GD_CLASS_LOCK_WAIT], 3, NEAR_S);
	assert_near(find(&hots, "fetch", 10)->total_s[GD_CLASS_LOCK_WAIT], 5, NEAR_S);
	assert_near(find(&hots, "fetch", 30)->total_s[GD_CLASS_LOCK_WAIT], 5, NEAR_S);
	assert_near(find(&hots, "<module>", 1)->s[GD_CLASS_LOCK_WAIT], 0, NEAR_S);
	assert_near(find(&hots, "<module>", 1)->total_s[GD_CLASS_LOCK_WAIT], 5, NEAR_S);
}

static void a_function_that_calls_itself_counts_once(void **state)
{
	struct gd_sample_model sampled[] = {
		{ STACK(&fetch_at_11, &fetch_at_12, &get, &fetch_at_12), GD_CAUSE_RECV, 2, 1 },
	};
	struct gd_hots hots = functions(sampled, COUNT(sampled));

	(void)state;
	assert_int_equal(hots.count, 2);
	assert_near(find(&hots, "fetch", 10)->s[GD_CLASS_IO_WAIT], 2, NEAR_S);
	assert_near(find(&hots, "fetch", 10)->total_s[GD_CLASS_IO_WAIT], 2, NEAR_S);
}

static void native_functions_are_one_by_name_and_else_apart(void **state)
{
	struct gd_place named[2] = {
		{ .file = "", .function = "recv_all", .module = "/usr/lib/libpq.so", .address = 1 },
		{ .file = "", .function = "recv_all", .module = "/usr/lib/libpq.so", .address = 2 },
	};
	struct gd_place other_module = named[0], nameless[2] = { named[0], named[1] };
	struct gd_sample_model sampled[] = {
		{ STACK(&named[0]), GD_CAUSE_RECV, 1, 1 },
		{ STACK(&named[1]), GD_CAUSE_RECV, 1, 1 },
		{ STACK(&other_module), GD_CAUSE_RECV, 1, 1 },
		{ STACK(&nameless[0]), GD_CAUSE_RECV, 1, 1 },
		{ STACK(&nameless[1]), GD_CAUSE_RECV, 1, 1 },
	};
	struct gd_hots hots;

	(void)state;
	other_module.module = "/usr/lib/libmysql.so";
	nameless[0].function = nameless[1].function = "";
	hots = functions(sampled, COUNT(sampled));
	assert_int_equal(hots.count, 4);
	assert_near(hots.list[0].s[GD_CLASS_IO_WAIT], 2, NEAR_S);
}

/* ---- The hottest ----------------------------------------------------------------------------- */

static void the_hottest_of_a_class_need_not_be_the_hottest_of_all(void **state)
{
	struct gd_sample_model sampled[] = {
		{ STACK(&fetch_at_11), GD_CAUSE_RECV, 9, 1 },
		{ STACK(&fetch_at_12), GD_CAUSE_MUTEX, 2, 1 },
		{ STACK(&main_at_3), GD_CAUSE_MUTEX, 1, 1 },
	};
	struct gd_hots hots = lines(sampled, COUNT(sampled));

	(void)state;
	assert_ptr_equal(gd_hot_of_class(&hots, GD_CLASS_LOCK_WAIT, 0)->place, &fetch_at_12);
	assert_ptr_equal(gd_hot_of_class(&hots, GD_CLASS_IO_WAIT, 0)->place, &fetch_at_11);
	assert_null(gd_hot_of_class(&hots, GD_CLASS_TIMER_WAIT, 0));
}

static void without_samples_nothing_is_hot(void **state)
{
	struct gd_hots hots = lines(NULL, 0);

	(void)state;
	assert_int_equal(hots.count, 0);
	assert_null(gd_hot_of_class(&hots, GD_CLASS_IO_WAIT, 0));
	assert_int_equal(functions(NULL, 0).count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pool, free_pool)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_the_innermost_of_the_program_s_own),
		TEST(the_most_waited_line_comes_first),
		TEST(equal_lines_are_one_wherever_they_stand),
		TEST(what_of_a_cause_was_computing_is_taken_off),
		TEST(functions_have_their_own_time_and_that_of_what_they_called),
		TEST(a_function_that_calls_itself_counts_once),
		TEST(native_functions_are_one_by_name_and_else_apart),
		TEST(the_hottest_of_a_class_need_not_be_the_hottest_of_all),
		TEST(without_samples_nothing_is_hot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Few rows that tell most: what is little loses what tells it apart, and no time is lost. */
#include <stdlib.h>
#include <unit/near.h>
#include <waits.h>

static struct gd_books books;
static struct gd_rows waits;
static struct gd_probed facts;

static int begin(void **state)
{
	(void)state;
	for (uint32_t image = 1; image <= 2; image++) {
		struct gd_event event = { .what = GD_EVENT_IMAGE_BORN, .image = image, .pid = 7 };

		gd_books_note(&books, &event);
	}
	facts = (struct gd_probed){ .small_waits = 0 };
	return 0;
}

static int end(void **state)
{
	(void)state;
	gd_books_free(&books);
	free(waits.rows);
	waits = (struct gd_rows){ .rows = NULL };
	return 0;
}

static void add(uint32_t image, uint64_t object, uint32_t stack, int32_t waker, uint64_t blocked_ns)
{
	struct gd_probed_wait *wait = gd_rows_add(&waits, sizeof(*wait), 1000000);

	assert_non_null(wait);
	*wait = (struct gd_probed_wait){ .image = image,
					 .cause = GD_CAUSE_MUTEX,
					 .object = object,
					 .stack = stack,
					 .waker = waker,
					 .blocks = 1,
					 .blocked_ns = blocked_ns,
					 .blocked_ns_max = blocked_ns };
}

static uint64_t sum_ns(void)
{
	const struct gd_probed_wait *rows = waits.rows;
	uint64_t sum = facts.small_waits_ns;

	for (size_t i = 0; i < waits.count; i++)
		sum += rows[i].blocked_ns + rows[i].delay_ns;
	return sum;
}

static void of_many_wakers_of_one_lock_the_small_ones_become_somebody(void **state)
{
	const struct gd_probed_wait *rows;

	(void)state;
	for (int i = 0; i < 10000; i++)
		add(1, 0x1000, 0, 100 + i, i == 5000 ? 9 : 10);
	add(1, 0x1000, 0, 99, 100000);
	gd_waits_thin_out(&waits, &books, &facts);
	rows = waits.rows;
	assert_int_equal(waits.count, 2);
	assert_int_equal(rows[0].waker, 0);
	assert_int_equal(rows[0].blocks, 10000);
	assert_int_equal(rows[0].blocked_ns, 99999);
	assert_int_equal(rows[0].blocked_ns_max, 10);
	assert_int_equal(rows[1].waker, 99);
	assert_int_equal(facts.small_waits, 0);
}

static void many_stacks_of_one_call_become_the_call(void **state)
{
	const struct gd_probed_wait *rows;

	(void)state;
	for (uint32_t i = 1; i <= 1000; i++)
		add(1, 7, i, 0, 10);
	add(1, 7, 2000, 0, 10000);
	gd_waits_thin_out(&waits, &books, &facts);
	rows = waits.rows;
	assert_int_equal(waits.count, 2);
	assert_int_equal(rows[0].stack, 0);
	assert_int_equal(rows[0].blocked_ns, 10000);
	assert_int_equal(rows[1].stack, 2000);
}

static void however_many_locks_there_are_the_rows_are_bounded_and_the_sum_is_right(void **state)
{
	uint64_t before = 0;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		uint64_t blocked_ns = 1 + i % 100 * (i % 1000 == 999 ? 1000 : 1);

		add(1 + i % 2, 64ull * i, 0, (int32_t)i % 50, blocked_ns);
		before += blocked_ns;
	}
	gd_waits_thin_out(&waits, &books, &facts);
	assert_true(waits.count > 0 && waits.count <= 512);
	assert_int_equal(facts.small_waits, 100000 - waits.count);
	assert_int_equal(sum_ns(), before);
}

static void a_program_that_is_little_of_the_session_has_few_rows(void **state)
{
	const struct gd_probed_wait *rows;

	(void)state;
	add(1, 1, 0, 5, 1000000);
	for (uint32_t i = 0; i < 100; i++)
		add(2, 64 + i, 0, 0, 10);
	gd_waits_thin_out(&waits, &books, &facts);
	rows = waits.rows;
	assert_int_equal(waits.count, 1);
	assert_int_equal(rows[0].waker, 5);
	assert_int_equal(facts.small_waits, 100);
	assert_int_equal(facts.small_waits_ns, 1000);
}

static void what_belongs_to_no_book_is_counted(void **state)
{
	(void)state;
	gd_waits_thin_out(&waits, &books, &facts); /* none at all */
	assert_int_equal(waits.count, 0);
	add(3, 1, 0, 0, 1000);
	add(1, 1, 0, 0, 10);
	gd_waits_thin_out(&waits, &books, &facts);
	assert_int_equal(waits.count, 1);
	assert_int_equal(facts.small_waits, 1);
	assert_int_equal(facts.small_waits_ns, 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(of_many_wakers_of_one_lock_the_small_ones_become_somebody),
		TEST(many_stacks_of_one_call_become_the_call),
		TEST(however_many_locks_there_are_the_rows_are_bounded_and_the_sum_is_right),
		TEST(a_program_that_is_little_of_the_session_has_few_rows),
		TEST(what_belongs_to_no_book_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

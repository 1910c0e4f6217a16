/* SPDX-License-Identifier: MIT */
/* Where the list of thread states begins, and that nothing is believed that leads to no thread. */
#include <builders/memory_image.h>
#include <cpython_threads.h>
#include <unit/cmocka_begin.h>

static const struct gd_cpython_offsets of_311 = { .version = 0x030b, .tstate_thread_id = 152 };
static const struct gd_cpython_offsets of_313 = { .version = 0x030d, .tstate_thread_id = 152 };

/* One thread, 4242, in an interpreter whose list begins threads bytes into it. */
static void put_list(uint64_t main, uint64_t threads)
{
	memset(memory_bytes, 0, sizeof(memory_bytes));
	put64(RUNTIME + main, INTERPRETER);
	put64(INTERPRETER + threads, TSTATE);
	put_thread(4242);
}

static void by_the_table_up_to_3_12(void **state)
{
	struct gd_cpython_threads threads;

	(void)state;
	put_list(48, 16);
	assert_int_equal(gd_cpython_main_interpreter(0x030b, &memory, RUNTIME), INTERPRETER);
	assert_true(gd_cpython_threads_find(&of_311, &memory, RUNTIME, &threads));
	assert_int_equal(threads.head, INTERPRETER + 16);
	assert_int_equal(threads.next, 8);
	assert_int_equal(gd_cpython_tid(&memory, PTHREAD), 4242);
}

static void as_published_from_3_13_on(void **state)
{
	struct gd_cpython_threads threads;

	(void)state;
	put_list(640, 7344);
	assert_false(gd_cpython_threads_find(&of_313, &memory, RUNTIME, &threads));
	put64(RUNTIME + 72, 7344);
	assert_true(gd_cpython_threads_find(&of_313, &memory, RUNTIME, &threads));
	assert_int_equal(threads.head, INTERPRETER + 7344);
	put64(RUNTIME + 72, 1ull << 40);
	assert_false(gd_cpython_threads_find(&of_313, &memory, RUNTIME, &threads));
}

static void what_leads_to_no_thread_is_no_list(void **state)
{
	struct gd_cpython_offsets unknown = { .version = 0x0306 };
	struct gd_cpython_threads threads;

	(void)state;
	put_list(48, 16);
	put64(PTHREAD + 16, PTHREAD + 8); /* it does not know itself */
	assert_false(gd_cpython_threads_find(&of_311, &memory, RUNTIME, &threads));
	put64(PTHREAD + 16, PTHREAD);
	put64(PTHREAD + 720, 0);
	assert_false(gd_cpython_threads_find(&of_311, &memory, RUNTIME, &threads));
	put64(INTERPRETER + 16, 0);
	assert_false(gd_cpython_threads_find(&of_311, &memory, RUNTIME, &threads));
	assert_false(gd_cpython_threads_find(&of_311, &memory, 0, &threads));
	assert_false(gd_cpython_threads_find(&unknown, &memory, RUNTIME, &threads));
	assert_int_equal(gd_cpython_main_interpreter(0x0306, &memory, RUNTIME), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_the_table_up_to_3_12),
		cmocka_unit_test(as_published_from_3_13_on),
		cmocka_unit_test(what_leads_to_no_thread_is_no_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

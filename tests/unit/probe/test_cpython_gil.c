/* SPDX-License-Identifier: MIT */
/* Where the GIL is and who holds it, and that nothing is believed that does not look like one. */
#include <builders/memory_image.h>
#include <cpython_gil.h>
#include <unit/cmocka_begin.h>

#define HEAP_GIL (BASE + 0x3000)

/* interval, last_holder, locked, as they stand before the condition. */
static void put_gil(uint64_t cond, uint64_t interval_us, uint32_t locked)
{
	put64(cond - 32, interval_us);
	put64(cond - 24, TSTATE);
	put32(cond - 16, locked);
}

/* A 3.11: everything lies in _PyRuntime. */
static int make_311(void **state)
{
	(void)state;
	memset(memory_bytes, 0, sizeof(memory_bytes));
	put_gil(RUNTIME + 392, 5000, 1);
	put_thread(4242);
	return 0;
}

static void it_lies_in_the_runtime_up_to_3_11(void **state)
{
	(void)state;
	assert_int_equal(gd_cpython_gil(0x030b, &memory, RUNTIME), RUNTIME + 392);
	assert_int_equal(gd_cpython_gil_holder(0x030b, &memory, RUNTIME, RUNTIME + 392), 4242);
}

static void an_interpreter_points_to_it_since(void **state)
{
	(void)state;
	put64(RUNTIME + 48, INTERPRETER);
	put64(INTERPRETER + 384, HEAP_GIL);
	put_gil(HEAP_GIL + 32, 5000, 0);
	assert_int_equal(gd_cpython_gil(0x030c, &memory, RUNTIME), HEAP_GIL + 32);
	assert_int_equal(gd_cpython_gil_holder(0x030c, &memory, RUNTIME, HEAP_GIL + 32),
			 GD_GIL_NOBODY);
}

static void what_looks_like_none_is_none(void **state)
{
	(void)state;
	put_gil(RUNTIME + 392, 0, 1);
	assert_int_equal(gd_cpython_gil(0x030b, &memory, RUNTIME), 0);
	put_gil(RUNTIME + 392, 5000, 7);
	assert_int_equal(gd_cpython_gil(0x030b, &memory, RUNTIME), 0);
	put_gil(RUNTIME + 392, 5000, 1);
	put64(RUNTIME + 392 - 24, 0); /* nobody ever held it */
	assert_int_equal(gd_cpython_gil(0x030b, &memory, RUNTIME), 0);
	assert_int_equal(gd_cpython_gil(0x030b, &memory, 0), 0);
	assert_int_equal(gd_cpython_gil(0x030b, &memory, BASE + BYTES), 0); /* unreadable */
}

/* enabled, interval, last_holder: one word later than without. */
static void a_free_threaded_build_s_is_not_taken_for_one(void **state)
{
	(void)state;
	put64(RUNTIME + 640, INTERPRETER);
	put64(INTERPRETER + 16, HEAP_GIL);
	put_gil(HEAP_GIL + 8 + 32, 5000, 0);
	assert_int_equal(gd_cpython_gil(0x030d, &memory, RUNTIME), 0);
	put32(HEAP_GIL, 1);
	assert_int_equal(gd_cpython_gil(0x030d, &memory, RUNTIME), 0);
}

static void versions_that_are_not_known_have_none(void **state)
{
	(void)state;
	assert_int_equal(gd_cpython_gil(0x0306, &memory, RUNTIME), 0);
	assert_int_equal(gd_cpython_gil(0x0310, &memory, RUNTIME), 0);
	assert_int_equal(gd_cpython_gil(0, &memory, RUNTIME), 0);
}

static void a_holder_that_is_no_thread_is_not_believed(void **state)
{
	(void)state;
	put64(PTHREAD + 16, PTHREAD + 8);
	assert_int_equal(gd_cpython_gil_holder(0x030b, &memory, RUNTIME, RUNTIME + 392),
			 GD_GIL_NOT_SEEN);
	put64(PTHREAD + 16, PTHREAD);
	put32(PTHREAD + 720, (uint32_t)-1); /* it has ended */
	assert_int_equal(gd_cpython_gil_holder(0x030b, &memory, RUNTIME, RUNTIME + 392),
			 GD_GIL_NOT_SEEN);
	put64(RUNTIME + 392 - 24, BASE + BYTES);
	assert_int_equal(gd_cpython_gil_holder(0x030b, &memory, RUNTIME, RUNTIME + 392),
			 GD_GIL_NOT_SEEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_lies_in_the_runtime_up_to_3_11, make_311),
		cmocka_unit_test_setup(an_interpreter_points_to_it_since, make_311),
		cmocka_unit_test_setup(what_looks_like_none_is_none, make_311),
		cmocka_unit_test_setup(a_free_threaded_build_s_is_not_taken_for_one, make_311),
		cmocka_unit_test_setup(versions_that_are_not_known_have_none, make_311),
		cmocka_unit_test_setup(a_holder_that_is_no_thread_is_not_believed, make_311),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

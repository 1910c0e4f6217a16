/* SPDX-License-Identifier: MIT */
/* The walk through a thread's frames: all of them or none, whatever stands in the memory. */
#include <builders/python.h>
#include <string.h>
#include <unit/cmocka_begin.h>

#define MAX 62

static const struct gd_cpython_types types = { 0x1000c0de, 0x10005012, 0x1000b17e };
static const uint16_t versions[] = { 0x0308, 0x0309, 0x030a, 0x030b, 0x030c };

static struct gd_python python;
static struct gd_cpython_frame frames[MAX + 1];

static void begin(uint16_t version)
{
	struct gd_cpython_offsets offsets = gd_python_offsets(version);

	gd_python_init(&python, &offsets, types);
}

static int make_311(void **state)
{
	(void)state;
	begin(0x030b);
	return 0;
}

static int walk(void)
{
	memset(frames, 0, sizeof(frames));
	return gd_cpython_walk(&python.cpython, python.tstate, frames, MAX);
}

static void call_main_and_two(uint64_t ret_codes[3], uint64_t ret_frames[3])
{
	static const char *const names[3] = { "<module>", "serve", "fetch" };

	for (int i = 0; i < 3; i++) {
		ret_codes[i] = gd_python_add_function(&python, "/home/ada/app.py", names[i], i + 1);
		ret_frames[i] = gd_python_call(&python, ret_codes[i], 10 * (i + 1));
	}
}

/* ---- As it should be ------------------------------------------------------------------------- */

static void frames_come_innermost_first_in_every_version(void **state)
{
	(void)state;
	for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
		uint64_t codes[3], called[3];

		begin(versions[v]);
		call_main_and_two(codes, called);
		assert_int_equal(walk(), 3);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(frames[i].code, codes[2 - i]);
			assert_int_equal(frames[i].instr_bytes, 10 * (3 - i));
		}
	}
}

static void a_thread_that_calls_nothing_has_no_frames(void **state)
{
	(void)state;
	assert_int_equal(walk(), 0);
	assert_int_equal(gd_cpython_walk(&python.cpython, 0, frames, MAX), -1);
}

static void a_deep_stack_is_walked_to_the_maximum(void **state)
{
	uint64_t code = gd_python_add_function(&python, "a.py", "f", 1);

	(void)state;
	for (int i = 0; i < 100; i++)
		gd_python_call(&python, code, 2 * i);
	assert_int_equal(walk(), MAX);
	assert_int_equal(frames[MAX - 1].instr_bytes, 2 * (100 - MAX));
	assert_int_equal(frames[MAX].code, 0); /* nothing is written after it */
}

static void a_frame_that_has_not_begun_is_one(void **state)
{
	(void)state;
	for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
		begin(versions[v]);
		gd_python_call(&python, gd_python_add_function(&python, "a.py", "f", 1), -2);
		assert_int_equal(walk(), 1);
		assert_int_equal(frames[0].instr_bytes, -2);
	}
}

static void frames_of_the_interpreter_itself_are_passed_over(void **state)
{
	uint64_t codes[3], called[3];

	(void)state;
	begin(0x030c);
	call_main_and_two(codes, called);
	gd_python_put(&python, called[1] + python.cpython.offsets.frame_owner, 3, 1);
	gd_python_put(&python, called[1] + python.cpython.offsets.frame_code, 0, 8);
	assert_int_equal(walk(), 2);
	assert_int_equal(frames[0].code, codes[2]);
	assert_int_equal(frames[1].code, codes[0]);
}

/* ---- As it should not ------------------------------------------------------------------------ */

static void one_bad_pointer_and_no_frame_counts(void **state)
{
	static const uint64_t bad[] = { 8, 0xdbdbdbdbdbdbdbdb, ~0ull, ~0ull - 55, 1ull << 47 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (int which = 0; which < 3; which++) {
			uint64_t codes[3], called[3], field;

			begin(0x030b);
			call_main_and_two(codes, called);
			field = which == 0   ? python.tstate + python.cpython.offsets.tstate_frame
				: which == 1 ? called[1] + python.cpython.offsets.frame_back
					     : called[0] + python.cpython.offsets.frame_code;
			gd_python_put(&python, field, bad[i], 8);
			assert_int_equal(walk(), -1);
		}
}

static void what_is_no_code_object_is_no_frame(void **state)
{
	uint64_t codes[3], called[3];

	(void)state;
	call_main_and_two(codes, called);
	gd_python_put(&python, codes[0] + python.cpython.offsets.object_type, types.bytes, 8);
	assert_int_equal(walk(), -1);
}

static void an_instruction_outside_of_its_code_is_no_frame(void **state)
{
	static const int64_t outside[] = { -3, 0x1000000, 1ll << 32, INT64_MIN };
	uint64_t codes[3], called[3];

	(void)state;
	call_main_and_two(codes, called);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		gd_python_put(
			&python, called[0] + python.cpython.offsets.frame_instr,
			codes[0] + python.cpython.offsets.code_adaptive + (uint64_t)outside[i], 8);
		assert_int_equal(walk(), -1);
	}
}

static void frames_in_a_circle_are_none(void **state)
{
	for (int length = 1; length <= 3; length++) {
		uint64_t codes[3], called[3];

		make_311(state);
		call_main_and_two(codes, called);
		gd_python_put(&python, called[0] + python.cpython.offsets.frame_back,
			      called[length - 1], 8);
		assert_int_equal(walk(), -1);
	}
}

static void the_interpreter_s_frames_in_a_circle_are_none(void **state)
{
	uint64_t codes[3], called[3];

	(void)state;
	begin(0x030c);
	call_main_and_two(codes, called);
	gd_python_put(&python, called[0] + python.cpython.offsets.frame_owner, 3, 1);
	gd_python_put(&python, called[0] + python.cpython.offsets.frame_back, called[0], 8);
	assert_int_equal(walk(), -1);
}

/* ---- Bytecode of each thread's own (free-threaded 3.14) -------------------------------------- */

#define TLBC_ARRAY 200 /* in the code object */
#define TLBC_INDEX 100 /* in the frame */

/* A frame that runs the second copy of its bytecode; returns the array. */
static uint64_t call_with_a_copy(int32_t index, uint64_t size)
{
	struct gd_cpython_offsets offsets = gd_python_offsets(0x030b);
	static const char nothing[64];
	uint64_t code, array, frame;

	offsets.version = 0x030e;
	offsets.is_free_threaded = 1;
	offsets.frame_tlbc_index = TLBC_INDEX;
	offsets.code_tlbc = TLBC_ARRAY;
	gd_python_init(&python, &offsets, types);
	code = gd_python_add_function(&python, "a.py", "f", 1);
	array = gd_python_add_bytes(&python, nothing, sizeof(nothing));
	gd_python_put(&python, array, size, 8);
	gd_python_put(&python, array + 16, array + 32, 8);
	gd_python_put(&python, code + TLBC_ARRAY, array, 8);
	frame = gd_python_call(&python, code, 0);
	gd_python_put(&python, frame + offsets.frame_instr, array + 32 + 6, 8);
	gd_python_put(&python, frame + TLBC_INDEX, (uint32_t)index, 4);
	return array;
}

static void an_instruction_counts_from_the_thread_s_own_copy(void **state)
{
	(void)state;
	call_with_a_copy(1, 2);
	assert_int_equal(walk(), 1);
	assert_int_equal(frames[0].instr_bytes, 6);
}

static void a_copy_beyond_the_array_is_none(void **state)
{
	(void)state;
	call_with_a_copy(1, 1); /* there is something there that looks like one */
	assert_int_equal(walk(), -1);
	call_with_a_copy(INT32_MAX, UINT64_MAX);
	assert_int_equal(walk(), -1);
}

#define TEST(name) cmocka_unit_test_setup(name, make_311)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_come_innermost_first_in_every_version),
		TEST(a_thread_that_calls_nothing_has_no_frames),
		TEST(a_deep_stack_is_walked_to_the_maximum),
		TEST(a_frame_that_has_not_begun_is_one),
		TEST(frames_of_the_interpreter_itself_are_passed_over),
		TEST(one_bad_pointer_and_no_frame_counts),
		TEST(what_is_no_code_object_is_no_frame),
		TEST(an_instruction_outside_of_its_code_is_no_frame),
		TEST(frames_in_a_circle_are_none),
		TEST(the_interpreter_s_frames_in_a_circle_are_none),
		TEST(an_instruction_counts_from_the_thread_s_own_copy),
		TEST(a_copy_beyond_the_array_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

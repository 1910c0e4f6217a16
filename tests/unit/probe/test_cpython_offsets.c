/* SPDX-License-Identifier: MIT */
/* Which versions are known, and what is taken from an interpreter that says its offsets itself. */
#include <cpython_offsets.h>
#include <string.h>
#include <unit/cmocka_begin.h>

#define COOKIE  0x7970677562656478ull
#define RUNTIME 0x7000
#define WORDS   93 /* of _Py_DebugOffsets, as much as any version needs */

/* Where 3.14 has its fields, in words (Include/internal/pycore_debug_offsets.h of that branch). */
enum {
	FREE_THREADED = 2,
	TSTATE_FRAME = 26,
	TSTATE_THREAD_ID = 27,
	FRAME_BACK = 32,
	FRAME_CODE = 33,
	FRAME_INSTR = 34,
	FRAME_OWNER = 36,
	FRAME_TLBC = 38,
	CODE_FILENAME = 40,
	CODE_QUALNAME = 42,
	CODE_LINETABLE = 43,
	CODE_FIRSTLINENO = 44,
	CODE_ADAPTIVE = 48,
	CODE_TLBC = 49,
};

static uint64_t published[WORDS];
static size_t readable_bytes;

static bool read_published(void *arg, uint64_t address, void *buf, size_t size_bytes)
{
	(void)arg;
	if (address < RUNTIME || address - RUNTIME + size_bytes > readable_bytes)
		return false;
	memcpy(buf, (const char *)published + (address - RUNTIME), size_bytes);
	return true;
}

static const struct gd_memory memory = { read_published, NULL };

/* Each field's offset is the place where it stands. */
static int publish_314(void **state)
{
	(void)state;
	for (size_t i = 0; i < WORDS; i++)
		published[i] = 8 * i;
	published[0] = COOKIE;
	published[1] = 0x030e02f0;
	published[FREE_THREADED] = 0;
	readable_bytes = sizeof(published);
	return 0;
}

static bool find(uint16_t version, struct gd_cpython_offsets *ret_offsets)
{
	return gd_cpython_offsets_find(version, &memory, RUNTIME, ret_offsets);
}

static void versions_before_313_are_known_by_heart(void **state)
{
	struct gd_cpython_offsets offsets;

	(void)state;
	for (uint16_t version = 0x0308; version <= 0x030c; version++) {
		assert_true(gd_cpython_offsets_find(version, &memory, 0, &offsets));
		assert_int_equal(offsets.version, version);
		assert_int_equal(offsets.lines, version < 0x030a   ? GD_LINES_LNOTAB
						: version < 0x030b ? GD_LINES_PEP626
								   : GD_LINES_LOCATIONS);
	}
}

static void a_version_that_nobody_knows_has_none(void **state)
{
	static const uint16_t unknown[] = { 0, 0x0207, 0x0307, 0x0310, 0x0400, 0xffff };
	struct gd_cpython_offsets offsets;

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		published[1] = (uint64_t)unknown[i] << 16; /* it says them, but in what order? */
		assert_false(find(unknown[i], &offsets));
	}
}

static void a_later_version_says_its_own(void **state)
{
	struct gd_cpython_offsets offsets;

	(void)state;
	assert_true(find(0x030e, &offsets));
	assert_int_equal(offsets.is_free_threaded, 0);
	assert_int_equal(offsets.lines, GD_LINES_LOCATIONS);
	assert_int_equal(offsets.tstate_frame, 8 * TSTATE_FRAME);
	assert_int_equal(offsets.tstate_thread_id, 8 * TSTATE_THREAD_ID);
	assert_int_equal(offsets.cframe_frame, GD_OFFSET_NONE);
	assert_int_equal(offsets.frame_back, 8 * FRAME_BACK);
	assert_int_equal(offsets.frame_code, 8 * FRAME_CODE);
	assert_int_equal(offsets.frame_instr, 8 * FRAME_INSTR);
	assert_int_equal(offsets.frame_instr_unit, 0); /* a pointer */
	assert_int_equal(offsets.frame_owner, 8 * FRAME_OWNER);
	assert_int_equal(offsets.code_filename, 8 * CODE_FILENAME);
	assert_int_equal(offsets.code_name, 8 * CODE_QUALNAME);
	assert_int_equal(offsets.code_linetable, 8 * CODE_LINETABLE);
	assert_int_equal(offsets.code_firstlineno, 8 * CODE_FIRSTLINENO);
	assert_int_equal(offsets.code_adaptive, 8 * CODE_ADAPTIVE);
	assert_int_equal(offsets.frame_tlbc_index, GD_OFFSET_NONE);
	assert_int_equal(offsets.code_tlbc, GD_OFFSET_NONE);
}

static void free_threaded_ones_have_bytecode_of_each_thread(void **state)
{
	struct gd_cpython_offsets offsets;

	(void)state;
	published[FREE_THREADED] = 1;
	assert_true(find(0x030e, &offsets));
	assert_int_equal(offsets.is_free_threaded, 1);
	assert_int_equal(offsets.frame_tlbc_index, 8 * FRAME_TLBC);
	assert_int_equal(offsets.code_tlbc, 8 * CODE_TLBC);
}

static void what_cannot_be_an_offset_makes_all_unknown(void **state)
{
	static const int fields[] = { FREE_THREADED, TSTATE_FRAME, FRAME_CODE, CODE_ADAPTIVE };
	struct gd_cpython_offsets offsets;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		publish_314(state);
		published[fields[i]] = 4096;
		assert_false(find(0x030e, &offsets));
		published[fields[i]] = 1ull << 32; /* its low half would do */
		assert_false(find(0x030e, &offsets));
	}
}

static void another_cookie_or_version_is_not_believed(void **state)
{
	struct gd_cpython_offsets offsets;

	published[0]++;
	assert_false(find(0x030e, &offsets));
	publish_314(state);
	published[1] = 0x030d00f0;
	assert_false(find(0x030e, &offsets));
}

static void unreadable_memory_says_nothing(void **state)
{
	struct gd_cpython_offsets offsets;

	(void)state;
	assert_false(gd_cpython_offsets_find(0x030e, &memory, 0, &offsets));
	readable_bytes = sizeof(published) - 8;
	assert_false(find(0x030e, &offsets));
}

#define TEST(name) cmocka_unit_test_setup(name, publish_314)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(versions_before_313_are_known_by_heart),
		TEST(a_version_that_nobody_knows_has_none),
		TEST(a_later_version_says_its_own),
		TEST(free_threaded_ones_have_bytecode_of_each_thread),
		TEST(what_cannot_be_an_offset_makes_all_unknown),
		TEST(another_cookie_or_version_is_not_believed),
		TEST(unreadable_memory_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

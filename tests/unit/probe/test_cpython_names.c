/* SPDX-License-Identifier: MIT */
/* From a frame to its names: what memory says, or nothing; within bounds whatever it says. */
#include <builders/python.h>
#include <cpython_names.h>
#include <string.h>
#include <unit/cmocka_begin.h>

static const struct gd_cpython_types types = { 0x1000c0de, 0x10005012, 0x1000b17e };

static struct gd_python python;
static struct gd_cpython_names names;

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

static bool name(uint64_t code, int32_t instr_bytes)
{
	struct gd_cpython_frame frame = { code, instr_bytes };

	memset(&names, 0xee, sizeof(names));
	return gd_cpython_name(&python.cpython, &frame, &names);
}

/* ---- Strings --------------------------------------------------------------------------------- */

static bool name_file(uint64_t file)
{
	uint64_t code = gd_python_add_function(&python, "", "f", 7);

	gd_python_put(&python, code + python.cpython.offsets.code_filename, file, 8);
	return name(code, 0);
}

static void a_frame_has_its_file_function_and_lines(void **state)
{
	static const uint16_t versions[] = { 0x0308, 0x0309, 0x030a, 0x030b, 0x030c };

	(void)state;
	for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
		begin(versions[v]);
		assert_true(name(gd_python_add_function(&python, "/a/b.py", "C.f", 41), 2));
		assert_string_equal(names.file, "/a/b.py");
		assert_string_equal(names.function, "C.f");
		assert_int_equal(names.first_line, 41);
		assert_int_equal(names.line, 41);
	}
}

static void every_width_of_character_becomes_utf8(void **state)
{
	static const uint32_t chars[] = { 'a', 0xe9, 0x20ac, 0x1f40d };
	static const uint16_t versions[] = { 0x030a, 0x030c };

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		begin(versions[v]);
		assert_true(name_file(gd_python_add_str(&python, chars, 2, 1)));
		assert_string_equal(names.file, "a\xc3\xa9");
		assert_true(name_file(gd_python_add_str(&python, chars, 3, 2)));
		assert_string_equal(names.file, "a\xc3\xa9\xe2\x82\xac");
		assert_true(name_file(gd_python_add_str(&python, chars, 4, 4)));
		assert_string_equal(names.file, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d");
	}
}

static void of_a_path_of_any_length_the_end_is_kept(void **state)
{
	(void)state;
	for (size_t length = 240; length < 300; length++) {
		char path[300] = "";
		size_t fits = length < sizeof(names.file) ? length : sizeof(names.file) - 1;

		begin(0x030b);
		for (size_t i = 0; i < length; i++)
			path[i] = (char)('a' + i % 26);
		assert_true(name_file(gd_python_add_ascii(&python, path)));
		assert_string_equal(names.file, path + length - fits);
	}
}

static void a_path_that_fits_is_whole_in_any_script(void **state)
{
	uint32_t chars[127];

	(void)state;
	for (uint32_t i = 0; i < 127; i++)
		chars[i] = 0xe0 + i % 32; /* two bytes each */
	assert_true(name_file(gd_python_add_str(&python, chars, 127, 1)));
	assert_int_equal(strlen(names.file), 254);
	assert_memory_equal(names.file, "\xc3\xa0\xc3\xa1", 4);
	for (uint32_t i = 0; i < 127; i++)
		chars[i] = 0x4e00 + i; /* three bytes each: 85 of them fit */
	assert_true(name_file(gd_python_add_str(&python, chars, 127, 2)));
	assert_int_equal(strlen(names.file), 255);
	assert_memory_equal(names.file, "\xe4\xb8\xaa", 3); /* 0x4e00 + 42 */
}

static void what_is_no_str_has_no_name(void **state)
{
	const struct gd_cpython_offsets *o = &python.cpython.offsets;
	uint64_t text = gd_python_add_ascii(&python, "a.py");

	(void)state;
	assert_true(name_file(text));
	assert_false(name_file(0));
	assert_false(name_file(python.tstate));
	assert_false(name_file(gd_python_add_bytes(&python, "a.py", 4)));
	gd_python_put(&python, text + o->str_length, 4097, 8);
	assert_false(name_file(text)); /* longer than any name */
	gd_python_put(&python, text + o->str_length, UINT64_MAX, 8);
	assert_false(name_file(text));
	gd_python_put(&python, text + o->str_length, 4, 8);
	gd_python_put(&python, text + o->str_state, 3 << 2 | 1 << 5 | 1 << 6, 4);
	assert_false(name_file(text)); /* three bytes a character */
	gd_python_put(&python, text + o->str_state, 1 << 2, 4);
	assert_false(name_file(text)); /* its text is elsewhere */
}

static void a_text_that_ends_where_memory_does_has_no_name(void **state)
{
	uint64_t code = gd_python_add_function(&python, "", "f", 7);
	uint64_t text = gd_python_add_ascii(&python, "a.py");

	(void)state;
	gd_python_put(&python, code + python.cpython.offsets.code_filename, text, 8);
	gd_python_put(&python, text + python.cpython.offsets.str_length, 4000, 8);
	assert_false(name(code, 0));
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static bool find_line(const void *table, size_t size_bytes, int32_t first_line, int32_t instr)
{
	uint64_t text = gd_python_add_ascii(&python, "x");
	uint64_t bytes = gd_python_add_bytes(&python, table, size_bytes);

	return name(gd_python_add_code(&python, text, text, first_line, bytes), instr);
}

struct expected {
	int32_t instr, line;
};

static void assert_lines(const void *table, size_t size_bytes, const struct expected *expected,
			 size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_true(find_line(table, size_bytes, 100, expected[i].instr));
		assert_int_equal(names.line, expected[i].line);
	}
}

#define LOCATION(code, units) (0x80 | (code) << 3 | ((units)-1))

static void lines_of_location_tables_are_followed(void **state)
{
	static const uint8_t table[] = {
		LOCATION(13, 1), 0,                /* bytes 0-1: line 100 */
		LOCATION(3, 2),  0x12,             /* 2-5: the same, columns */
		LOCATION(11, 1), 1,       2,       /* 6-7: 101 */
		LOCATION(12, 1), 1,       2,       /* 8-9: 103 */
		LOCATION(15, 1),                   /* 10-11: none */
		LOCATION(14, 3), 40,      0, 1, 1, /* 12-17: 123 */
		LOCATION(13, 1), 64 | 1,  2,       /* 18-19: -64: 59 */
		LOCATION(13, 8), 64 | 32, 1,       /* 20-35: +48: 107 */
	};
	static const struct expected expected[] = {
		{ 0, 100 },  { 2, 100 },  { 5, 100 }, { 6, 101 },  { 8, 103 },  { 10, 0 },
		{ 12, 123 }, { 17, 123 }, { 18, 59 }, { 20, 107 }, { 35, 107 }, { -2, 100 },
	};

	(void)state;
	assert_lines(table, sizeof(table), expected, sizeof(expected) / sizeof(expected[0]));
	assert_false(find_line(table, sizeof(table), 100, 36));        /* beyond its end */
	assert_false(find_line(table + 1, sizeof(table) - 1, 100, 6)); /* out of step */
	assert_false(find_line(table, 11, 100, 12));                   /* torn */
}

static void lines_of_pairs_are_followed(void **state)
{
	static const uint8_t table[] = { 4, 0, 6, 2, 2, 0x80, 8, 0xfd };
	static const struct expected expected[] = { { 0, 100 }, { 4, 102 }, { 8, 102 },
						    { 10, 0 },  { 12, 99 }, { 18, 99 } };

	(void)state;
	begin(0x030a);
	assert_lines(table, sizeof(table), expected, sizeof(expected) / sizeof(expected[0]));
	assert_false(find_line(table, sizeof(table), 100, 20));
}

static void lines_of_lnotabs_are_followed(void **state)
{
	static const uint8_t table[] = { 0, 1, 6, 2, 0, 127, 8, 0xfe };
	static const struct expected expected[] = { { 0, 101 },  { 5, 101 },  { 6, 230 },
						    { 13, 230 }, { 14, 228 }, { 900, 228 } };

	(void)state;
	begin(0x0308);
	assert_lines(table, sizeof(table), expected, sizeof(expected) / sizeof(expected[0]));
}

static void a_table_longer_than_the_window_is_followed(void **state)
{
	uint8_t table[3000];

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		memcpy(table + 3 * i, (uint8_t[]){ LOCATION(11, 1), 0, 0 }, 3);
	assert_true(find_line(table, sizeof(table), 1, 2 * 900));
	assert_int_equal(names.line, 902);
}

static void lines_that_cannot_be_are_none(void **state)
{
	static const uint8_t back[] = { LOCATION(13, 1), 64 | 21, 6 }; /* by 202 */
	static const uint8_t far[] = { LOCATION(13, 1), 64 | 62, 127, 127, 127, 127, 1 };
	static const uint8_t endless[] = { LOCATION(13, 1), 127, 127, 127, 127, 127, 127, 127 };

	(void)state;
	assert_false(find_line(back, sizeof(back), 100, 0));
	assert_false(find_line(far, sizeof(far), INT32_MAX, 0));
	assert_false(find_line(endless, sizeof(endless), 100, 0));
	assert_false(find_line("", 0, -7, -2));
}

static void a_table_of_any_size_is_followed_no_further_than_memory(void **state)
{
	static const uint8_t entry[] = { LOCATION(13, 1), 0 };
	static const uint64_t sizes[] = { 600, 1 << 20, (1 << 20) + 1, UINT64_MAX };
	uint64_t text = gd_python_add_ascii(&python, "x");
	uint64_t code = gd_python_add_code(&python, text, text, 1, 0);
	uint64_t table = gd_python_add_bytes(&python, entry, sizeof(entry));

	(void)state;
	gd_python_put(&python, code + python.cpython.offsets.code_linetable, table, 8);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		gd_python_put(&python, table + python.cpython.offsets.bytes_size, sizes[i], 8);
		assert_false(name(code, 100));
	}
}

/* ---- Anything -------------------------------------------------------------------------------- */

static uint64_t next_random(void)
{
	static uint64_t dice = 88172645463325252ull;

	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice;
}

static void damage_one(void)
{
	uint64_t value = next_random();
	size_t at = next_random() % (python.used - 8);

	switch (next_random() % 3) {
	case 0: /* a pointer to somewhere in it */
		value = (uint64_t)(uintptr_t)python.memory + value % python.used;
		memcpy(python.memory + (at & ~7ull), &value, 8);
		break;
	case 1:
		memcpy(python.memory + at, &value, 8);
		break;
	default:
		python.memory[at] ^= (unsigned char)(1 << value % 8);
	}
}

/* Frames, then the chain of reads for each, in an image of which anything may have changed. */
static void damaged_memory_takes_no_longer_and_fills_no_more(void **state)
{
	static const uint16_t versions[] = { 0x0308, 0x030a, 0x030b, 0x030c };
	int walked = 0, refused = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct gd_cpython_frame frames[8];
		int count;

		begin(versions[round % 4]);
		for (int i = 0; i < 5; i++)
			gd_python_call(&python, gd_python_add_function(&python, "a.py", "f", i),
				       2 * i);
		for (uint64_t i = next_random() % 24; i > 0; i--)
			damage_one();
		count = gd_cpython_walk(&python.cpython, python.tstate, frames, 8);
		assert_true(count <= 8);
		refused += count < 0;
		for (int i = 0; i < count; i++) {
			if (!name(frames[i].code, frames[i].instr_bytes))
				continue;
			assert_non_null(memchr(names.file, 0, sizeof(names.file)));
			assert_non_null(memchr(names.function, 0, sizeof(names.function)));
			assert_true(names.line >= 0 && names.first_line >= 0);
			walked++;
		}
		assert_true(python.reads < 100000);
	}
	assert_true(walked > 1000 && refused > 1000); /* neither way is always taken */
}

/* ---- Whose file ------------------------------------------------------------------------------ */

static void libraries_are_told_from_the_program(void **state)
{
	(void)state;
	assert_true(gd_cpython_is_library("/usr/lib/python3.11/queue.py"));
	assert_true(gd_cpython_is_library("/usr/lib64/python3.11/queue.py"));
	assert_true(gd_cpython_is_library("/venv/lib/python3.12/site-packages/requests/api.py"));
	assert_true(gd_cpython_is_library("/usr/lib/python3/dist-packages/yaml.py"));
	assert_true(gd_cpython_is_library("<frozen runpy>"));
	assert_false(gd_cpython_is_library("/home/ada/app.py"));
	assert_false(gd_cpython_is_library("<string>"));
	assert_false(gd_cpython_is_library(""));
}

static void code_at_the_same_address_is_told_apart(void **state)
{
	struct gd_cpython_code_identity before, same, after;
	uint64_t code = gd_python_add_function(&python, "a.py", "f", 7);

	(void)state;
	assert_true(gd_cpython_identify(&python.cpython, code, &before));
	assert_true(gd_cpython_identify(&python.cpython, code, &same));
	assert_memory_equal(&before, &same, sizeof(same));
	gd_python_put(&python, code + python.cpython.offsets.code_firstlineno, 8, 4);
	assert_true(gd_cpython_identify(&python.cpython, code, &after));
	assert_memory_not_equal(&before, &after, sizeof(after));
	assert_false(gd_cpython_identify(&python.cpython, 8, &after));
}

#define TEST(name) cmocka_unit_test_setup(name, make_311)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_has_its_file_function_and_lines),
		TEST(every_width_of_character_becomes_utf8),
		TEST(of_a_path_of_any_length_the_end_is_kept),
		TEST(a_path_that_fits_is_whole_in_any_script),
		TEST(what_is_no_str_has_no_name),
		TEST(a_text_that_ends_where_memory_does_has_no_name),
		TEST(lines_of_location_tables_are_followed),
		TEST(lines_of_pairs_are_followed),
		TEST(lines_of_lnotabs_are_followed),
		TEST(a_table_longer_than_the_window_is_followed),
		TEST(lines_that_cannot_be_are_none),
		TEST(a_table_of_any_size_is_followed_no_further_than_memory),
		TEST(damaged_memory_takes_no_longer_and_fills_no_more),
		TEST(libraries_are_told_from_the_program),
		TEST(code_at_the_same_address_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

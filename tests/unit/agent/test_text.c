/* SPDX-License-Identifier: MIT */
/* Short texts without stdio. */
#include <stdlib.h>
#include <string.h>
#include <text.h>
#include <time.h>
#include <unit/cmocka_begin.h>

static void numbers_are_written_in_full(void **state)
{
	static const struct {
		uint64_t value;
		unsigned int width;
		const char *expected;
	} rows[] = {
		{ 0, 1, "0" },         { 7, 1, "7" },    { 42, 4, "0042" },
		{ 12345, 2, "12345" }, { 0, 4, "0000" }, { UINT64_MAX, 1, "18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[32];
		struct gd_text text = gd_text_begin(buf, sizeof(buf));

		gd_text_add_padded(&text, rows[i].value, rows[i].width);
		assert_string_equal(buf, rows[i].expected);
		assert_true(gd_text_fits(&text));
	}
}

static void what_does_not_fit_is_cut_and_said(void **state)
{
	char buf[6] = "xxxxx";
	struct gd_text text = gd_text_begin(buf, sizeof(buf));

	(void)state;
	assert_string_equal(buf, "");
	gd_text_add(&text, "abc");
	gd_text_add_number(&text, 12);
	assert_string_equal(buf, "abc12");
	assert_true(gd_text_fits(&text)); /* to the last byte */
	gd_text_add(&text, "");
	assert_true(gd_text_fits(&text));
	gd_text_add(&text, "d");
	assert_false(gd_text_fits(&text));
	assert_string_equal(buf, "abc12");
	gd_text_add(&text, "");
	assert_false(gd_text_fits(&text)); /* and stays so */
}

static void nothing_is_written_beyond_the_buffer(void **state)
{
	(void)state;
	for (size_t size = 1; size < 40; size++) {
		char *buf = malloc(size); /* the sanitizers watch its end */
		struct gd_text text = gd_text_begin(buf, size);

		gd_text_add(&text, "/some/path/");
		gd_text_add_utc(&text, 0);
		gd_text_add_number(&text, UINT64_MAX);
		assert_int_equal(gd_text_fits(&text), false);
		assert_int_equal(strlen(buf), size - 1);
		free(buf);
	}
}

static void check_utc(time_t second, const char *expected)
{
	char buf[32];
	struct gd_text text = gd_text_begin(buf, sizeof(buf));

	gd_text_add_utc(&text, (uint64_t)second * 1000000000u + 999999999u);
	assert_string_equal(buf, expected);
}

static void days_are_those_of_the_calendar(void **state)
{
	(void)state;
	check_utc(0, "19700101T000000");
	check_utc(951782399, "20000228T235959");
	check_utc(951782400, "20000229T000000"); /* a leap year: divisible by 400 */
	check_utc(951868800, "20000301T000000");
	check_utc(1709164800, "20240229T000000");
	check_utc(1735689599, "20241231T235959");
	check_utc(1740787200, "20250301T000000");
	check_utc(4107542399, "21000228T235959");
	check_utc(4107542400, "21000301T000000"); /* none: divisible by 100 */
	check_utc(2147483648, "20380119T031408");
}

static void any_second_is_what_libc_says(void **state)
{
	(void)state;
	srand(4);
	for (int i = 0; i < 5000; i++) {
		time_t second =
			(time_t)(((uint64_t)rand() << 20 ^ (uint64_t)rand()) % 18000000000u);
		char expected[32];
		struct tm tm;

		strftime(expected, sizeof(expected), "%Y%m%dT%H%M%S", gmtime_r(&second, &tm));
		check_utc(second, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_written_in_full),
		cmocka_unit_test(what_does_not_fit_is_cut_and_said),
		cmocka_unit_test(nothing_is_written_beyond_the_buffer),
		cmocka_unit_test(days_are_those_of_the_calendar),
		cmocka_unit_test(any_second_is_what_libc_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Whatever a name holds, what comes out is harmless. */
#include <base/cleanup.h>
#include <escape.h>
#include <jansson.h>
#include <string.h>
#include <unit/cmocka_begin.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define WIDE        100000

struct row {
	const char *name, *text, *utf8, *ascii;
};

/* clang-format off */
static const struct row rows[] = {
	{ "plain",                 "app.py (x)",         "app.py (x)",               "app.py (x)" },
	{ "nothing",               "",                   "",                         "" },
	{ "an escape sequence",    "\033[2Jx",           "\\x1b[2Jx",                "\\x1b[2Jx" },
	{ "lines and bells",       "a\nb\rc\td\a",       "a\\x0ab\\x0dc\\x09d\\x07", "a\\x0ab\\x0dc\\x09d\\x07" },
	{ "delete",                "\x7f",               "\\x7f",                    "\\x7f" },
	{ "a letter with accent",  "caf\xc3\xa9",        "caf\xc3\xa9",              "caf?" },
	{ "a C1 control",          "\xc2\x9b" "31m",     "\\xc2\\x9b31m",            "\\xc2\\x9b31m" },
	{ "the first printable",   "\xc2\xa1",           "\xc2\xa1",                 "?" },
	{ "a soft hyphen",         "\xc2\xad",           "\\xc2\\xad",               "\\xc2\\xad" },
	{ "Arabic letter mark",    "\xd8\x9c",           "\\xd8\\x9c",               "\\xd8\\x9c" },
	{ "right to left mark",    "\xe2\x80\x8f",       "\\xe2\\x80\\x8f",          "\\xe2\\x80\\x8f" },
	{ "right to left override", "\xe2\x80\xae",      "\\xe2\\x80\\xae",          "\\xe2\\x80\\xae" },
	{ "line separator",        "\xe2\x80\xa8",       "\\xe2\\x80\\xa8",          "\\xe2\\x80\\xa8" },
	{ "isolate",               "\xe2\x81\xa6",       "\\xe2\\x81\\xa6",          "\\xe2\\x81\\xa6" },
	{ "zero width space",      "\xe2\x80\x8b",       "\\xe2\\x80\\x8b",          "\\xe2\\x80\\x8b" },
	{ "byte order mark",       "\xef\xbb\xbf",       "\\xef\\xbb\\xbf",          "\\xef\\xbb\\xbf" },
	{ "a tag character",       "\xf3\xa0\x81\xa1",   "\\xf3\\xa0\\x81\\xa1",     "\\xf3\\xa0\\x81\\xa1" },
	{ "a dash, between them",  "\xe2\x80\x93",       "\xe2\x80\x93",             "?" },
	{ "four bytes",            "\xf0\x9f\x90\x8d",   "\xf0\x9f\x90\x8d",         "?" },
	{ "no UTF-8",              "a\xff\xfe" "b",      "a" REPLACEMENT REPLACEMENT "b", "a??b" },
	{ "a lone continuation",   "\x80",               REPLACEMENT,                "?" },
	{ "too long for its code", "\xc0\xaf",           REPLACEMENT REPLACEMENT,    "??" },
	{ "a surrogate",           "\xed\xa0\x80",       REPLACEMENT REPLACEMENT REPLACEMENT, "???" },
	{ "beyond the last code",  "\xf4\x90\x80\x80",   REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT, "????" },
	{ "cut in the middle",     "ab\xe2\x82",         "ab" REPLACEMENT REPLACEMENT, "ab??" },
};
/* clang-format on */

static void every_kind_of_character_is_made_harmless(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gd_autofree char *utf8 = gd_escape_terminal(rows[i].text, WIDE, 1);
		gd_autofree char *ascii = gd_escape_terminal(rows[i].text, WIDE, 0);

		if (strcmp(utf8, rows[i].utf8) != 0 || strcmp(ascii, rows[i].ascii) != 0)
			print_error("%s\n", rows[i].name);
		assert_string_equal(utf8, rows[i].utf8);
		assert_string_equal(ascii, rows[i].ascii);
	}
}

static void for_json_only_what_is_no_utf8_is_replaced(void **state)
{
	gd_autofree char *kept = gd_escape_utf8("a\033\n\xc2\x9b\xe2\x80\xae\xf0\x9f\x90\x8d");
	gd_autofree char *mended = gd_escape_utf8("\xc3(\xff\xe2\x82");

	(void)state;
	assert_string_equal(kept, "a\033\n\xc2\x9b\xe2\x80\xae\xf0\x9f\x90\x8d");
	assert_string_equal(mended, REPLACEMENT "(" REPLACEMENT REPLACEMENT REPLACEMENT);
}

static void long_texts_keep_their_end(void **state)
{
	static const struct {
		const char *text;
		size_t width;
		const char *expected;
	} cuts[] = {
		{ "/home/ada/project/app.py", 24, "/home/ada/project/app.py" },
		{ "/home/ada/project/app.py", 23, "...e/ada/project/app.py" },
		{ "/home/ada/project/app.py", 10, ".../app.py" },
		{ "/home/ada/project/app.py", 4, "...y" },
		{ "\xc3\xa9\xc3\xa8\xc3\xaa\xc3\xab\xc3\xa0", 5,
		  "\xc3\xa9\xc3\xa8\xc3\xaa\xc3\xab\xc3\xa0" },
		{ "\xc3\xa9\xc3\xa8\xc3\xaa\xc3\xab\xc3\xa0", 4, "...\xc3\xa0" },
		{ "\033\033\033", 6, "...x1b" }, /* what is cut is the escaped text */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		gd_autofree char *cut = gd_escape_terminal(cuts[i].text, cuts[i].width, 1);

		assert_string_equal(cut, cuts[i].expected);
	}
}

/* The sanitizers see a byte too far; a byte becomes four. */
static void names_full_of_what_grows_fit_their_copy(void **state)
{
	static const char *const pieces[] = { "\xe2\x80\xae", "\xf3\xa0\x81\xa1", "\xc2\x9b",
					      "\033", "\xff" };

	(void)state;
	for (size_t piece = 0; piece < sizeof(pieces) / sizeof(pieces[0]); piece++)
		for (size_t count = 1; count < 60; count++) {
			size_t size = strlen(pieces[piece]) * count;
			gd_autofree char *text = malloc(size + 1);
			gd_autofree char *escaped = NULL;
			gd_autofree char *clean = NULL;

			for (size_t i = 0; i < size; i++)
				text[i] = pieces[piece][i % strlen(pieces[piece])];
			text[size] = 0;
			escaped = gd_escape_terminal(text, WIDE, 1);
			clean = gd_escape_utf8(text);
			assert_int_equal(strlen(escaped), (piece == 4 ? 3 : 4) * size);
			assert_int_equal(strlen(clean), piece == 4 ? 3 * size : size);
		}
}

/* ---- Any bytes ------------------------------------------------------------------------------- */

static size_t draw(char *text, size_t size_max)
{
	static const char *const pieces[] = { "\xe2\x80\xae", "\xe2\x80", "\xf0\x9f\x90\x8d",
					      "\xc2\x9b",     "\xc2",     "\033[0m",
					      "name",         "\xef\xbb", "\xed\xa0\x80" };
	size_t size = 0, wanted = (size_t)rand() % (size_max - 8);

	while (size < wanted)
		if (rand() % 2) {
			text[size++] = (char)(rand() % 255 + 1);
		} else {
			const char *piece = pieces[(size_t)rand() % 9];

			memcpy(text + size, piece, strlen(piece));
			size += strlen(piece);
		}
	text[size] = 0;
	return size;
}

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

/* jansson refuses what is no UTF-8: a second opinion. */
static void assert_utf8(const char *text)
{
	json_t *string = json_string(text);

	if (!string)
		fail_msg("no UTF-8: %s", text);
	json_decref(string);
}

static void assert_no_control(const char *text)
{
	static const char *const hidden[] = { "\xe2\x80\x8b", "\xe2\x80\x8e", "\xe2\x80\x8f",
					      "\xe2\x80\xa8", "\xe2\x80\xaa", "\xe2\x80\xae",
					      "\xe2\x81\xa6", "\xe2\x81\xa9", "\xd8\x9c",
					      "\xef\xbb\xbf" };

	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		assert_true(*at >= 0x20 && *at != 0x7f);
		assert_false(at[0] == 0xc2 && at[1] < 0xa0);
	}
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		assert_null(strstr(text, hidden[i]));
}

static void whatever_comes_in_what_goes_out_is_harmless(void **state)
{
	(void)state;
	srand(2);
	for (int i = 0; i < 5000; i++) {
		char text[128];
		size_t width = 4 + (size_t)rand() % 60;
		gd_autofree char *utf8 = NULL;
		gd_autofree char *ascii = NULL;
		gd_autofree char *clean = NULL;

		draw(text, sizeof(text));
		utf8 = gd_escape_terminal(text, width, 1);
		ascii = gd_escape_terminal(text, width, 0);
		clean = gd_escape_utf8(text);
		assert_utf8(utf8);
		assert_utf8(clean);
		assert_no_control(utf8);
		assert_no_control(ascii);
		assert_true(count_characters(utf8) <= width);
		assert_true(strlen(ascii) <= width);
		for (const char *at = ascii; *at; at++)
			assert_true((unsigned char)*at < 0x80);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_character_is_made_harmless),
		cmocka_unit_test(for_json_only_what_is_no_utf8_is_replaced),
		cmocka_unit_test(long_texts_keep_their_end),
		cmocka_unit_test(names_full_of_what_grows_fit_their_copy),
		cmocka_unit_test(whatever_comes_in_what_goes_out_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

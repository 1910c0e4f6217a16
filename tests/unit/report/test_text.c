/* SPDX-License-Identifier: MIT */
/*
 * The page: its size for every kind of report, and its words for a few (tests/golden, rewritten by
 * the target golden-update).
 */
#include <base/cleanup.h>
#include <builders/analysed.h>
#include <builders/stories.h>
#include <math.h>
#include <string.h>
#include <text.h>
#include <unit/cmocka_begin.h>

#define LINES   24
#define COLUMNS 80

static struct gd_recording recording;
static double since_s = NAN; /* the last part of it alone */

static char *render(const struct gd_text_style *style)
{
	struct gd_analysed analysed;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	gd_analysed_make(&recording, 1, &analysed);
	analysed.session.since_s = since_s;
	gd_text_render(&analysed.analysis, style, out);
	fclose(out);
	gd_analysed_free(&analysed);
	return text;
}

static size_t count_columns(const char *line, size_t length)
{
	size_t columns = 0;

	for (size_t i = 0; i < length; i++)
		columns += (line[i] & 0xc0) != 0x80;
	return columns;
}

/* ---- The size of every report ---------------------------------------------------------------- */

struct style_row {
	const char *name;
	struct gd_text_style style;
};

static const struct style_row styles[] = { { "UTF-8", { .utf8 = true } },
					   { "ASCII", { .utf8 = false } } };

#define STYLES (sizeof(styles) / sizeof(styles[0]))

static void assert_line(const char *story, const char *line, size_t length)
{
	if (count_columns(line, length) > COLUMNS)
		fail_msg("%s: %zu columns: %.*s", story, count_columns(line, length), (int)length,
			 line);
	if (length && (line[length - 1] == ' ' || line[length - 1] == '\t'))
		fail_msg("%s: ends in a blank: %.*s|", story, (int)length, line);
}

static void every_report_fits_a_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < gd_story_count * STYLES; i++) {
		const struct gd_story *story = &gd_stories[i / STYLES];
		gd_autofree char *text = NULL;
		size_t lines = 0;

		story->tell(&recording);
		text = render(&styles[i % STYLES].style);
		for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
			assert_line(story->name, line, strcspn(line, "\n"));
			lines++;
		}
		if (lines > LINES)
			fail_msg("%s: %zu lines", story->name, lines);
		assert_int_equal(text[strlen(text) - 1], '\n');
	}
}

static void the_first_line_is_the_verdict_and_its_confidence(void **state)
{
	static const char *const first[] = { "COMPUTING", "WAITING", "MIXED", "IDLE",
					     "CANNOT SAY" };
	static const char *const last[] = { "  confidence high", "  confidence medium",
					    "  confidence low" };

	(void)state;
	for (size_t i = 0; i < gd_story_count; i++) {
		gd_autofree char *text = NULL;
		size_t begins = 0, ends = 0;

		gd_stories[i].tell(&recording);
		text = render(&styles[0].style);
		text[strcspn(text, "\n")] = 0;
		for (size_t k = 0; k < sizeof(first) / sizeof(first[0]); k++)
			begins += strncmp(text, first[k], strlen(first[k])) == 0;
		for (size_t k = 0; k < sizeof(last) / sizeof(last[0]); k++)
			ends += strlen(text) > strlen(last[k]) &&
				strcmp(text + strlen(text) - strlen(last[k]), last[k]) == 0;
		if (begins != 1 || ends != 1 || strlen(text) != COLUMNS)
			fail_msg("%s: %s", gd_stories[i].name, text);
		assert_memory_equal(text + strlen(text) + 1, "-> ", 3);
	}
}

/* A line that goes on begins where the text of the line above begins: behind a blank. */
static void lines_that_go_on_are_aligned(void **state)
{
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < gd_story_count; i++) {
		const char *above = NULL;
		gd_autofree char *text = NULL;

		gd_stories[i].tell(&recording);
		text = render(&styles[0].style);
		for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
			size_t indent = strspn(line, " ");

			if (indent > 3) {
				found++;
				if (above[indent - 1] != ' ' || above[indent] == ' ')
					fail_msg("%s: %.*s", gd_stories[i].name,
						 (int)strcspn(line, "\n"), line);
			}
			above = line;
		}
	}
	assert_true(found >= 5);
}

/* ---- Names and colours ----------------------------------------------------------------------- */

static void names_reach_the_terminal_escaped(void **state)
{
	(void)state;
	gd_story_tell("hostile", &recording);
	for (size_t i = 0; i < 2 * STYLES; i++) {
		struct gd_text_style style = styles[i / 2].style;
		gd_autofree char *text = NULL;

		style.verbose = i % 2;
		text = render(&style);
		for (const char *at = text; *at; at++) {
			if ((unsigned char)*at < 0x20 && *at != '\n')
				fail_msg("a control character: %s", at);
			if (!style.utf8 && (unsigned char)*at >= 0x80)
				fail_msg("no ASCII: %s", at);
		}
		assert_null(strstr(text, "\xe2\x80\xae"));
	}
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

static void colours_are_switched_off_where_they_were_on(void **state)
{
	struct gd_text_style style = { .utf8 = true, .color = true };
	gd_autofree char *coloured = NULL;
	gd_autofree char *plain = NULL;

	(void)state;
	gd_story_tell("crunch", &recording);
	coloured = render(&style);
	plain = render(&styles[0].style);
	assert_int_equal(count(coloured, "\033[1m"), 2);
	assert_int_equal(count(coloured, "\033[0m"), 2);
	assert_int_equal(strlen(coloured), strlen(plain) + 4 * 4);
	assert_int_equal(count(plain, "\033"), 0);
}

static void more_is_said_of_every_thread(void **state)
{
	struct gd_text_style style = { .utf8 = true, .verbose = true };
	gd_autofree char *text = NULL;

	(void)state;
	gd_story_tell("crunch", &recording);
	text = render(&style);
	for (int tid = GD_RECORDING_PID; tid < GD_RECORDING_PID + 5; tid++) {
		char line[16];

		snprintf(line, sizeof(line), "\n  %d ", tid);
		assert_int_equal(count(text, line), 1);
	}
	assert_int_equal(count(text, "  sleeping "), 1); /* zeros too */
}

static void who_holds_what_others_wait_for_is_named(void **state)
{
	const struct gd_text_style style = { .utf8 = true };
	gd_autofree char *gil = NULL, *lock = NULL;

	(void)state;
	gd_story_tell("gil-held", &recording);
	gil = render(&style);
	assert_non_null(
		strstr(gil, "   at 0x7f10c0de1234, which holds the GIL while others want it\n"));
	assert_non_null(
		strstr(gil, "     9.70 s waited while 0x7f10c0de1234 held it for 9.80 s\n"));
	gd_story_tell("one-mutex", &recording);
	lock = render(&style);
	assert_non_null(
		strstr(lock, "lock   69.60 s waited in 4960, held 9.60 s by 0x55d0c0de1234\n"));
}

static void what_is_not_known_is_said(void **state)
{
	static const char *const doubts[] = {
		"\nunseen: ",         "\nlost: 12345678",         "\nno sampler looked",
		"\na seccomp filter", "\nclock: CLOCK_MONOTONIC", "\nGIL: unknown",
		"\nincomplete: "
	};
	gd_autofree char *doubtful = NULL;
	gd_autofree char *sure = NULL;

	(void)state;
	gd_story_tell("doubtful", &recording);
	doubtful = render(&styles[0].style);
	gd_story_tell("crunch", &recording);
	sure = render(&styles[0].style);
	for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
		assert_int_equal(count(doubtful, doubts[i]), 1);
		assert_int_equal(count(sure, doubts[i]), 0);
	}
}

/* ---- Golden reports -------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
	gd_autofclose FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file || getdelim(&text, &size, 0, file) < 0)
		fail_msg("cannot read %s: build the target golden-update", path);
	return text;
}

static void a_part_says_nothing_of_the_probe_that_is_not_asked(void **state)
{
	gd_autofree char *all = NULL, *last = NULL;

	(void)state;
	gd_story_tell("one-mutex", &recording);
	all = render(&styles[0].style);
	since_s = GD_RECORDING_START_S + 5;
	last = render(&styles[0].style);
	since_s = NAN;
	assert_non_null(strstr(all, "no eBPF probe"));
	assert_null(strstr(last, "no eBPF probe"));
}

static void a_few_reports_are_known_to_the_letter(void **state)
{
	static const char *const names[] = { "crunch",     "fetch",    "one-mutex",
					     "everything", "doubtful", "hostile" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		gd_autofree char *path = NULL;
		gd_autofree char *text = NULL;
		gd_autofree char *expected = NULL;

		assert_true(asprintf(&path, GD_GOLDEN "/%s.txt", names[i]) > 0);
		gd_story_tell(names[i], &recording);
		text = render(&styles[0].style);
		if (getenv("GILDIAG_GOLDEN_UPDATE")) {
			gd_autofclose FILE *file = fopen(path, "we");

			assert_int_equal(fputs(text, file) >= 0, true);
			continue;
		}
		expected = read_text(path);
		assert_string_equal(text, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_report_fits_a_terminal),
		cmocka_unit_test(the_first_line_is_the_verdict_and_its_confidence),
		cmocka_unit_test(lines_that_go_on_are_aligned),
		cmocka_unit_test(names_reach_the_terminal_escaped),
		cmocka_unit_test(colours_are_switched_off_where_they_were_on),
		cmocka_unit_test(more_is_said_of_every_thread),
		cmocka_unit_test(who_holds_what_others_wait_for_is_named),
		cmocka_unit_test(what_is_not_known_is_said),
		cmocka_unit_test(a_part_says_nothing_of_the_probe_that_is_not_asked),
		cmocka_unit_test(a_few_reports_are_known_to_the_letter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

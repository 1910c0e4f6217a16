/* SPDX-License-Identifier: MIT */
/* Command lines against a table of options. */
#include <base/cleanup.h>
#include <errno.h>
#include <options.h>
#include <string.h>
#include <unit/cmocka_begin.h>

struct values {
	const char *output, *format;
	bool verbose, no_color;
};

static const struct gd_option table[] = {
	{ "output", 'o', GD_OPTION_TEXT, offsetof(struct values, output), "DIR", "where to" },
	{ "format", 'f', GD_OPTION_TEXT, offsetof(struct values, format), "FORMAT", "of it" },
	{ "verbose", 'v', GD_OPTION_FLAG, offsetof(struct values, verbose), NULL, "more" },
	{ "no-color", 0, GD_OPTION_FLAG, offsetof(struct values, no_color), NULL, "plain" },
	{ "help", 'h', GD_OPTION_HELP, 0, NULL, "this help" },
	GD_OPTION_END,
};

#define WORDS_MAX 8

struct row {
	const char *words[WORDS_MAX]; /* behind the command's name */
	struct values values;
	int next; /* what is returned; an error where it is negative */
	bool help;
	const char *says;
};

/* clang-format off */
static const struct row rows[] = {
	{ { NULL }, .next = 1 },
	{ { "-v", "cmd", "-o", "x" }, { .verbose = true }, .next = 2 }, /* the rest is the command's */
	{ { "-o", "dir", "cmd" }, { .output = "dir" }, .next = 3 },
	{ { "-odir", "cmd" }, { .output = "dir" }, .next = 2 },
	{ { "--output=dir" }, { .output = "dir" }, .next = 2 },
	{ { "--output", "dir" }, { .output = "dir" }, .next = 3 },
	{ { "-o", "--", "x" }, { .output = "--" }, .next = 3 },
	{ { "-vo", "dir" }, { .verbose = true, .output = "dir" }, .next = 3 },
	{ { "-o", "a", "-o", "b" }, { .output = "b" }, .next = 5 },
	{ { "--no-color", "-f", "json" }, { .no_color = true, .format = "json" }, .next = 4 },
	{ { "-v", "--", "-o", "x" }, { .verbose = true }, .next = 3 },
	{ { "--" }, .next = 2 },
	{ { "-", "-v" }, .next = 1 },
	{ { "-h" }, .next = 2, .help = true },
	{ { "--help", "-v" }, { .verbose = true }, .next = 3, .help = true },
	{ { "-x" }, .next = -EINVAL, .says = "there is no option -x" },
	{ { "-vx" }, .next = -EINVAL, .says = "there is no option -x" },
	{ { "--nonsense" }, .next = -EINVAL, .says = "there is no option --nonsense" },
	{ { "--nonsense=3" }, .next = -EINVAL, .says = "there is no option --nonsense=3" },
	{ { "-o" }, .next = -EINVAL, .says = "-o needs a value" },
	{ { "-v", "--format" }, .next = -EINVAL, .says = "--format needs a value" },
	{ { "--verbose=3" }, .next = -EINVAL, .says = "--verbose=3 takes no value" },
	{ { "--no-color=never" }, .next = -EINVAL, .says = "--no-color=never takes no value" },
};
/* clang-format on */

static void assert_same_text(const char *a, const char *b)
{
	if (!a || !b)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void check_row(const struct row *row)
{
	char *argv[WORDS_MAX + 2] = { (char *)"report" };
	struct gd_diag diag = { "" };
	struct values values = { 0 };
	bool help = false;
	int argc = 1, next;

	while (row->words[argc - 1]) {
		argv[argc] = (char *)row->words[argc - 1];
		argc++;
	}
	next = gd_options_parse(table, argc, argv, &values, &help, &diag);
	if (next != row->next || strcmp(diag.text, row->says ? row->says : "") != 0)
		print_error("%s ...: %d, %s\n", argv[1], next, diag.text);
	assert_int_equal(next, row->next);
	assert_string_equal(diag.text, row->says ? row->says : "");
	if (next < 0)
		return;
	assert_int_equal(help, row->help);
	assert_same_text(values.output, row->values.output);
	assert_same_text(values.format, row->values.format);
	assert_int_equal(values.verbose, row->values.verbose);
	assert_int_equal(values.no_color, row->values.no_color);
}

static void command_lines_are_read_or_refused_by_one_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void the_help_lists_every_option_on_a_line(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	gd_options_print(table, out);
	fclose(out);
	assert_string_equal(text, "  -o, --output DIR         where to\n"
				  "  -f, --format FORMAT      of it\n"
				  "  -v, --verbose            more\n"
				  "      --no-color           plain\n"
				  "  -h, --help               this help\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines_are_read_or_refused_by_one_sentence),
		cmocka_unit_test(the_help_lists_every_option_on_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

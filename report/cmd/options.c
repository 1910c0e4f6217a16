/* SPDX-License-Identifier: MIT */
/* getopt_long does the reading; the tables do the rest. */
#include "options.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>

#define OPTIONS_MAX 16

static int set(const struct gd_option *option, void *values, bool *ret_help)
{
	char *at = (char *)values + option->offset;

	switch (option->kind) {
	case GD_OPTION_FLAG:
		*(bool *)(void *)at = true;
		return 0;
	case GD_OPTION_TEXT:
		*(const char **)(void *)at = optarg;
		return 0;
	case GD_OPTION_HELP:
		*ret_help = true;
		return 0;
	}
	return -EINVAL;
}

int gd_options_parse(const struct gd_option *table, int argc, char **argv, void *values,
		     bool *ret_help, struct gd_diag *diag)
{
	struct option longs[OPTIONS_MAX + 1] = { 0 };
	char letters[2 * OPTIONS_MAX + 3] =
		"+:"; /* stop at the first word; ':' for a missing value */
	size_t at = strlen(letters);
	int found, index;

	for (int i = 0; table[i].name; i++) {
		int has_value = table[i].kind == GD_OPTION_TEXT;

		longs[i] = (struct option){ table[i].name, has_value, NULL, 256 + i };
		if (table[i].letter) {
			letters[at++] = table[i].letter;
			if (has_value)
				letters[at++] = ':';
		}
	}
	optind = 0;
	opterr = 0;
	while ((found = getopt_long(argc, argv, letters, longs, &index)) != -1) {
		int i = 0;

		if (found == ':')
			return gd_diag_set(diag, -EINVAL, "%s needs a value", argv[optind - 1]);
		if (found == '?' && optopt >= 256)
			return gd_diag_set(diag, -EINVAL, "%s takes no value", argv[optind - 1]);
		if (found == '?' && optopt)
			return gd_diag_set(diag, -EINVAL, "there is no option -%c", optopt);
		if (found == '?')
			return gd_diag_set(diag, -EINVAL, "there is no option %s",
					   argv[optind - 1]);
		while (found >= 256 ? 256 + i != found : table[i].letter != found)
			i++;
		if (set(&table[i], values, ret_help) != 0)
			return -EINVAL;
	}
	return optind;
}

void gd_options_print(const struct gd_option *table, FILE *out)
{
	for (int i = 0; table[i].name; i++) {
		char left[48];
		const char *value = table[i].value ? table[i].value : "";

		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", table[i].letter ? '-' : ' ',
			 table[i].letter ? table[i].letter : ' ', table[i].letter ? "," : " ",
			 table[i].name, *value ? " " : "", value);
		fprintf(out, "  %-24s %s\n", left, table[i].help);
	}
}

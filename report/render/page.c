/* SPDX-License-Identifier: MIT */
#include "page.h"
#include <math.h>
#include <string.h>

const char *gd_page_bold(const struct gd_page *page)
{
	return page->style->color ? "\033[1m" : "";
}

const char *gd_page_plain(const struct gd_page *page)
{
	return page->style->color ? "\033[0m" : "";
}

void gd_page_wrap(const struct gd_page *page, const char *text, int indent)
{
	int column = indent;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > indent && column + 1 + (int)word > GD_PAGE_WIDTH) {
			fprintf(page->out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', page->out);
			column++;
		}
		fprintf(page->out, "%.*s", (int)word, text);
		column += (int)word;
		text += word + strspn(text + word, " ");
	}
	fputc('\n', page->out);
}

const char *gd_page_cause(unsigned int cause)
{
	static const char *const words[] = {
#define WORDS(name, number, class, text) [number] = text,
		GD_CAUSES(WORDS)
#undef WORDS
	};

	return words[cause];
}

const char *gd_page_time(double s, char buf[24])
{
	if (isnan(s))
		snprintf(buf, 24, "not known");
	else if (s >= 100)
		snprintf(buf, 24, "%.0f s", s);
	else if (s >= 0.9995) /* three figures of ms would be 1e+03 */
		snprintf(buf, 24, "%.2f s", s);
	else if (s >= 0.0009995)
		snprintf(buf, 24, "%.3g ms", s * 1e3);
	else
		snprintf(buf, 24, "%.3g us", s * 1e6);
	return buf;
}

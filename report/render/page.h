/* SPDX-License-Identifier: MIT */
/* Where the text goes, and how words and figures are put there; for text*.c. */
#ifndef GD_PAGE_H
#define GD_PAGE_H

#include "text.h"

#define GD_PAGE_WIDTH 80

struct gd_page {
	const struct gd_text_style *style;
	FILE *out;
};

/* Switch bold letters on and off; "" where there are no colours. */
const char *gd_page_bold(const struct gd_page *page);
const char *gd_page_plain(const struct gd_page *page);

/* Prints text wrapped at the width; every line begins with indent spaces, the first one is begun. */
void gd_page_wrap(const struct gd_page *page, const char *text, int indent);

/* What a cause is called. */
const char *gd_page_cause(unsigned int cause);

/* "1.23 s", "45 ms", "12 us": three figures, in buf, which is returned. */
const char *gd_page_time(double s, char buf[24]);

/* Parts of the report, in text_lines.c and text_notes.c. */
void gd_text_lines(const struct gd_page *page, const struct gd_judged *judged);
void gd_text_notes(const struct gd_page *page, const struct gd_analysis *analysis);
void gd_text_threads(const struct gd_page *page, const struct gd_process_model *process);

#endif

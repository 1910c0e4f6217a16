/* SPDX-License-Identifier: MIT */
/* The report for people: 24 lines of 80 columns. */
#ifndef GD_TEXT_REPORT_H
#define GD_TEXT_REPORT_H

#include <analysis.h>
#include <stdio.h>

struct gd_text_style {
	bool color;   /* only on a terminal, and not under NO_COLOR */
	bool utf8;    /* by the locale */
	bool verbose; /* every thread, every lock */
};

void gd_text_render(const struct gd_analysis *analysis, const struct gd_text_style *style,
		    FILE *out);

#endif

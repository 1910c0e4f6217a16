/* SPDX-License-Identifier: MIT */
/* From a recording's folder to a printed report: what report and run share. */
#ifndef GD_EXPLAIN_H
#define GD_EXPLAIN_H

#include <base/diag.h>
#include <stdbool.h>

struct gd_explain {
	const char *format; /* "text" or "json" */
	double last_s;      /* of a long recording only the end; 0: all */
	bool verbose;
	bool no_color;
};

/* Prints the report of the recording at path to out.  0 or -errno and a sentence. */
int gd_explain(const char *path, const struct gd_explain *how, FILE *out, struct gd_diag *diag);

/* False and a sentence where format is none of ours. */
bool gd_explain_has_format(const char *format, struct gd_diag *diag);

#endif

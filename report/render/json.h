/* SPDX-License-Identifier: MIT */
/* The report for programs: one object, its keys fixed by tests/contract/report.schema.json. */
#ifndef GD_JSON_REPORT_H
#define GD_JSON_REPORT_H

#include <analysis.h>
#include <stdio.h>

/* 0 or -ENOMEM. */
int gd_json_render(const struct gd_analysis *analysis, FILE *out);

#endif

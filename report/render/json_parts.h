/* SPDX-License-Identifier: MIT */
/*
 * The parts of the JSON report.  Only json*.c include this.  All return NULL where memory is short:
 * json_pack then makes the whole object NULL.
 */
#ifndef GD_JSON_PARTS_H
#define GD_JSON_PARTS_H

#include "json_values.h"
#include <analysis.h>

json_t *gd_json_classes(const struct gd_classes *classes);
json_t *gd_json_gil(const struct gd_judged *judged);
json_t *gd_json_processes(const struct gd_analysis *analysis);
json_t *gd_json_short_processes(const struct gd_session_model *session);
json_t *gd_json_threads(const struct gd_analysis *analysis);

json_t *gd_json_probe(const struct gd_analysis *analysis);
json_t *gd_json_blocks(const struct gd_analysis *analysis);
json_t *gd_json_scheduled(const struct gd_scheduled *scheduled); /* null for NULL */

json_t *gd_json_verdict(const struct gd_judged *judged);
json_t *gd_json_recommendation(const struct gd_judged *judged);
json_t *gd_json_predictions(const struct gd_ceilings *ceilings);

json_t *gd_json_functions(const struct gd_judged *judged);
json_t *gd_json_stacks(const struct gd_judged *judged);
json_t *gd_json_locks(const struct gd_judged *judged);
json_t *gd_json_holders(const struct gd_holder_model *holders, size_t count);

#endif

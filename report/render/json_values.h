/* SPDX-License-Identifier: MIT */
/* The smallest pieces of the JSON report.  All return NULL where memory is short. */
#ifndef GD_JSON_VALUES_H
#define GD_JSON_VALUES_H

#include <jansson.h>
#include <model.h>

/* A string, made valid UTF-8; the second gives null for "". */
json_t *gd_json_text(const char *value);
json_t *gd_json_text_or_null(const char *value);

/* What is not finite was not measured: null. */
json_t *gd_json_number(double value);
json_t *gd_json_nanoseconds(double s);

/* Capped at what JSON readers take for an integer of 64 bits. */
json_t *gd_json_integer(uint64_t value);

#define GD_JSON_CAUSE_MAX 24

/* A cause's name in small letters: "recv". */
void gd_json_cause_key(uint32_t cause, char ret_key[GD_JSON_CAUSE_MAX]);

json_t *gd_json_place(const struct gd_place *place);

#endif

/* SPDX-License-Identifier: MIT */
#include "json_values.h"
#include "escape.h"
#include <base/cleanup.h>
#include <ctype.h>
#include <gildiag/recording.h>
#include <math.h>

json_t *gd_json_text(const char *value)
{
	gd_autofree char *clean = gd_escape_utf8(value);

	return clean ? json_string(clean) : NULL;
}

json_t *gd_json_text_or_null(const char *value)
{
	return value[0] ? gd_json_text(value) : json_null();
}

/* What is not finite was not measured. */
json_t *gd_json_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *gd_json_integer(uint64_t value)
{
	return json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value));
}

json_t *gd_json_nanoseconds(double s)
{
	return isfinite(s) ? json_integer((json_int_t)llround(s * 1e9)) : json_null();
}

json_t *gd_json_place(const struct gd_place *place)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:n}", "file",
			 gd_json_text_or_null(place->file), "line",
			 place->line > 0 ? json_integer(place->line) : json_null(), "function",
			 gd_json_text_or_null(place->function), "module",
			 gd_json_text_or_null(place->module), "offset",
			 place->module[0] ? gd_json_integer(place->offset) : json_null(), "code");
}

void gd_json_cause_key(uint32_t cause, char ret_key[GD_JSON_CAUSE_MAX])
{
	static const char *const names[] = {
#define NAME(name, number, class, words) [number] = #name,
		GD_CAUSES(NAME)
#undef NAME
	};
	const char *name =
		cause < sizeof(names) / sizeof(names[0]) && names[cause] ? names[cause] : "OTHER";
	size_t i = 0;

	for (; name[i] && i < GD_JSON_CAUSE_MAX - 1; i++)
		ret_key[i] = (char)tolower((unsigned char)name[i]);
	ret_key[i] = 0;
}

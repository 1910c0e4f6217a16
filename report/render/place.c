/* SPDX-License-Identifier: MIT */
/* The file's last part says enough: JSON has the whole path. */
#include "place.h"
#include "escape.h"
#include <base/cleanup.h>
#include <stdio.h>
#include <string.h>

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

void gd_place_text(const struct gd_place *place, int utf8, size_t width, char *buf,
		   size_t size_bytes)
{
	gd_autofree char *raw = NULL;
	gd_autofree char *clean = NULL;
	int n;

	if (place->file[0] && place->line > 0)
		n = asprintf(&raw, "%s:%d %s()", last_part(place->file), place->line,
			     place->function);
	else if (place->function[0])
		n = asprintf(&raw, "%s %s()", last_part(place->module), place->function);
	else if (place->module[0])
		n = asprintf(&raw, "%s+0x%llx", last_part(place->module),
			     (unsigned long long)place->offset);
	else
		n = asprintf(&raw, "0x%llx", (unsigned long long)place->address);
	clean = n > 0 ? gd_escape_terminal(raw, width, utf8) : NULL;
	snprintf(buf, size_bytes, "%s", clean ? clean : "");
}

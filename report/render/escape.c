/* SPDX-License-Identifier: MIT */
/* A recording's names are hostile: they may hold terminal escapes and broken UTF-8. */
#include "escape.h"
#include <base/cleanup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the UTF-8 character at text, 0 when it is none (RFC 3629). */
static size_t utf8_length(const unsigned char *text)
{
	size_t length = text[0] < 0x80	       ? 1
			: (text[0] >> 5) == 6  ? 2
			: (text[0] >> 4) == 14 ? 3
			: (text[0] >> 3) == 30 ? 4
					       : 0;
	unsigned int code;

	if (length < 2)
		return length;
	code = text[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < (length == 2	  ? 0x80u
		    : length == 3 ? 0x800u
				  : 0x10000u) ||
	    code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

/* C1 controls and the characters that reorder or hide text. */
static int is_unprintable(const unsigned char *text, size_t length)
{
	if (length == 1)
		return text[0] < 0x20 || text[0] == 0x7f;
	if (length == 2)
		return text[0] == 0xc2 && text[1] < 0xa0;
	return length == 3 && text[0] == 0xe2 &&
	       ((text[1] == 0x80 &&
		 (text[2] >= 0x8b && (text[2] <= 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae)))) ||
		(text[1] == 0x81 && text[2] >= 0xa0 && text[2] <= 0xaf));
}

char *gd_escape_utf8(const char *text)
{
	const unsigned char *in = (const unsigned char *)text;
	char *copy = malloc(3 * strlen(text) + 1);
	char *out = copy;

	while (copy && *in) {
		size_t length = utf8_length(in);

		if (length) {
			memcpy(out, in, length);
			out += length;
			in += length;
		} else {
			memcpy(out, "\xef\xbf\xbd", 3);
			out += 3;
			in++;
		}
	}
	if (copy)
		*out = 0;
	return copy;
}

/* Everything escaped, however long. */
static char *escape_all(const char *text, int utf8)
{
	const unsigned char *in = (const unsigned char *)text;
	char *copy = malloc(4 * strlen(text) + 1);
	char *out = copy;

	while (copy && *in) {
		size_t length = utf8_length(in);

		if (!length) {
			out += sprintf(out, "%s", utf8 ? "\xef\xbf\xbd" : "?");
			in++;
		} else if (is_unprintable(in, length)) {
			for (size_t i = 0; i < length && out - copy < (long)(4 * strlen(text) - 3);
			     i++)
				out += sprintf(out, "\\x%02x", in[i]);
			in += length;
		} else if (length > 1 && !utf8) {
			*out++ = '?';
			in += length;
		} else {
			memcpy(out, in, length);
			out += length;
			in += length;
		}
	}
	if (copy)
		*out = 0;
	return copy;
}

char *gd_escape_terminal(const char *text, size_t width_max, int utf8)
{
	gd_autofree char *all = escape_all(text, utf8);
	size_t width = 0;
	char *cut = all;
	char *kept;

	if (!all)
		return NULL;
	for (const char *at = all; *at; at++)
		width += (*at & 0xc0) != 0x80;
	if (width <= width_max || width_max < 4)
		return gd_take(all);
	/* The end of a path says more than its beginning. */
	for (size_t left = width - (width_max - 3); left; cut++)
		left -= (cut[1] & 0xc0) != 0x80;
	if (asprintf(&kept, "...%s", cut) < 0)
		return NULL;
	return kept;
}

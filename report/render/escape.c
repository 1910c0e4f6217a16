/* SPDX-License-Identifier: MIT */
/* A recording's names are hostile: they may hold terminal escapes and broken UTF-8. */
#include "escape.h"
#include <base/cleanup.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the UTF-8 character at text and its code, 0 when it is none (RFC 3629). */
static size_t decode(const unsigned char *text, unsigned int *ret_code)
{
	size_t length = text[0] < 0x80         ? 1
			: (text[0] >> 5) == 6  ? 2
			: (text[0] >> 4) == 14 ? 3
			: (text[0] >> 3) == 30 ? 4
					       : 0;
	unsigned int code = text[0];

	if (length > 1)
		code &= 0xffu >> (length + 1);
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if ((length == 2 && code < 0x80) || (length == 3 && code < 0x800) ||
	    (length == 4 && code < 0x10000) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return length;
}

/* Controls, and the characters that reorder or hide text (Unicode's Cf, Zl and Zp). */
static bool is_unprintable(unsigned int code)
{
	static const struct {
		unsigned int first, last;
	} ranges[] = {
		{ 0x00, 0x1f },     { 0x7f, 0x9f },       { 0xad, 0xad },       { 0x600, 0x605 },
		{ 0x61c, 0x61c },   { 0x6dd, 0x6dd },     { 0x70f, 0x70f },     { 0x180e, 0x180e },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e },   { 0x2060, 0x206f },   { 0xfeff, 0xfeff },
		{ 0xfff9, 0xfffb }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe007f },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

char *gd_escape_utf8(const char *text)
{
	const unsigned char *in = (const unsigned char *)text;
	char *copy = malloc(3 * strlen(text) + 1);
	char *out = copy;

	while (copy && *in) {
		unsigned int code;
		size_t length = decode(in, &code);

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

/* Everything escaped, however long: a byte becomes four characters at most. */
static char *escape_all(const char *text, int utf8)
{
	const unsigned char *in = (const unsigned char *)text;
	char *copy = malloc(4 * strlen(text) + 1);
	char *out = copy;

	while (copy && *in) {
		unsigned int code;
		size_t length = decode(in, &code);

		if (!length) {
			out += sprintf(out, "%s", utf8 ? "\xef\xbf\xbd" : "?");
			in++;
		} else if (is_unprintable(code)) {
			for (size_t i = 0; i < length; i++)
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

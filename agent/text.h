/* SPDX-License-Identifier: MIT */
/*
 * Building short texts without stdio: signal-safe, no locale, no allocation.  What does not fit is
 * cut, and gd_text_fits() says so.
 */
#ifndef GD_TEXT_H
#define GD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gd_text {
	char *at;
	size_t left_bytes; /* the final zero included; 0: did not fit */
};

static inline struct gd_text gd_text_begin(char *buf, size_t size_bytes)
{
	buf[0] = 0;
	return (struct gd_text){ buf, size_bytes };
}

static inline bool gd_text_fits(const struct gd_text *text)
{
	return text->left_bytes > 0;
}

static inline void gd_text_add(struct gd_text *text, const char *more)
{
	while (*more && text->left_bytes > 1) {
		*text->at++ = *more++;
		text->left_bytes--;
	}
	if (text->left_bytes)
		*text->at = 0;
	if (*more)
		text->left_bytes = 0;
}

static inline void gd_text_add_padded(struct gd_text *text, uint64_t value, unsigned int width)
{
	char digits[24] = "";
	unsigned int i = sizeof(digits) - 1;

	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
		width = width ? width - 1 : 0;
	} while (value || width);
	gd_text_add(text, digits + i);
}

static inline void gd_text_add_number(struct gd_text *text, uint64_t value)
{
	gd_text_add_padded(text, value, 1);
}

/* 20261125T140503: the day by the civil calendar (H. Hinnant, days_from_civil, inverted). */
static inline void gd_text_add_utc(struct gd_text *text, uint64_t realtime_ns)
{
	uint64_t s = realtime_ns / 1000000000ull;
	uint64_t z = s / 86400 + 719468, of_day = s % 86400;
	uint64_t era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	uint64_t month = mp < 10 ? mp + 3 : mp - 9;

	gd_text_add_padded(text, yoe + era * 400 + (month <= 2), 4);
	gd_text_add_padded(text, month, 2);
	gd_text_add_padded(text, doy - (153 * mp + 2) / 5 + 1, 2);
	gd_text_add(text, "T");
	gd_text_add_padded(text, of_day / 3600, 2);
	gd_text_add_padded(text, of_day / 60 % 60, 2);
	gd_text_add_padded(text, of_day % 60, 2);
}

#endif

/* SPDX-License-Identifier: MIT */
/* Equality of doubles, for cmocka, which knows floats only. */
#ifndef GD_NEAR_H
#define GD_NEAR_H

#include <math.h>
#include <unit/cmocka_begin.h>

#define assert_near(actual, expected, tolerance)                                                   \
	do {                                                                                       \
		double actual_ = (actual), expected_ = (expected);                                 \
		if (!(fabs(actual_ - expected_) <= (tolerance)))                                   \
			fail_msg("%s is %.12g, not %.12g", #actual, actual_, expected_);           \
	} while (0)

#endif

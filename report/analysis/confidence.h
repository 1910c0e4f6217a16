/* SPDX-License-Identifier: MIT */
#ifndef GD_CONFIDENCE_H
#define GD_CONFIDENCE_H

#include "verdict.h"

/* How sure the verdict on these facts is. */
enum gd_confidence gd_confidence_judge(const struct gd_facts *facts);

#endif

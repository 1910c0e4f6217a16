/* SPDX-License-Identifier: MIT */
/* The environment, read in one place. */
#ifndef GD_ENV_H
#define GD_ENV_H

#include <stdlib.h>

enum gd_env {
#define ENV(symbol, name, meaning) GD_ENV_##symbol,
#include "env.def"
#undef ENV
};

/*
 * The value, borrowed from the environment; NULL where it is not set.  Context: where getenv() may
 * be called: a constructor, an exec by name.
 */
static inline const char *gd_env_get(enum gd_env which)
{
	static const char *const names[] = {
#define ENV(symbol, name, meaning) name,
#include "env.def"
#undef ENV
	};

	return getenv(names[which]);
}

#endif

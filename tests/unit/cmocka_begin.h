/* SPDX-License-Identifier: MIT */
/* cmocka 1.1 wants these before itself. */
#ifndef GD_CMOCKA_BEGIN_H
#define GD_CMOCKA_BEGIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif

/* SPDX-License-Identifier: MIT */
/* Who sees a name: everybody, or our own files alone, which then read it without a detour. */
#ifndef GD_VISIBILITY_H
#define GD_VISIBILITY_H

#define GD_EXPORT   __attribute__((visibility("default")))
#define GD_INTERNAL __attribute__((visibility("hidden")))

#endif

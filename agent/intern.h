/* SPDX-License-Identifier: MIT */
/*
 * Tables that hold each content once: texts, frames, stacks, samples.  Found by content, never by
 * an address of the target's: its objects die and addresses are used again. All ids are 1-based; 0
 * means that the table is full (counted).  Context: any thread, lock-free.
 */
#ifndef GD_INTERN_H
#define GD_INTERN_H

#include "arena.h"

/* Offset of text in STRINGS. */
uint32_t gd_intern_text(const char *text);

/* file and function are offsets in STRINGS. */
uint32_t gd_intern_frame(const struct gd_frame *frame);

/* Fills stack->hash. */
uint32_t gd_intern_stack(struct gd_stack *stack);

/* The row of this stack (an id, or 0), cause and address, its sums as they are; NULL: full. */
struct gd_sample *gd_intern_sample(uint32_t stack, uint32_t cause, uint64_t address);

/* After a fork: the indices point into the parent's image. */
void gd_intern_reset(void);

#endif

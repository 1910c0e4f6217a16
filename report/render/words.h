/* SPDX-License-Identifier: MIT */
/* Every sentence of the verdict and the advice, and the fixed names of JSON. */
#ifndef GD_WORDS_H
#define GD_WORDS_H

#include <analysis.h>
#include <stddef.h>

/* Fixed names, as in the JSON contract. */
const char *gd_words_class(enum gd_verdict_class class);
const char *gd_words_action(enum gd_action action);
const char *gd_words_confidence(enum gd_confidence confidence);
const char *gd_words_gil(enum gd_gil_state state);
const char *gd_words_evidence_id(enum gd_evidence evidence);
const char *gd_words_evidence_unit(enum gd_evidence evidence);

const char *gd_words_lock_kind(uint32_t cause);

#define GD_WORDS_LOCK_MAX 80

/* A lock's name: of its variable, as it came from the program, or its address. */
void gd_words_lock(const struct gd_lock_model *lock, char *buf, size_t size_bytes);

/* Sentences; each writes at most size_bytes and always terminates. */
void gd_words_headline(const struct gd_judged *judged, char *buf, size_t size_bytes);
void gd_words_advice(const struct gd_judged *judged, const struct gd_advice *advice, char *buf,
		     size_t size_bytes);
void gd_words_why(const struct gd_judged *judged, char *buf, size_t size_bytes);
void gd_words_evidence(const struct gd_reason *reason, char *buf, size_t size_bytes);

/* What a thread was in while it blocked: a system call's name, "a page fault", or its number. */
const char *gd_words_system_call(uint64_t number);

#endif

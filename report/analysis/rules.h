/* SPDX-License-Identifier: MIT */
/* The rules that a verdict comes from. */
#ifndef GD_RULES_H
#define GD_RULES_H

#include "verdict.h"

#define GD_EV(name) (1u << GD_EVIDENCE_##name)

struct gd_rule {
	const char *name;
	bool (*when)(const struct gd_facts *facts);
	enum gd_action action;
	enum gd_action alternatives[3]; /* CANNOT_SAY ends the list */
	uint32_t reasons;               /* GD_EV() of what convinced it */
};

/* The first one that holds; the last one always does. */
const struct gd_rule *gd_rules_find(const struct gd_facts *facts);

/* What is judged before any rule. */
enum gd_verdict_class gd_rules_class(const struct gd_facts *facts);

/* Share of the judged time in which it waits for anything outside itself, its own timers included. */
double gd_rules_waiting(const struct gd_facts *facts);

/* How many waits at once are of use: until computing between them takes all the time. */
double gd_rules_useful_concurrency(const struct gd_facts *facts);

/* Its processes wait, each for one thing at a time. */
bool gd_rules_wait_in_processes(const struct gd_facts *facts);

#endif

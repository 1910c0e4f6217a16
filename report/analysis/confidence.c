/* SPDX-License-Identifier: MIT */
/* Would a verdict be the same at both ends of what is not known? */
#include "confidence.h"
#include "rules.h"
#include <math.h>

/* The same facts at one end of what is not known: more or less computing, more or less overlap. */
static struct gd_facts shifted(const struct gd_facts *facts, double toward_computing,
			       double overlap)
{
	struct gd_facts moved = *facts;
	double waits = gd_rules_waiting(facts);
	double computing = fmin(1, fmax(0, facts->computing + toward_computing));
	double scale = waits > 0 ? fmax(0, 1 - computing) / waits : 0;

	moved.computing = computing;
	moved.outside *= scale;
	moved.child *= scale;
	moved.sleeping *= scale;
	moved.loop_timer *= scale;
	if (waits <= 0)
		moved.outside = 1 - computing;
	moved.unknown = 0;
	moved.overlap = facts->overlap * overlap;
	moved.gil_share = fmin(1, facts->gil_share * overlap);
	moved.wanting = facts->wanting * overlap;
	return moved;
}

/*
 * Two standard errors of the share of computing (Agresti and Coull's, which stays sound near 0 and
 * 1), neighbouring instants being alike: one in four counts.
 */
static double sampling_error(const struct gd_facts *facts)
{
	double n = facts->instants / 4 + 4;
	double p = (facts->computing * facts->instants / 4 + 2) / n;

	return facts->has_picture ? fmin(0.15, 2 * sqrt(p * (1 - p) / n)) : 0.15;
}

enum gd_confidence gd_confidence_judge(const struct gd_facts *facts)
{
	enum gd_verdict_class class = gd_rules_class(facts);
	const struct gd_rule *rule = gd_rules_find(facts);
	double sampling = sampling_error(facts);
	bool same_class = true, same_action = true;

	if (rule->action == GD_ACTION_CANNOT_SAY)
		return GD_CONFIDENCE_LOW;
	for (int way = -1; way <= 1; way++) {
		struct gd_facts moved = shifted(facts,
						way < 0   ? -sampling
						: way > 0 ? sampling + facts->unknown
							  : 0,
						1 + 0.1 * way);

		if (way == 0 || class == GD_VERDICT_IDLE)
			continue;
		same_class = same_class && gd_rules_class(&moved) == class;
		same_action = same_action && gd_rules_find(&moved)->action == rule->action;
	}
	if (!facts->is_gil_known || !same_class)
		return GD_CONFIDENCE_LOW;
	if (!facts->has_picture || !same_action || facts->instants < 50 || facts->unknown > 0.2 ||
	    facts->in_futex >= 0.5) /* behind which nobody saw what is waited for */
		return GD_CONFIDENCE_MEDIUM;
	return GD_CONFIDENCE_HIGH;
}

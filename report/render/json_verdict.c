/* SPDX-License-Identifier: MIT */
/* What is advised, and why. */
#include "json_parts.h"
#include "words.h"
#include <math.h>

static json_t *make_reasons(const struct gd_reason *reasons, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		char words[80];

		gd_words_evidence(&reasons[i], words, sizeof(words));
		json_array_append_new(array,
				      json_pack("{s:s, s:o, s:s, s:s}", "id",
						gd_words_evidence_id(reasons[i].evidence), "value",
						gd_json_number(reasons[i].value), "unit",
						gd_words_evidence_unit(reasons[i].evidence), "text",
						words));
	}
	return array;
}

json_t *gd_json_verdict(const struct gd_judged *judged)
{
	const struct gd_verdict *verdict = &judged->verdict;
	char headline[160];

	gd_words_headline(judged, headline, sizeof(headline));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "class", gd_words_class(verdict->class),
			 "confidence", gd_words_confidence(verdict->confidence), "headline",
			 headline, "rule", verdict->rule, "reasons",
			 make_reasons(verdict->reasons, verdict->reason_count), "ruled_out",
			 make_reasons(verdict->ruled_out, verdict->ruled_out_count));
}

static json_t *make_advice(const struct gd_judged *judged, const struct gd_advice *advice)
{
	char summary[200];

	gd_words_advice(judged, advice, summary, sizeof(summary));
	return json_pack("{s:s, s:s, s:o}", "action", gd_words_action(advice->action), "summary",
			 summary, "workers",
			 advice->workers ? json_integer(advice->workers) : json_null());
}

json_t *gd_json_recommendation(const struct gd_judged *judged)
{
	const struct gd_verdict *verdict = &judged->verdict;
	json_t *object = make_advice(judged, &verdict->advice);
	json_t *alternatives = json_array(), *where = json_array();
	char why[300];

	gd_words_why(judged, why, sizeof(why));
	for (size_t i = 0; i < verdict->alternative_count; i++)
		json_array_append_new(alternatives, make_advice(judged, &verdict->alternatives[i]));
	json_object_set_new(object, "why", json_string(why));
	if (judged->where)
		json_array_append_new(where, gd_json_place(judged->where));
	json_object_set_new(object, "where", where);
	json_object_set_new(object, "alternatives", alternatives);
	return object;
}

static void add_prediction(json_t *array, const char *model, double ceiling)
{
	if (isnan(ceiling))
		return;
	json_array_append_new(
		array,
		json_pack("{s:s, s:n, s:{s:n, s:n, s:n, s:o}, s:[s]}", "model", model, "workers",
			  "speedup", "low", "expected", "high", "ceiling", gd_json_number(ceiling),
			  "flags", isinf(ceiling) ? "unbounded-by-this-program" : "ceiling-only"));
}

json_t *gd_json_predictions(const struct gd_ceilings *ceilings)
{
	json_t *array = json_array();

	add_prediction(array, "threads", ceilings->threads);
	add_prediction(array, "processes", ceilings->processes);
	add_prediction(array, "asyncio", ceilings->asyncio);
	return array;
}

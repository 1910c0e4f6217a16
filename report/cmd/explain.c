/* SPDX-License-Identifier: MIT */
/* Load, analyse, render: one way, once. */
#include "explain.h"
#include <analysis.h>
#include <base/cleanup.h>
#include <errno.h>
#include <json.h>
#include <langinfo.h>
#include <load.h>
#include <session.h>
#include <string.h>
#include <symbols.h>
#include <text.h>

static void free_session(struct gd_session_model **session)
{
	gd_load_free(*session);
}

bool gd_explain_has_format(const char *format, struct gd_diag *diag)
{
	if (strcmp(format, "text") == 0 || strcmp(format, "json") == 0)
		return true;
	gd_diag_set(diag, -EINVAL, "there is no format %s: text and json are there", format);
	return false;
}

int gd_explain(const char *path, const struct gd_explain *how, FILE *out, struct gd_diag *diag)
{
	gd_cleanup(free_session) struct gd_session_model *session = NULL;
	const char *no_color = getenv("NO_COLOR");
	struct gd_text_style style = {
		.color = !how->no_color && (!no_color || !*no_color) && isatty(fileno(out)),
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.verbose = how->verbose,
	};
	struct gd_analysis analysis;
	int err;

	gd_session_flush(path);
	err = gd_load_session(path, how->last_s, &session, diag);
	if (err)
		return err;
	for (size_t i = 0; i < session->process_count; i++)
		gd_symbols_resolve(&session->processes[i], session->pool);
	err = gd_analyse(session, &analysis);
	if (!err && strcmp(how->format, "json") == 0)
		err = gd_json_render(&analysis, out);
	else if (!err)
		gd_text_render(&analysis, &style, out);
	if (err)
		return gd_diag_set(diag, err, "cannot write the report: %s", strerror(-err));
	if (fflush(out) != 0)
		return gd_diag_set(diag, -errno, "cannot write the report: %s", strerror(errno));
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* All files of one recording, in order of start. */
#include "load_probed.h"
#include "load_tree.h"
#include "window.h"
#include <base/cleanup.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>

#define FILES_MAX 10000

/* <pid>.<start_ns>: digits, a dot, digits. */
static int is_file_of_process(const struct dirent *entry)
{
	const char *at = entry->d_name;

	if (!isdigit((unsigned char)*at))
		return 0;
	at += strspn(at, "0123456789");
	return *at == '.' && at[1] && at[1 + strspn(at + 1, "0123456789")] == 0;
}

static void free_names(struct dirent ***names)
{
	free(*names);
}

static int compare_start(const void *a, const void *b)
{
	double x = ((const struct gd_process_model *)a)->start_s;
	double y = ((const struct gd_process_model *)b)->start_s;

	return (x > y) - (x < y);
}

static int load_file(int folder, const char *name, const struct gd_window *window,
		     struct gd_session_model *session, struct gd_diag *diag)
{
	struct gd_process_model *process = &session->processes[session->process_count];
	gd_autofree char *path = NULL;
	struct gd_file file = { 0 };
	int err;

	if (asprintf(&path, "%s/%s", session->path, name) < 0)
		return -ENOMEM;
	err = gd_window_open(folder, name, path, window, &file, diag);
	if (!err && file.header->writer != GD_WRITER_AGENT)
		err = gd_diag_set(diag, -EPROTO, "%s describes no process", path);
	if (!err)
		err = gd_load_process(&file, session->pool, process);
	/* What had ended before the window is not in it. */
	if (!err && process->end_s > (double)window->since_ns / 1e9)
		session->process_count++;
	gd_file_close(&file);
	return err;
}

static int load_files(int folder, struct dirent **names, size_t count,
		      const struct gd_window *window, struct gd_session_model *session,
		      struct gd_diag *diag)
{
	struct gd_diag first = { "" };
	int first_err = 0;

	for (size_t i = 0; i < count; i++) {
		struct gd_diag one = { "" };
		int err = load_file(folder, names[i]->d_name, window, session, &one);

		if (err == -ENOMEM)
			return gd_diag_set(diag, err, "no memory to load %s", session->path);
		if (err && !first_err) {
			first = one;
			first_err = err;
		}
		session->unreadable += err != 0;
	}
	if (session->process_count)
		return 0;
	if (first_err)
		return gd_diag_set(diag, first_err, "%s", first.text);
	return gd_diag_set(diag, -ENODATA,
			   "%s is empty: the program left nothing (was it killed at once, or not "
			   "preloaded?)",
			   session->path);
}

int gd_load_session(const char *path, double last_s, struct gd_session_model **ret_session,
		    struct gd_diag *diag)
{
	gd_autoclose int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	gd_cleanup(free_names) struct dirent **names = NULL;
	gd_autofree char *absolute = realpath(path, NULL);
	struct gd_session_model *session;
	struct gd_pool *pool = gd_pool_new();
	struct gd_window window = { 0 };
	int count, err;

	if (folder < 0) {
		gd_pool_free(pool);
		return gd_diag_set(diag, -errno, "cannot read %s: %s", path, strerror(errno));
	}
	if (last_s > 0)
		window = gd_window_find(folder, last_s);
	count = scandirat(folder, ".", &names, is_file_of_process, NULL);
	session = pool ? gd_pool_alloc(pool, 1, sizeof(*session)) : NULL;
	if (session && count >= 0 && count <= FILES_MAX) {
		session->pool = pool;
		session->since_s = window.since_ns ? (double)window.since_ns / 1e9 : NAN;
		session->path = gd_pool_text(pool, absolute ? absolute : path, 4096);
		session->processes =
			gd_pool_alloc(pool, (size_t)count + 1, sizeof(*session->processes));
	}
	if (!session || !session->path || !session->processes)
		err = gd_diag_set(diag, -ENOMEM, "cannot load %s: no memory, or too many files",
				  path);
	else
		err = load_files(folder, names, (size_t)count, &window, session, diag);
	if (err == -ENODATA && !window.copy && gd_load_probed(folder, session) == 0 &&
	    session->process_count)
		err = 0; /* a process that was watched from outside alone */
	else if (!err && /* the probe keeps no earlier copies: of a window it cannot tell */
		 (gd_load_tree(folder, &window, session) || gd_load_join_pipes(session) ||
		  (!window.copy && gd_load_probed(folder, session))))
		err = gd_diag_set(diag, -ENOMEM, "no memory to load %s", path);
	for (int i = 0; i < count; i++)
		free(names[i]);
	if (err) {
		gd_pool_free(pool);
		return err;
	}
	qsort(session->processes, session->process_count, sizeof(*session->processes),
	      compare_start);
	*ret_session = session;
	return 0;
}

void gd_load_free(struct gd_session_model *session)
{
	if (session)
		gd_pool_free(session->pool);
}

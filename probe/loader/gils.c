/* SPDX-License-Identifier: MIT */
/*
 * Who is watched from the midst of its life on: a GIL that nobody has touched since is held by whom
 * its memory says.
 */
#include "gils.h"
#include "follow.h"
#include <base/cleanup.h>
#include <clock.h>
#include <errno.h>
#include <runtime/cpython_gil.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENDED_MAX 1024
#define LOOKS_MAX 100 /* for who holds it: what was not readable so often will not be */

/* ---- Attaching ------------------------------------------------------------------------------- */

static int load(const struct gd_attached *attached, bool is_multi, struct gd_gils *gils)
{
	int err;

	gils->is_multi = is_multi;
	gils->skeleton = gil_bpf__open();
	if (!gils->skeleton)
		return -errno;
	gd_gil_links_prepare(gils->skeleton, is_multi);
	err = bpf_map__reuse_fd(gils->skeleton->maps.gd_tasks,
				bpf_map__fd(attached->skeleton->maps.gd_tasks));
	if (!err)
		err = gil_bpf__load(gils->skeleton);
	if (err) {
		gil_bpf__destroy(gils->skeleton);
		gils->skeleton = NULL;
	}
	return err;
}

/* Loads what the links of this kernel need. */
static int load_for(const struct gd_attached *attached, enum gd_gil_way *way, struct gd_gils *gils)
{
	if (*way == GD_GIL_WAY_UNKNOWN) {
		*way = GD_GIL_WAY_PERF;
		if (load(attached, true, gils) == 0) {
			if (gd_gil_links_see_threads(gils->skeleton, &gils->beacon))
				*way = GD_GIL_WAY_MULTI;
			else
				gd_gils_detach(gils);
		}
	}
	return gils->skeleton ? 0 : load(attached, *way == GD_GIL_WAY_MULTI, gils);
}

static struct gd_gil_watch *add_watch(struct gd_gils *gils, int32_t pid,
				      const struct gd_interpreter *interpreter, uint32_t image)
{
	struct gd_gil_watch watch = { .interpreter = interpreter,
				      .image = image,
				      .link = image,
				      .first_holder = GD_PROBED_HOLDER_UNKNOWN };
	struct gd_gil_watch *row = gd_rows_add(&gils->watches, sizeof(*row), GD_GIL_WATCHED_MAX);

	if (!row)
		return NULL;
	*row = watch;
	if (gd_gil_links_make(gils->skeleton, &gils->site, gils->is_multi, pid, image,
			      &row->links) == 0)
		return row;
	gils->watches.count--;
	return NULL;
}

int gd_gils_attach(const struct gd_attached *attached, int32_t pid, uint32_t owner,
		   const struct gd_interpreter *interpreter, enum gd_gil_way *way,
		   struct gd_gils *ret_gils)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct gd_gils gils = { .site.libc = -1, .beacon = -1, .cpus = attached->cpus };
	struct gd_diag diag = { "" };
	int err;

	*ret_gils = gils;
	if (pidfd < 0)
		return -errno;
	err = gd_follow_check(pidfd, pid, owner, &diag);
	if (err || !interpreter->runtime)
		return err;
	err = gd_gil_site_find(pid, &gils.site);
	if (!err)
		err = load_for(attached, way, &gils);
	if (!err)
		err = add_watch(&gils, pid, interpreter, 0) ? 0 : -ENOTSUP;
	if (!err) /* still the one that was asked for, not another of its number */
		err = gd_follow_check(pidfd, pid, owner, &diag);
	if (err) {
		gd_gils_detach(&gils);
		gd_gil_site_forget(&gils.site);
	}
	*ret_gils = gils;
	return err;
}

void gd_gils_detach(struct gd_gils *gils)
{
	struct gd_gil_watch *watches = gils->watches.rows;

	for (size_t i = 0; i < gils->watches.count; i++)
		gd_gil_links_destroy(&watches[i].links);
	free(watches);
	free(gils->ended.rows);
	gils->watches = gils->ended = (struct gd_rows){ .rows = NULL };
	gd_gil_links_close(gils->beacon);
	gils->beacon = -1;
	gil_bpf__destroy(gils->skeleton);
	gils->skeleton = NULL;
}

/* ---- Processes come and go ------------------------------------------------------------------- */

/* What it did with its GIL before was not seen. */
static void watch_from_now(const struct gd_gils *gils, const struct gd_gil_watch *watch,
			   bool is_program)
{
	struct gd_gil_watched row = { .cond = watch->interpreter->gil,
				      .since_ns = gd_clock_ns(CLOCK_MONOTONIC),
				      .is_program = is_program,
				      .link = watch->link };

	bpf_map_update_elem(bpf_map__fd(gils->skeleton->maps.gd_gil_images), &watch->image, &row,
			    BPF_ANY);
}

void gd_gils_begin(struct gd_gils *gils, uint32_t image)
{
	struct gd_gil_watch *watches = gils->watches.rows;

	if (!gils->watches.count)
		return;
	watches[0].image = image;
	watch_from_now(gils, &watches[0], false);
	gd_gils_look(gils);
}

void gd_gils_bear(struct gd_gils *gils, const struct gd_attached *attached, int32_t pid,
		  uint32_t image, const struct gd_interpreter *interpreter, bool is_program)
{
	struct gd_gil_watch *watch = NULL;

	/* Without its address nobody can say who holds it when it begins. */
	if (gils->skeleton && gils->is_multi && interpreter->gil)
		watch = add_watch(gils, pid, interpreter, image);
	if (!watch)
		return;
	watch_from_now(gils, watch, is_program);
	if (gd_follow_is(attached, pid, image))
		gd_gils_look(gils);
	else /* it has ended, and another one may have its number */
		gd_gils_end(gils, image);
}

/* Its main GIL's row makes room for those that come. */
static void keep(struct gd_gils *gils, const struct gd_gil_watch *watch)
{
	struct gd_gil_key key = { .image = watch->image, .cond = watch->interpreter->gil };
	struct gd_gil_row row = gd_gils_row(gils, watch);
	struct gd_gil_ended *ended;

	if (!gd_gil_row_is_seen(&row) && watch->first_holder == GD_PROBED_HOLDER_UNKNOWN)
		return;
	ended = gd_rows_add(&gils->ended, sizeof(*ended), ENDED_MAX);
	if (!ended)
		return;
	*ended = (struct gd_gil_ended){ key, row, watch->first_holder };
	bpf_map_delete_elem(bpf_map__fd(gils->skeleton->maps.gd_gils), &key);
}

void gd_gils_end(struct gd_gils *gils, uint32_t image)
{
	struct gd_gil_watch *watches = gils->watches.rows;

	for (size_t i = 1; i < gils->watches.count; i++) {
		if (watches[i].image != image)
			continue;
		bpf_map_delete_elem(bpf_map__fd(gils->skeleton->maps.gd_gil_images), &image);
		keep(gils, &watches[i]);
		gd_gil_links_destroy(&watches[i].links);
		watches[i] = watches[--gils->watches.count];
		return;
	}
}

/* ---- Who holds it first ---------------------------------------------------------------------- */

static void look(const struct gd_gils *gils, struct gd_gil_watch *watch)
{
	const struct gd_interpreter *interpreter = watch->interpreter;
	struct gd_gil_row row = gd_gils_row(gils, watch);
	int32_t holder = GD_GIL_NOT_SEEN;

	if (!gd_gil_row_is_touched(&row)) {
		holder = gd_cpython_gil_holder(interpreter->version, &interpreter->memory,
					       interpreter->runtime, interpreter->gil);
		row = gd_gils_row(gils, watch);
	}
	watch->is_settled = gd_gil_row_is_touched(&row) || holder != GD_GIL_NOT_SEEN ||
			    ++watch->looks == LOOKS_MAX;
	if (!gd_gil_row_is_touched(&row) && holder != GD_GIL_NOT_SEEN)
		watch->first_holder = holder;
}

void gd_gils_look(struct gd_gils *gils)
{
	struct gd_gil_watch *watches = gils->watches.rows;

	for (size_t i = 0; i < gils->watches.count; i++)
		if (watches[i].image && watches[i].interpreter->gil && !watches[i].is_settled)
			look(gils, &watches[i]);
}

int32_t gd_gils_holder(const struct gd_gils *gils, uint32_t image)
{
	const struct gd_gil_watch *watches = gils->watches.rows;

	for (size_t i = 0; i < gils->watches.count; i++) {
		struct gd_gil_row row;

		if (watches[i].image != image || watches[i].first_holder <= 0)
			continue;
		row = gd_gils_row(gils, &watches[i]);
		return gd_gil_row_is_touched(&row) ? 0 : watches[i].first_holder;
	}
	return 0;
}

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
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WATCHES_MAX 128 /* half of the rows that the kernel's table has */

/* ---- Attaching ------------------------------------------------------------------------------- */

static int load(const struct gd_attached *attached, bool is_multi, struct gd_gils *gils)
{
	int err;

	gils->is_multi = is_multi;
	gils->skeleton = gil_bpf__open();
	if (!gils->skeleton)
		return -errno;
	gils->skeleton->rodata->gd_main_cond = gils->cond;
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
				      .first_holder = GD_PROBED_HOLDER_UNKNOWN };
	struct gd_gil_watch *row = gd_rows_add(&gils->watches, sizeof(*row), WATCHES_MAX);

	if (!row)
		return NULL;
	*row = watch;
	if (gd_gil_links_make(gils->skeleton, &gils->site, gils->is_multi, pid, &row->links) != 0) {
		gils->watches.count--;
		return NULL;
	}
	return row;
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
	/* What cannot be found is learnt from what it does. */
	gils.cond =
		gd_cpython_gil(interpreter->version, &interpreter->memory, interpreter->runtime);
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
	gils->watches = (struct gd_rows){ .rows = NULL };
	if (gils->beacon >= 0)
		close(gils->beacon);
	gils->beacon = -1;
	gil_bpf__destroy(gils->skeleton);
	gils->skeleton = NULL;
}

/* ---- Processes come and go ------------------------------------------------------------------- */

void gd_gils_begin(struct gd_gils *gils, uint32_t image)
{
	struct gd_gil_watch *watches = gils->watches.rows;

	if (gils->watches.count)
		watches[0].image = image;
	gd_gils_look(gils);
}

/* What it did with its GIL before was not seen. */
static void watch_from_now(const struct gd_gils *gils, uint32_t image)
{
	struct gd_gil_key key = { .image = image, .cond = gils->cond };
	struct gd_gil_row row = { .since_ns = gd_clock_ns(CLOCK_MONOTONIC) };

	bpf_map_update_elem(bpf_map__fd(gils->skeleton->maps.gd_gils), &key, &row, BPF_NOEXIST);
}

void gd_gils_fork(struct gd_gils *gils, int32_t pid, uint32_t image,
		  const struct gd_interpreter *interpreter)
{
	/* Without its address nobody can say who holds it when it begins. */
	if (!gils->skeleton || !gils->is_multi || !gils->cond)
		return;
	watch_from_now(gils, image);
	if (add_watch(gils, pid, interpreter, image))
		gd_gils_look(gils);
}

void gd_gils_end(struct gd_gils *gils, uint32_t image)
{
	struct gd_gil_watch *watches = gils->watches.rows;

	for (size_t i = 1; i < gils->watches.count; i++) {
		if (watches[i].image != image || !watches[i].interpreter)
			continue;
		watches[i].interpreter = NULL;
		gd_gil_links_destroy(&watches[i].links);
	}
}

/* ---- Who holds it first ---------------------------------------------------------------------- */

/* What was seen of the main GIL of an image; zeros: nothing. */
static struct gd_gil_row row_of(const struct gd_gils *gils, uint32_t image)
{
	struct gd_gil_key key = { .image = image, .cond = gils->cond };
	struct gd_gil_row row;

	if (bpf_map_lookup_elem(bpf_map__fd(gils->skeleton->maps.gd_gils), &key, &row) != 0)
		memset(&row, 0, sizeof(row));
	return row;
}

static bool is_touched(const struct gd_gil_row *row)
{
	return row->takes || row->drops;
}

static void look(const struct gd_gils *gils, struct gd_gil_watch *watch)
{
	const struct gd_interpreter *interpreter = watch->interpreter;
	struct gd_gil_row row = row_of(gils, watch->image);
	int32_t holder = GD_GIL_NOT_SEEN;

	if (!is_touched(&row)) {
		holder = gd_cpython_gil_holder(interpreter->version, &interpreter->memory,
					       interpreter->runtime, gils->cond);
		row = row_of(gils, watch->image);
	}
	watch->is_settled = is_touched(&row) || holder != GD_GIL_NOT_SEEN;
	if (!is_touched(&row) && holder != GD_GIL_NOT_SEEN)
		watch->first_holder = holder;
}

void gd_gils_look(struct gd_gils *gils)
{
	struct gd_gil_watch *watches = gils->watches.rows;

	for (size_t i = 0; gils->cond && i < gils->watches.count; i++)
		if (watches[i].image && watches[i].interpreter && !watches[i].is_settled)
			look(gils, &watches[i]);
}

int32_t gd_gils_holder(const struct gd_gils *gils, uint32_t image)
{
	const struct gd_gil_watch *watches = gils->watches.rows;

	for (size_t i = 0; i < gils->watches.count; i++) {
		struct gd_gil_row row;

		if (watches[i].image != image || watches[i].first_holder <= 0)
			continue;
		row = row_of(gils, image);
		return is_touched(&row) ? 0 : watches[i].first_holder;
	}
	return 0;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* What the kernel says that it could not run. */
static uint64_t count_missed(const struct gd_gils *gils)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size_bytes = sizeof(info);
	int program = bpf_program__fd(gils->skeleton->progs.gd_on_condition);

	return bpf_obj_get_info_by_fd(program, &info, &size_bytes) == 0 ? info.recursion_misses : 0;
}

static int32_t first_holder(const struct gd_gils *gils, const struct gd_gil_key *key)
{
	const struct gd_gil_watch *watches = gils->watches.rows;

	for (size_t i = 0; key->cond == gils->cond && i < gils->watches.count; i++)
		if (watches[i].image == key->image)
			return watches[i].first_holder;
	return GD_PROBED_HOLDER_UNKNOWN;
}

static bool add_gil(const struct gd_gils *gils, const struct gd_gil_key *key,
		    const struct gd_gil_row *from, size_t limit, struct gd_rows *rows)
{
	struct gd_probed_gil *row = gd_rows_add(rows, sizeof(*row), limit);

	if (!row)
		return false;
	*row = (struct gd_probed_gil){ .image = key->image,
				       .first_holder = first_holder(gils, key),
				       .cond = key->cond,
				       .takes = from->takes,
				       .drops = from->drops,
				       .waits = from->waits,
				       .hold_ns = from->hold_ns,
				       .wait_ns = from->wait_ns,
				       .hold_long_ns = from->hold_long_ns,
				       .hold_ns_max = from->hold_ns_max,
				       .wait_ns_max = from->wait_ns_max };
	memcpy(row->hold_hist, from->hold_hist, sizeof(row->hold_hist));
	memcpy(row->wait_hist, from->wait_hist, sizeof(row->wait_hist));
	return true;
}

/* Has anything been seen of it? */
static bool is_seen(const struct gd_gil_row *row)
{
	return is_touched(row) || row->waiting;
}

static uint64_t gather_seen(const struct gd_gils *gils, size_t limit, struct gd_rows *rows)
{
	int map = bpf_map__fd(gils->skeleton->maps.gd_gils);
	struct gd_gil_key key, *before = NULL;
	struct gd_gil_row row;
	uint64_t lost = 0;

	/* Nothing is ever removed: no key is lost on the way. */
	for (; bpf_map_get_next_key(map, before, &key) == 0; before = &key)
		if (bpf_map_lookup_elem(map, &key, &row) == 0 && is_seen(&row))
			lost += !add_gil(gils, &key, &row, limit, rows);
	return lost;
}

/* Those that somebody, or nobody, holds all the time. */
static uint64_t gather_unseen(const struct gd_gils *gils, size_t limit, struct gd_rows *rows)
{
	const struct gd_gil_watch *watches = gils->watches.rows;
	uint64_t lost = 0;

	for (size_t i = 0; i < gils->watches.count; i++) {
		struct gd_gil_key key = { .image = watches[i].image, .cond = gils->cond };
		struct gd_gil_row row = row_of(gils, key.image);

		if (watches[i].first_holder != GD_PROBED_HOLDER_UNKNOWN && !is_seen(&row))
			lost += !add_gil(gils, &key, &row, limit, rows);
	}
	return lost;
}

static uint64_t gather_threads(const struct gd_gils *gils, size_t limit, struct gd_rows *threads)
{
	int map = bpf_map__fd(gils->skeleton->maps.gd_gil_threads);
	struct gd_gil_thread_key key, *before = NULL;
	struct gd_probed_gil_thread thread, *row;
	uint64_t lost = 0;

	for (; bpf_map_get_next_key(map, before, &key) == 0; before = &key) {
		if (bpf_map_lookup_elem(map, &key, &thread) != 0)
			continue;
		row = gd_rows_add(threads, sizeof(*row), limit);
		lost += !row;
		if (row)
			*row = thread;
	}
	return lost;
}

uint64_t gd_gils_gather(const struct gd_gils *gils, size_t limit, struct gd_rows *rows,
			struct gd_rows *threads)
{
	uint64_t lost = 0;
	int map;

	if (!gils->skeleton)
		return 0;
	map = bpf_map__fd(gils->skeleton->maps.gd_gil_counts);
	for (uint32_t what = 0; what < GD_BPF_GIL_COUNT; what++)
		lost += what == GD_BPF_GIL_FAULT ? 0 : gd_attach_sum(map, what, gils->cpus);
	return lost + count_missed(gils) + gather_seen(gils, limit, rows) +
	       gather_unseen(gils, limit, rows) + gather_threads(gils, limit, threads);
}

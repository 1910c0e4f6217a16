/* SPDX-License-Identifier: MIT */
/* From what the kernel's programs counted to the rows of the recording. */
#include "gils.h"
#include <string.h>

struct gd_gil_row gd_gils_row(const struct gd_gils *gils, const struct gd_gil_watch *watch)
{
	struct gd_gil_key key = { .image = watch->image, .cond = watch->interpreter->gil };
	struct gd_gil_row row;

	if (bpf_map_lookup_elem(bpf_map__fd(gils->skeleton->maps.gd_gils), &key, &row) != 0)
		memset(&row, 0, sizeof(row));
	return row;
}

/* What the kernel says that it could not run. */
static uint64_t count_missed(const struct gd_gils *gils)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size_bytes = sizeof(info);
	int program = bpf_program__fd(gils->skeleton->progs.gd_on_condition);

	return bpf_obj_get_info_by_fd(program, &info, &size_bytes) == 0 ? info.recursion_misses : 0;
}

static int32_t first_holder_of(const struct gd_gils *gils, const struct gd_gil_key *key)
{
	const struct gd_gil_watch *watches = gils->watches.rows;

	for (size_t i = 0; i < gils->watches.count; i++)
		if (watches[i].image == key->image && watches[i].interpreter->gil == key->cond)
			return watches[i].first_holder;
	return GD_PROBED_HOLDER_UNKNOWN;
}

static bool add_gil(const struct gd_gil_key *key, const struct gd_gil_row *from,
		    int32_t first_holder, size_t limit, struct gd_rows *rows)
{
	struct gd_probed_gil *row = gd_rows_add(rows, sizeof(*row), limit);

	if (!row)
		return false;
	*row = (struct gd_probed_gil){ .image = key->image,
				       .first_holder = first_holder,
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

static uint64_t gather_seen(const struct gd_gils *gils, size_t limit, struct gd_rows *rows)
{
	int map = bpf_map__fd(gils->skeleton->maps.gd_gils);
	struct gd_gil_key key, *before = NULL;
	struct gd_gil_row row;
	uint64_t lost = 0;

	/* Nothing is ever removed: no key is lost on the way. */
	for (; bpf_map_get_next_key(map, before, &key) == 0; before = &key)
		if (bpf_map_lookup_elem(map, &key, &row) == 0 && gd_gil_row_is_seen(&row))
			lost += !add_gil(&key, &row, first_holder_of(gils, &key), limit, rows);
	return lost;
}

/* Those that somebody, or nobody, holds all the time. */
static uint64_t gather_unseen(const struct gd_gils *gils, size_t limit, struct gd_rows *rows)
{
	const struct gd_gil_watch *watches = gils->watches.rows;
	uint64_t lost = 0;

	for (size_t i = 0; i < gils->watches.count; i++) {
		struct gd_gil_key key = { .image = watches[i].image,
					  .cond = watches[i].interpreter->gil };
		struct gd_gil_row row = gd_gils_row(gils, &watches[i]);

		if (watches[i].first_holder != GD_PROBED_HOLDER_UNKNOWN &&
		    !gd_gil_row_is_seen(&row))
			lost += !add_gil(&key, &row, watches[i].first_holder, limit, rows);
	}
	return lost;
}

static uint64_t gather_ended(const struct gd_gils *gils, size_t limit, struct gd_rows *rows)
{
	const struct gd_gil_ended *ended = gils->ended.rows;
	uint64_t lost = 0;

	for (size_t i = 0; i < gils->ended.count; i++)
		lost += !add_gil(&ended[i].key, &ended[i].row, ended[i].first_holder, limit, rows);
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
	       gather_unseen(gils, limit, rows) + gather_ended(gils, limit, rows) +
	       gather_threads(gils, limit, threads);
}

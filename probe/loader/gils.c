/* SPDX-License-Identifier: MIT */
/*
 * A uprobe costs what the instruction costs on which it stands: only on a push or a nop is it
 * cheap.  By perf where that is allowed: its filter is right on every kernel; else by a multi-link,
 * which needs fewer rights (Linux 6.6).  libbpf knows that one too late, so by the bare call.
 */
#include "gils.h"
#include "elf_symbol.h"
#include "follow.h"
#include "mapped.h"
#include <base/cleanup.h>
#include <errno.h>
#include <fcntl.h>
#include <gil.skel.h>
#include <gil_shared.h>
#include <runtime/cpython_gil.h>
#include <string.h>
#include <sys/syscall.h>

#define ATTACH_UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI */

/* Of union bpf_attr, for BPF_LINK_CREATE. */
struct multi_link {
	uint32_t program, target, type, flags;
	uint64_t path, offsets, counters, cookies;
	uint32_t count, multi_flags, pid, padding;
};

static const char *const functions[GD_GILS_PROBES] = {
	"pthread_cond_signal",
	"pthread_cond_timedwait",
	"pthread_cond_wait",
};

/* ---- What the process runs ------------------------------------------------------------------- */

static bool has_symbol(int fd, const char *name)
{
	struct gd_elf_symbol symbol;

	return gd_elf_symbol(fd, name, &symbol) == 0;
}

/* Before glibc 2.34 they are in a library of their own. */
static bool is_libpthread(const char *name, int fd)
{
	return strncmp(name, "libpthread", 10) == 0 && (fd < 0 || has_symbol(fd, functions[1]));
}

static bool is_libc(const char *name, int fd)
{
	return (strncmp(name, "libc.so.6", 9) == 0 || strncmp(name, "libc-2.", 7) == 0) &&
	       (fd < 0 || has_symbol(fd, functions[1]));
}

/* ---- Attaching ------------------------------------------------------------------------------- */

/* Where in the file a probe on that function is cheap; 0: nowhere. */
static uint64_t probe_offset(int fd, const char *function)
{
	static const uint8_t endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct gd_elf_symbol symbol;
	const uint8_t *code;

	if (gd_elf_symbol(fd, function, &symbol) != 0 || !symbol.offset)
		return 0;
	code = symbol.code;
	if (memcmp(code, endbr64, sizeof(endbr64)) == 0)
		code += sizeof(endbr64);
	if ((code[0] & 0xf8) == 0x50 || (code[0] == 0x41 && (code[1] & 0xf8) == 0x50) ||
	    code[0] == 0x90)
		return symbol.offset + (uint64_t)(code - symbol.code);
	return 0;
}

struct site {
	char path[32];
	int32_t pid;
	uint64_t offsets[GD_GILS_PROBES];
};

static void programs_of(const struct gil_bpf *skeleton, struct bpf_program **ret_programs)
{
	ret_programs[0] = skeleton->progs.gd_on_cond_signal;
	ret_programs[1] = skeleton->progs.gd_on_cond_timedwait;
	ret_programs[2] = skeleton->progs.gd_on_cond_wait;
}

static int load(const struct gd_attached *attached, bool is_multi, struct gd_gils *gils)
{
	struct bpf_program *programs[GD_GILS_PROBES];
	int err;

	gils->skeleton = gil_bpf__open();
	if (!gils->skeleton)
		return -errno;
	gils->skeleton->rodata->gd_main_cond = gils->cond;
	programs_of(gils->skeleton, programs);
	for (int i = 0; is_multi && i < GD_GILS_PROBES; i++)
		bpf_program__set_expected_attach_type(programs[i],
						      (enum bpf_attach_type)ATTACH_UPROBE_MULTI);
	err = bpf_map__reuse_fd(gils->skeleton->maps.gd_tasks,
				bpf_map__fd(attached->skeleton->maps.gd_tasks));
	return err ? err : gil_bpf__load(gils->skeleton);
}

static int link_by_perf(const struct site *site, struct gd_gils *gils)
{
	struct bpf_program *programs[GD_GILS_PROBES];

	programs_of(gils->skeleton, programs);
	for (int i = 0; i < GD_GILS_PROBES; i++) {
		gils->links[i] = bpf_program__attach_uprobe(programs[i], false, site->pid,
							    site->path, site->offsets[i]);
		if (!gils->links[i])
			return -errno;
	}
	return 0;
}

static int link_by_multi(const struct site *site, struct gd_gils *gils)
{
	struct bpf_program *programs[GD_GILS_PROBES];

	programs_of(gils->skeleton, programs);
	for (int i = 0; i < GD_GILS_PROBES; i++) {
		struct multi_link link = { .program = (uint32_t)bpf_program__fd(programs[i]),
					   .type = ATTACH_UPROBE_MULTI,
					   .path = (uintptr_t)site->path,
					   .offsets = (uintptr_t)&site->offsets[i],
					   .count = 1,
					   .pid = (uint32_t)site->pid };
		int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link));

		if (fd < 0)
			return -errno;
		gils->multi_links[i] = fd;
	}
	return 0;
}

static int attach(const struct gd_attached *attached, const struct site *site, struct gd_gils *gils)
{
	int err = load(attached, false, gils);

	if (!err)
		err = link_by_perf(site, gils);
	if (!err)
		return 0;
	gd_gils_detach(gils);
	err = load(attached, true, gils);
	if (!err)
		err = link_by_multi(site, gils);
	if (err)
		gd_gils_detach(gils);
	return err;
}

static int attach_to_libc(const struct gd_attached *attached, int32_t pid, struct gd_gils *gils)
{
	struct gd_mapped libc = gd_mapped_find(pid, is_libpthread);
	struct site site = { .pid = pid };
	int err = 0;

	if (libc.fd < 0)
		libc = gd_mapped_find(pid, is_libc);
	if (libc.fd < 0)
		return -ENOENT;
	snprintf(site.path, sizeof(site.path), "/proc/self/fd/%d", libc.fd);
	for (int i = 0; i < GD_GILS_PROBES && !err; i++) {
		site.offsets[i] = probe_offset(libc.fd, functions[i]);
		err = site.offsets[i] ? 0 : -ENOTSUP;
	}
	if (!err)
		err = attach(attached, &site, gils);
	close(libc.fd);
	return err;
}

int gd_gils_attach(const struct gd_attached *attached, int32_t pid, uint32_t owner,
		   const struct gd_interpreter *interpreter, struct gd_gils *ret_gils)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct gd_gils gils = { .interpreter = interpreter,
				.first_holder = GD_PROBED_HOLDER_UNKNOWN,
				.cpus = attached->cpus };
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
	err = attach_to_libc(attached, pid, &gils);
	if (!err) /* still the one that was asked for, not another of its number */
		err = gd_follow_check(pidfd, pid, owner, &diag);
	if (err)
		gd_gils_detach(&gils);
	*ret_gils = gils;
	return err;
}

void gd_gils_detach(struct gd_gils *gils)
{
	for (int i = 0; i < GD_GILS_PROBES; i++) {
		bpf_link__destroy(gils->links[i]);
		if (gils->multi_links[i])
			close(gils->multi_links[i]);
		gils->links[i] = NULL;
		gils->multi_links[i] = 0;
	}
	gil_bpf__destroy(gils->skeleton);
	gils->skeleton = NULL;
}

/* ---- Reading --------------------------------------------------------------------------------- */

void gd_gils_begin(struct gd_gils *gils, uint32_t image)
{
	gils->image = image;
	gd_gils_look(gils);
}

/* Has anybody taken or dropped one? */
static bool is_touched(const struct gd_gils *gils)
{
	int map = bpf_map__fd(gils->skeleton->maps.gd_gils);
	struct gd_gil_key key, *before = NULL;
	struct gd_gil_row row;

	for (; bpf_map_get_next_key(map, before, &key) == 0; before = &key)
		if (bpf_map_lookup_elem(map, &key, &row) != 0 || row.takes || row.drops)
			return true;
	return false;
}

void gd_gils_look(struct gd_gils *gils)
{
	const struct gd_interpreter *interpreter = gils->interpreter;
	int32_t holder;

	if (!gils->skeleton || !gils->image || !gils->cond ||
	    gils->first_holder != GD_PROBED_HOLDER_UNKNOWN || is_touched(gils))
		return;
	holder = gd_cpython_gil_holder(interpreter->version, &interpreter->memory,
				       interpreter->runtime, gils->cond);
	if (holder != GD_GIL_NOT_SEEN && !is_touched(gils))
		gils->first_holder = holder;
}

/* What the kernel says that it could not run. */
static uint64_t count_missed(const struct gd_gils *gils)
{
	struct bpf_program *programs[GD_GILS_PROBES];
	uint64_t missed = 0;

	programs_of(gils->skeleton, programs);
	for (int i = 0; i < GD_GILS_PROBES; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t size_bytes = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(programs[i]), &info, &size_bytes) == 0)
			missed += info.recursion_misses;
	}
	return missed;
}

static bool add_gil(const struct gd_gils *gils, const struct gd_gil_key *key,
		    const struct gd_gil_row *from, size_t limit, struct gd_rows *rows)
{
	struct gd_probed_gil *row = gd_rows_add(rows, sizeof(*row), limit);
	bool is_main = key->image == gils->image && key->cond == gils->cond;

	if (!row)
		return false;
	*row = (struct gd_probed_gil){ .image = key->image,
				       .first_holder = is_main ? gils->first_holder
							       : GD_PROBED_HOLDER_UNKNOWN,
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

static uint64_t gather_gils(const struct gd_gils *gils, size_t limit, struct gd_rows *rows)
{
	int map = bpf_map__fd(gils->skeleton->maps.gd_gils);
	static const struct gd_gil_row untouched;
	struct gd_gil_key key, *before = NULL;
	struct gd_gil_row row;
	bool has_main = false;
	uint64_t lost = 0;

	/* Nothing is ever removed: no key is lost on the way. */
	for (; bpf_map_get_next_key(map, before, &key) == 0; before = &key) {
		if (bpf_map_lookup_elem(map, &key, &row) != 0)
			continue;
		has_main = has_main || (key.image == gils->image && key.cond == gils->cond);
		lost += !add_gil(gils, &key, &row, limit, rows);
	}
	key = (struct gd_gil_key){ .image = gils->image, .cond = gils->cond };
	if (!has_main && gils->first_holder != GD_PROBED_HOLDER_UNKNOWN)
		lost += !add_gil(gils, &key, &untouched, limit, rows);
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
	return lost + count_missed(gils) + gather_gils(gils, limit, rows) +
	       gather_threads(gils, limit, threads);
}

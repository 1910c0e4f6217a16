/* SPDX-License-Identifier: MIT */
/* The agent's file is the one that was installed with this program: nobody names another. */
#include "holds.h"
#include "elf_symbol.h"
#include "uprobe_link.h"
#include <base/cleanup.h>
#include <clock.h>
#include <errno.h>
#include <fcntl.h>
#include <gildiag/hold_point.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define NOP 0x90

#define TEXT_(name) #name
#define TEXT(name)  TEXT_(name)

/* ---- The clock ------------------------------------------------------------------------------- */

struct instant {
	uint64_t ns, ticks;
};

/* Ticks in the middle of a short look at the clock: the shortest of some. */
static struct instant look(void)
{
	struct instant best = { 0, 0 };
	uint64_t shortest = UINT64_MAX;

	for (int i = 0; i < 10; i++) {
		uint64_t before = __builtin_ia32_rdtsc();
		uint64_t ns = gd_clock_ns(CLOCK_MONOTONIC);
		uint64_t took = __builtin_ia32_rdtsc() - before;

		if (took < shortest) {
			shortest = took;
			best = (struct instant){ ns, before + took / 2 };
		}
	}
	return best;
}

void gd_holds_tune(struct gd_holds *holds)
{
	struct instant now = look();

	if (holds->skeleton && now.ticks > holds->began_ticks)
		holds->skeleton->bss->gd_ns_per_tick =
			(uint64_t)(((unsigned __int128)(now.ns - holds->began_ns) << 32) /
				   (now.ticks - holds->began_ticks));
}

/* ---- Attaching ------------------------------------------------------------------------------- */

/* libexec/gildiag is beside lib/gildiag. */
static int open_agent(void)
{
	static const char *const places[] = {
		"/../../lib/gildiag/libgildiag-agent.so",
		"/../../" GILDIAG_LIBDIR "/gildiag/libgildiag-agent.so",
	};
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 100);
	int fd = -1;

	if (length < 0)
		return -errno;
	path[length] = 0;
	*strrchr(path, '/') = 0;
	length = (ssize_t)strlen(path);
	for (size_t i = 0; fd < 0 && i < sizeof(places) / sizeof(places[0]); i++) {
		strcpy(path + length, places[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

static int load(const struct gd_attached *attached, bool is_multi, struct gd_holds *holds)
{
	int err;

	holds->skeleton = hold_bpf__open();
	if (!holds->skeleton)
		return -errno;
	gd_uprobe_prepare(holds->skeleton->progs.gd_on_hold_ended, is_multi);
	err = bpf_map__reuse_fd(holds->skeleton->maps.gd_tasks,
				bpf_map__fd(attached->skeleton->maps.gd_tasks));
	if (!err)
		err = hold_bpf__load(holds->skeleton);
	if (err) {
		hold_bpf__destroy(holds->skeleton);
		holds->skeleton = NULL;
	}
	return err;
}

static int make_link(const char *path, uint64_t offset, bool is_multi, struct gd_holds *holds)
{
	const struct bpf_program *program = holds->skeleton->progs.gd_on_hold_ended;

	if (is_multi) {
		holds->multi = gd_uprobe_multi(program, path, &offset, NULL, 1, 0);
		return holds->multi < 0 ? holds->multi : 0;
	}
	holds->perf = bpf_program__attach_uprobe(program, false, -1, path, offset);
	return holds->perf ? 0 : -errno;
}

int gd_holds_attach(const struct gd_attached *attached, struct gd_holds *ret_holds)
{
	struct instant then = look();
	gd_autoclose int agent = open_agent();
	struct gd_elf_symbol symbol;
	char path[32];
	int err = -ENOENT;

	*ret_holds = (struct gd_holds){
		.multi = -1, .cpus = attached->cpus, .began_ns = then.ns, .began_ticks = then.ticks
	};
	if (agent < 0 || gd_elf_symbol(agent, TEXT(GD_HOLD_POINT), &symbol) != 0 ||
	    !symbol.offset || symbol.code[0] != NOP)
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", agent);
	for (int is_multi = 1; err && is_multi >= 0; is_multi--) {
		err = load(attached, is_multi, ret_holds);
		if (err)
			continue;
		gd_holds_tune(ret_holds);
		err = make_link(path, symbol.offset, is_multi, ret_holds);
		if (err)
			gd_holds_detach(ret_holds);
	}
	return err;
}

void gd_holds_detach(struct gd_holds *holds)
{
	bpf_link__destroy(holds->perf);
	if (holds->multi >= 0)
		close(holds->multi);
	hold_bpf__destroy(holds->skeleton);
	holds->perf = NULL;
	holds->skeleton = NULL;
	holds->multi = -1;
}

/* ---- What was seen --------------------------------------------------------------------------- */

uint64_t gd_holds_gather(const struct gd_holds *holds, size_t limit, struct gd_rows *rows)
{
	struct gd_hold_key key, *before = NULL;
	struct gd_hold_sums sums;
	struct gd_probed_hold *row;
	uint64_t lost = 0;
	int map;

	if (!holds->skeleton)
		return 0;
	for (uint32_t what = 0; what < GD_BPF_HOLD_COUNT; what++)
		lost += gd_attach_sum(bpf_map__fd(holds->skeleton->maps.gd_hold_counts), what,
				      holds->cpus);
	map = bpf_map__fd(holds->skeleton->maps.gd_holds);
	/* Nothing is ever removed: no key is lost on the way. */
	for (; bpf_map_get_next_key(map, before, &key) == 0; before = &key) {
		if (bpf_map_lookup_elem(map, &key, &sums) != 0)
			continue;
		row = gd_rows_add(rows, sizeof(*row), limit);
		lost += row ? 0 : sums.holds;
		if (row)
			*row = (struct gd_probed_hold){ .image = key.image,
							.cause = key.cause,
							.object = key.object,
							.holds = sums.holds,
							.hold_ns = sums.hold_ns,
							.split_ns = sums.split_ns,
							.cpu_ns = sums.cpu_ns,
							.queued_ns = sums.queued_ns };
	}
	return lost;
}

/* SPDX-License-Identifier: MIT */
/* libbpf does the work; what it says of a failure becomes one sentence. */
#include "attach.h"
#include <base/cleanup.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int be_silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int say_why(int err, struct gd_diag *diag)
{
	if (err == -EPERM || err == -EACCES)
		return gd_diag_set(diag, err,
				   "the eBPF probe needs root, or CAP_BPF and CAP_PERFMON: `sudo "
				   "setcap cap_bpf,cap_perfmon+ep` on gildiag-probe gives them");
	if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
		return gd_diag_set(diag, err,
				   "the eBPF probe needs a kernel with BTF "
				   "(CONFIG_DEBUG_INFO_BTF), and /sys mounted: "
				   "/sys/kernel/btf/vmlinux is not there");
	return gd_diag_set(diag, err, "the kernel refuses the eBPF probe: %s", strerror(-err));
}

/* Every process has a tgid below it. */
static bool has_small_pids(void)
{
	gd_autofclose FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
	long pid_max = 0;

	return file && fscanf(file, "%ld", &pid_max) == 1 && pid_max <= 65536;
}

static int make_links(struct gd_attached *attached, ring_buffer_sample_fn on_event, void *arg)
{
	struct sched_bpf *skeleton = attached->skeleton;

	attached->adopt = bpf_program__attach_iter(skeleton->progs.gd_adopt, NULL);
	attached->dump = bpf_program__attach_iter(skeleton->progs.gd_dump, NULL);
	attached->read = bpf_program__attach_iter(skeleton->progs.gd_read, NULL);
	attached->glance = bpf_program__attach_iter(skeleton->progs.gd_glance, NULL);
	attached->ring =
		ring_buffer__new(bpf_map__fd(skeleton->maps.gd_events), on_event, arg, NULL);
	if (!attached->adopt || !attached->dump || !attached->read || !attached->glance ||
	    !attached->ring)
		return -errno;
	return sched_bpf__attach(skeleton);
}

/* Tables that only some need. */
static int make_room(struct sched_bpf *skeleton, uint32_t ring_bytes, bool has_stacks)
{
	int err = bpf_map__set_max_entries(skeleton->maps.gd_events, ring_bytes);

	if (!err && has_stacks)
		err = bpf_map__set_max_entries(skeleton->maps.gd_python_stacks, GD_PYTHON_STACKS);
	if (!err && has_stacks)
		err = bpf_map__set_max_entries(skeleton->maps.gd_python_waits, GD_PYTHON_WAITS);
	return err;
}

static void ask_for_attaching(struct sched_bpf *skeleton)
{
	struct bpf_program *const others[] = { skeleton->progs.gd_switch_followed,
					       skeleton->progs.gd_wake_followed,
					       skeleton->progs.gd_adopt,
					       skeleton->progs.gd_dump,
					       skeleton->progs.gd_read,
					       skeleton->progs.gd_glance,
					       skeleton->progs.gd_seek };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		bpf_program__set_autoattach(others[i], false);
}

/* What not every kernel has: none says so but by refusing the programs. */
struct rung {
	bool has_pinned; /* Linux 6.13 */
	bool has_roles;  /* bpf_loop(), Linux 5.17; and the types of sockets built in */
};

static int load(uint32_t owner, uint32_t ring_bytes, bool has_stacks, const struct rung *rung,
		struct gd_attached *attached)
{
	struct sched_bpf *skeleton = sched_bpf__open();
	int err;

	if (!skeleton)
		return -errno;
	skeleton->rodata->gd_owner = owner;
	skeleton->rodata->gd_has_stacks = has_stacks;
	skeleton->rodata->gd_has_pinned = rung->has_pinned;
	skeleton->rodata->gd_has_roles = rung->has_roles && has_stacks;
	skeleton->rodata->gd_marks_are_exact = has_small_pids();
	bpf_map__set_autocreate(skeleton->maps.gd_pinned_slots, rung->has_pinned);
	ask_for_attaching(skeleton);
	err = make_room(skeleton, ring_bytes, has_stacks);
	if (!err)
		err = sched_bpf__load(skeleton);
	if (err) {
		sched_bpf__destroy(skeleton);
		return err;
	}
	attached->skeleton = skeleton;
	attached->has_pinned = rung->has_pinned;
	return 0;
}

int gd_attach(uint32_t owner, uint32_t ring_bytes, bool has_stacks, ring_buffer_sample_fn on_event,
	      void *arg, struct gd_attached *ret_attached, struct gd_diag *diag)
{
	static const struct rung rungs[] = {
		{ true, true }, { false, true }, { true, false }, { false, false }
	};
	struct gd_attached attached = { .cpus = (unsigned int)libbpf_num_possible_cpus() };
	int err = -EINVAL;

	libbpf_set_print(be_silent);
	for (size_t i = 0; err && err != -EPERM && i < sizeof(rungs) / sizeof(rungs[0]); i++)
		err = load(owner, ring_bytes, has_stacks, &rungs[i], &attached);
	if (!err)
		err = make_links(&attached, on_event, arg);
	if (err) {
		gd_detach(&attached);
		return say_why(err, diag);
	}
	*ret_attached = attached;
	return 0;
}

void gd_detach(struct gd_attached *attached)
{
	ring_buffer__free(attached->ring);
	bpf_link__destroy(attached->adopt);
	bpf_link__destroy(attached->dump);
	bpf_link__destroy(attached->read);
	bpf_link__destroy(attached->glance);
	sched_bpf__destroy(attached->skeleton);
	*attached = (struct gd_attached){ .skeleton = NULL };
}

void gd_attach_poll(struct gd_attached *attached)
{
	ring_buffer__consume(attached->ring);
}

uint64_t gd_attach_sum(int map, uint32_t what, unsigned int cpus)
{
	gd_autofree uint64_t *values = calloc(cpus, sizeof(*values));
	uint64_t sum = 0;

	if (!values || bpf_map_lookup_elem(map, &what, values) != 0)
		return 0;
	for (unsigned int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

uint64_t gd_attach_count(const struct gd_attached *attached, uint32_t what)
{
	return gd_attach_sum(bpf_map__fd(attached->skeleton->maps.gd_counts), what, attached->cpus);
}

/* ---- Iterators: reading one runs its program for every task ---------------------------------- */

#define ROW_BYTES_MAX sizeof(struct gd_task)

int gd_attach_read(const struct bpf_link *link, size_t row_bytes, gd_attach_row_fn *visit,
		   void *arg)
{
	gd_autoclose int fd = bpf_iter_create(bpf_link__fd(link));
	_Alignas(uint64_t) char rows[16 * ROW_BYTES_MAX];
	size_t filled = 0, used;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, rows + filled, sizeof(rows) - filled);
		filled += n > 0 ? (size_t)n : 0;
		for (used = 0; filled - used >= row_bytes; used += row_bytes)
			visit(rows + used, arg);
		filled -= used;
		memmove(rows, rows + used, filled);
	} while (n > 0 || (n < 0 && errno == EAGAIN)); /* EAGAIN: tasks without end, go on */
	return n < 0 ? -errno : 0;
}

int gd_attach_visit(const struct gd_attached *attached, gd_attach_row_fn *visit, void *arg)
{
	return gd_attach_read(attached->dump, sizeof(struct gd_task), visit, arg);
}

int gd_attach_glance(const struct gd_attached *attached, uint64_t instant_ns,
		     gd_attach_row_fn *visit, void *arg)
{
	attached->skeleton->bss->gd_instant_ns = instant_ns;
	return gd_attach_read(attached->glance, sizeof(struct gd_glance), visit, arg);
}

static void visit_nothing(const void *row, void *arg)
{
	(void)row;
	(void)arg;
}

int gd_attach_adopt(const struct gd_attached *attached)
{
	return gd_attach_read(attached->adopt, 1, visit_nothing, NULL);
}

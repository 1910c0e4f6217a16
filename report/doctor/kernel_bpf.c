/* SPDX-License-Identifier: MIT */
/* BPF and perf, each tried by the system call itself. */
#include "doctor.h"
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ATTACH_UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI, in headers since 6.6 */

#define MEND_RIGHTS "run gildiag as root, or give its probe file capabilities (see eBPF probe)"

static int call_bpf(int command, union bpf_attr *attr)
{
	long fd = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return fd < 0 ? -errno : (int)fd;
}

void gd_doctor_btf(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	(void)scene;
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "/sys/kernel/btf/vmlinux");
	else if (access("/sys/kernel", X_OK) != 0)
		gd_finding_set(ret_finding, GD_HEALTH_MISSING, "sudo mount -t sysfs nodev /sys",
			       "/sys is not mounted");
	else
		gd_finding_set(
			ret_finding, GD_HEALTH_MISSING,
			"boot a kernel with CONFIG_DEBUG_INFO_BTF=y (all of Debian's have it)",
			"/sys/kernel/btf/vmlinux: %s", strerror(errno));
}

void gd_doctor_bpf(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	union bpf_attr attr;
	int fd;

	(void)scene;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_RINGBUF;
	attr.max_entries = 4096;
	fd = call_bpf(BPF_MAP_CREATE, &attr);
	if (fd >= 0) {
		close(fd);
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "a ring was made");
	} else if (fd == -EPERM || fd == -EACCES) {
		gd_finding_set(ret_finding, GD_HEALTH_MISSING, MEND_RIGHTS,
			       "the kernel gives it to nobody without CAP_BPF");
	} else {
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "boot a kernel of 5.11 or later with CONFIG_BPF_SYSCALL=y",
			       "bpf(2): %s", strerror(-fd));
	}
}

/* A program that does nothing, for uprobes.  A descriptor, or -errno. */
static int load_nothing(void)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_KPROBE;
	attr.expected_attach_type = ATTACH_UPROBE_MULTI;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = sizeof(code) / sizeof(code[0]);
	attr.license = (uintptr_t) "GPL";
	return call_bpf(BPF_PROG_LOAD, &attr);
}

/* BPF_LINK_CREATE's attributes for it, which older headers do not have. */
struct multi_link {
	uint32_t program, target, attach_type, flags;
	uint64_t path, offsets, reference_counters, cookies;
	uint32_t count, multi_flags, pid, reserved;
};

/* A folder is no program: a kernel that knows the link says EBADF, another one EINVAL. */
void gd_doctor_uprobe_multi(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	unsigned long offset = 0;
	int program = load_nothing();
	struct multi_link link = { .program = (uint32_t)program,
				   .attach_type = ATTACH_UPROBE_MULTI,
				   .path = (uintptr_t) "/",
				   .offsets = (uintptr_t)&offset,
				   .count = 1 };

	(void)scene;
	if (program == -EPERM || program == -EACCES) {
		gd_finding_set(ret_finding, GD_HEALTH_UNKNOWN, MEND_RIGHTS,
			       "cannot be tried without CAP_BPF and CAP_PERFMON");
		return;
	}
	if (program >= 0 && syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link)) < 0 &&
	    errno == EBADF)
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "the kernel knows it");
	else
		gd_finding_set(ret_finding, GD_HEALTH_MISSING, "boot a kernel of 6.6 or later",
			       "the kernel does not know it");
	if (program >= 0)
		close(program);
}

static int open_event(struct perf_event_attr *attr)
{
	long fd;

	attr->size = sizeof(*attr);
	attr->disabled = 1;
	fd = syscall(SYS_perf_event_open, attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

/* On our own file's first byte, which is no instruction: nothing is ever put there. */
void gd_doctor_uprobe_perf(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	struct perf_event_attr attr = { .config1 = (uintptr_t) "/proc/self/exe" };
	char type[16];
	int err;

	(void)scene;
	if (!gd_doctor_read("/sys/bus/event_source/devices/uprobe/type", type, sizeof(type))) {
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "boot a kernel with CONFIG_UPROBE_EVENTS=y",
			       "the kernel has no uprobes, or /sys is not mounted");
		return;
	}
	attr.type = (uint32_t)strtoul(type, NULL, 10);
	err = open_event(&attr);
	if (err == 0)
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "one was opened");
	else
		gd_finding_set(ret_finding, GD_HEALTH_MISSING, "run gildiag as root",
			       "perf_event_open: %s", strerror(-err));
}

void gd_doctor_perf_event(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.config = PERF_COUNT_SW_CONTEXT_SWITCHES };
	int err = open_event(&attr);
	char paranoid[16] = "";

	(void)scene;
	gd_doctor_read("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof(paranoid));
	if (err == 0)
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL,
			       "switches can be counted (perf_event_paranoid %s)", paranoid);
	else
		gd_finding_set(
			ret_finding, GD_HEALTH_MISSING, "sudo sysctl kernel.perf_event_paranoid=1",
			"perf_event_open: %s (perf_event_paranoid %s)", strerror(-err), paranoid);
}

void gd_doctor_tracefs(const struct gd_doctor_scene *scene, struct gd_finding *ret_finding)
{
	(void)scene;
	if (access("/sys/kernel/tracing/events/sched/sched_switch", R_OK) == 0)
		gd_finding_set(ret_finding, GD_HEALTH_OK, NULL, "/sys/kernel/tracing");
	else if (geteuid() == 0)
		gd_finding_set(ret_finding, GD_HEALTH_MISSING,
			       "mount -t tracefs nodev /sys/kernel/tracing",
			       "tracefs is not mounted");
	else
		gd_finding_set(
			ret_finding, GD_HEALTH_MISSING,
			"sudo mount -t tracefs nodev /sys/kernel/tracing (it is root's alone)",
			"not for this user");
}

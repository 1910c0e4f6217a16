/* SPDX-License-Identifier: MIT */
/* The table of what is looked at, the most needed first. */
#include "doctor.h"
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
const struct gd_capability gd_capabilities[] = {
	{ "agent", "everything: no program can be measured", true, gd_doctor_agent },
	{ "sampler", "the joint picture, and recordings of programs that are killed", true, gd_doctor_sampler },
	{ "TSC", "cheap clock readings: each wait costs some 40 ns more", false, gd_doctor_tsc },
	{ "CPU quota", "the share of a container's CPU limit in the verdict", false, gd_doctor_quota },
	{ "seccomp", "system calls of the agent once a filter is set: fewer figures", false, gd_doctor_seccomp },
	{ "yama", "looking into processes that gildiag did not start, without rights", false, gd_doctor_yama },
	{ "eBPF probe", "the scheduler's own figures: exact run-queue times, who woke whom, what unseen waits are", false, gd_doctor_probe },
	{ "BTF", "the eBPF probe: it finds the kernel's fields by it", false, gd_doctor_btf },
	{ "BPF", "the eBPF probe", false, gd_doctor_bpf },
	{ "CAP_BPF", "the eBPF probe", false, gd_doctor_cap_bpf },
	{ "CAP_PERFMON", "the eBPF probe", false, gd_doctor_cap_perfmon },
	{ "CAP_SYS_PTRACE", "looking into other users' processes", false, gd_doctor_cap_ptrace },
	{ "CAP_SYS_ADMIN", "uprobes through perf, where multi-links are missing", false, gd_doctor_cap_admin },
	{ "uprobe multi-link", "uprobes without CAP_SYS_ADMIN", false, gd_doctor_uprobe_multi },
	{ "uprobe by perf", "uprobes on kernels before 6.6", false, gd_doctor_uprobe_perf },
	{ "perf_event", "nothing yet: gildiag counts switches by itself", false, gd_doctor_perf_event },
	{ "tracepoints", "nothing: the eBPF probe needs no tracefs; bpftrace and perf do", false, gd_doctor_tracefs },
	{ "lockdown", "the eBPF probe: a locked-down kernel shows its memory to nobody", false, gd_doctor_lockdown },
	{ NULL, NULL, false, NULL },
};
/* clang-format on */

void gd_finding_set(struct gd_finding *ret_finding, enum gd_health health, const char *mend,
		    const char *format, ...)
{
	va_list args;

	ret_finding->health = health;
	snprintf(ret_finding->mend, sizeof(ret_finding->mend), "%s", mend ? mend : "");
	va_start(args, format);
	vsnprintf(ret_finding->what, sizeof(ret_finding->what), format, args);
	va_end(args);
}

bool gd_doctor_read(const char *path, char *ret_text, size_t size_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, ret_text, size_bytes - 1) : -1;

	if (fd >= 0)
		close(fd);
	ret_text[n > 0 ? n : 0] = 0;
	ret_text[strcspn(ret_text, "\n")] = 0;
	return n > 0;
}

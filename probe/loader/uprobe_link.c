/* SPDX-License-Identifier: MIT */
#include "uprobe_link.h"
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ATTACH_UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI */

/* Of union bpf_attr, for BPF_LINK_CREATE. */
struct multi_link {
	uint32_t program, target, type, flags;
	uint64_t path, offsets, counters, cookies;
	uint32_t count, multi_flags, pid, padding;
};

void gd_uprobe_prepare(struct bpf_program *program, bool is_multi)
{
	bpf_program__set_expected_attach_type(
		program, is_multi ? (enum bpf_attach_type)ATTACH_UPROBE_MULTI : 0);
}

int gd_uprobe_multi(const struct bpf_program *program, const char *path, const uint64_t *offsets,
		    const uint64_t *cookies, uint32_t count, int32_t pid)
{
	struct multi_link link = { .program = (uint32_t)bpf_program__fd(program),
				   .type = ATTACH_UPROBE_MULTI,
				   .path = (uintptr_t)path,
				   .offsets = (uintptr_t)offsets,
				   .cookies = (uintptr_t)cookies,
				   .count = count,
				   .pid = (uint32_t)pid };
	int fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link));

	return fd < 0 ? -errno : fd;
}

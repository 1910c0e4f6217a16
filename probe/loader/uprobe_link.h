/* SPDX-License-Identifier: MIT */
/*
 * Multi-links of uprobes (Linux 6.6): to make one needs no more rights than CAP_BPF and CAP_PERFMON,
 * and none once its program is loaded.  libbpf knows them too late, so they are made by the bare call.
 */
#ifndef GD_UPROBE_LINK_H
#define GD_UPROBE_LINK_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

/* Before the program's skeleton is loaded: is it for a multi-link, or for perf? */
void gd_uprobe_prepare(struct bpf_program *program, bool is_multi);

/*
 * Attaches the program at the offsets in a file.  cookies: one each, or NULL; pid: in this process
 * only, 0: in all.  A descriptor, or -errno.
 */
int gd_uprobe_multi(const struct bpf_program *program, const char *path, const uint64_t *offsets,
		    const uint64_t *cookies, uint32_t count, int32_t pid);

#endif

/* SPDX-License-Identifier: MIT */
/* The part of shared.h that is about requests.h: what the loader asks for. */
#ifndef GD_BPF_REQUESTS_SHARED_H
#define GD_BPF_REQUESTS_SHARED_H

#include <stdint.h>

/* What the loader has learnt of a process; tgid 0: nothing is handed on. */
struct gd_learnt {
	uint64_t tls_offset; /* where its slots are; 0: not this */
	uint32_t layout;     /* of its Python stacks; 0: not this */
	uint32_t tgid;
};

/* What the loader wants to know of a followed process; tgid 0: nothing. */
#define GD_WANTED_BYTES 4096 /* at most */

struct gd_wanted {
	uint64_t address;
	uint32_t bytes;
	uint32_t tgid;
	uint32_t image; /* that it must be, before and afterwards */
	uint32_t padding;
};

/* A file that a process has mapped, by the kernel's own numbers, and where its beginning lies. */
struct gd_mapping {
	uint64_t inode;
	uint64_t start;
	uint32_t device;
	uint32_t padding;
};

/* What the loader wants to know of an image: the mapping that begins there, or else that of a file. */
struct gd_sought {
	struct gd_mapping mapping; /* start 0: by inode and device */
	uint32_t image;            /* 0: nothing is sought */
	uint32_t padding;
};

#endif

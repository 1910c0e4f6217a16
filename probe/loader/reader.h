/* SPDX-License-Identifier: MIT */
/* Looking into the memory of a followed process, and at what it has mapped. */
#ifndef GD_READER_H
#define GD_READER_H

#include "attach.h"

/* Reads the memory of a followed process: needs no right to look into it. */
struct gd_reader {
	const struct gd_attached *attached;
	struct bpf_link
		*link;  /* visits it alone (Linux 6.1); NULL: all tasks are visited each time */
	int32_t pid;    /* in the namespace of this process */
	uint32_t tgid;  /* in the outermost namespace; 0: closed */
	uint32_t image; /* that it must be */
};

void gd_reader_open(const struct gd_attached *attached, int32_t pid, uint32_t tgid, uint32_t image,
		    struct gd_reader *ret_reader);
void gd_reader_close(struct gd_reader *reader);

/* False: it cannot be read, or is not followed (any more) as that image. */
bool gd_reader_read(const struct gd_reader *reader, uint64_t address, void *buf, size_t size_bytes);

/*
 * Where it has a file mapped: the mapping that begins at sought->start, or with start 0 the first one of
 * that inode and device.  False: there is none, or the kernel cannot ask one process alone (Linux 6.1).
 */
bool gd_reader_seek(const struct gd_reader *reader, const struct gd_mapping *sought,
		    struct gd_mapping *ret_mapping);

#endif

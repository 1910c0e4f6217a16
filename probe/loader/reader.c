/* SPDX-License-Identifier: MIT */
/* By iterators that visit one task alone where the kernel has such. */
#include "reader.h"
#include <base/cleanup.h>
#include <errno.h>
#include <unistd.h>

/* A link that visits one task alone; NULL: this kernel has none. */
static struct bpf_link *link_to(const struct bpf_program *program, int32_t pid)
{
	union bpf_iter_link_info info = { .task.tid = (uint32_t)pid };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(program, &opts);
}

void gd_reader_open(const struct gd_attached *attached, int32_t pid, uint32_t tgid, uint32_t image,
		    struct gd_reader *ret_reader)
{
	struct bpf_link *link = link_to(attached->skeleton->progs.gd_read, pid);

	*ret_reader = (struct gd_reader){ attached, link, pid, tgid, image };
}

void gd_reader_close(struct gd_reader *reader)
{
	bpf_link__destroy(reader->link);
	reader->link = NULL;
	reader->tgid = 0;
}

/* One page at a time. */
static bool read_some(const struct gd_reader *reader, uint64_t address, char *buf,
		      size_t size_bytes)
{
	const struct bpf_link *link = reader->link ? reader->link : reader->attached->read;
	gd_autoclose int fd = bpf_iter_create(bpf_link__fd(link));
	struct gd_wanted *wanted = &reader->attached->skeleton->bss->gd_wanted;
	size_t filled = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	*wanted = (struct gd_wanted){ .address = address,
				      .bytes = (uint32_t)size_bytes,
				      .tgid = reader->tgid,
				      .image = reader->image };
	do {
		n = read(fd, buf + filled, size_bytes - filled);
		filled += n > 0 ? (size_t)n : 0;
	} while (filled < size_bytes && (n > 0 || (n < 0 && errno == EAGAIN)));
	wanted->tgid = 0;
	return filled == size_bytes;
}

bool gd_reader_read(const struct gd_reader *reader, uint64_t address, void *buf, size_t size_bytes)
{
	size_t done, now;

	for (done = 0; reader->tgid && done < size_bytes; done += now) {
		now = size_bytes - done < GD_WANTED_BYTES ? size_bytes - done : GD_WANTED_BYTES;
		if (!read_some(reader, address + done, (char *)buf + done, now))
			return false;
	}
	return reader->tgid != 0;
}

static void note_mapping(const void *row, void *arg)
{
	struct gd_mapping *first = arg;

	if (!first->start)
		*first = *(const struct gd_mapping *)row;
}

bool gd_reader_seek(const struct gd_reader *reader, const struct gd_mapping *sought,
		    struct gd_mapping *ret_mapping)
{
	struct gd_sought *asked = &reader->attached->skeleton->bss->gd_sought;
	struct bpf_link *link;

	*ret_mapping = (struct gd_mapping){ .start = 0 };
	if (!reader->link || !reader->tgid)
		return false;
	link = link_to(reader->attached->skeleton->progs.gd_seek, reader->pid);
	*asked = (struct gd_sought){ .mapping = *sought, .image = reader->image };
	if (link)
		gd_attach_read(link, sizeof(*ret_mapping), note_mapping, ret_mapping);
	asked->image = 0;
	bpf_link__destroy(link);
	return ret_mapping->start != 0;
}

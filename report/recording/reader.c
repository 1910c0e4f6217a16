/* SPDX-License-Identifier: MIT */
/*
 * Refuses by name.  Every offset, size and count is checked against the file before it is used
 * once; after that nothing in here can read outside.
 */
#include "reader.h"
#include <base/cleanup.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX  (GD_IMAGE_BYTES + (16ull << 20))
#define ENTRY_BYTES_MAX 65536u
#define SECTIONS_MAX    64u

static int check_header(const struct gd_file *file, const char *path, struct gd_diag *diag)
{
	const struct gd_file_header *header = file->header;

	if (file->size_bytes < sizeof(*header) ||
	    memcmp(header->magic, GD_MAGIC, sizeof(GD_MAGIC)) != 0)
		return gd_diag_set(diag, -EMEDIUMTYPE, "%s is no recording of gildiag", path);
	if (header->abi_major != GD_ABI_MAJOR)
		return gd_diag_set(diag, -EPROTONOSUPPORT,
				   "%s was made by %s gildiag (format %u, this one reads %u): "
				   "use the gildiag that made it",
				   path, header->abi_major > GD_ABI_MAJOR ? "a newer" : "an older",
				   header->abi_major, GD_ABI_MAJOR);
	if (header->arch != GD_ARCH_X86_64)
		return gd_diag_set(
			diag, -EPROTONOSUPPORT,
			"%s was made on another kind of machine (%u), which this gildiag "
			"does not read",
			path, header->arch);
	if (header->header_size < sizeof(*header) || header->section_count > SECTIONS_MAX ||
	    header->header_size + (uint64_t)header->section_count * sizeof(struct gd_section) >
		    file->size_bytes)
		return gd_diag_set(diag, -EPROTO,
				   "%s is truncated or damaged (its section table is cut)", path);
	return 0;
}

static int check_section(struct gd_file *file, const struct gd_section *section, const char *path,
			 struct gd_diag *diag)
{
	if (section->kind == 0 || section->kind >= GD_SECTION_COUNT)
		return 0; /* of a younger minor version: not ours to read */
	if (section->entry_size == 0 || section->entry_size > ENTRY_BYTES_MAX ||
	    section->offset > file->size_bytes ||
	    (uint64_t)section->entry_size * section->used > file->size_bytes - section->offset)
		return gd_diag_set(diag, -EPROTO,
				   "%s is truncated or damaged (section %u does not fit)", path,
				   section->kind);
	file->sections[section->kind] = *section;
	return 0;
}

int gd_file_check(const void *bytes, size_t size_bytes, const char *path, struct gd_file *ret_file,
		  struct gd_diag *diag)
{
	struct gd_file file = { .bytes = (unsigned char *)(uintptr_t)bytes,
				.size_bytes = size_bytes };
	struct gd_file_header header = { 0 };
	int err;

	memcpy(&header, bytes, size_bytes < sizeof(header) ? size_bytes : sizeof(header));
	file.header = &header;
	err = check_header(&file, path, diag);
	for (uint32_t i = 0; !err && i < header.section_count; i++) {
		struct gd_section section;

		memcpy(&section, file.bytes + header.header_size + i * sizeof(section),
		       sizeof(section));
		err = check_section(&file, &section, path, diag);
	}
	if (!err &&
	    gd_file_count(&file, header.writer == GD_WRITER_PROBE ? GD_SECTION_PROBED
								  : GD_SECTION_PROCESS) != 1)
		err = gd_diag_set(diag, -EPROTO, "%s is damaged (it describes no process)", path);
	if (err)
		return err;
	file.header = bytes; /* 64 bytes at least, as checked; malloc aligns */
	*ret_file = file;
	return 0;
}

static int read_all(int fd, size_t size_bytes, unsigned char *bytes)
{
	size_t done = 0;

	while (done < size_bytes) {
		ssize_t n = read(fd, bytes + done, size_bytes - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EPROTO; /* it shrank */
		done += (size_t)n;
	}
	return 0;
}

int gd_file_open(int folder, const char *name, const char *path, struct gd_file *ret_file,
		 struct gd_diag *diag)
{
	gd_autoclose int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	gd_autofree unsigned char *bytes = NULL;
	struct stat st;
	int err;

	if (fd < 0 || fstat(fd, &st) != 0)
		return gd_diag_set(diag, -errno, "cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return gd_diag_set(diag, -EMEDIUMTYPE, "%s is no recording of gildiag", path);
	if (st.st_uid != geteuid() && geteuid() != 0)
		return gd_diag_set(
			diag, -EPERM,
			"%s belongs to another user: let its owner report it, or copy it", path);
	if ((uint64_t)st.st_size > FILE_BYTES_MAX)
		return gd_diag_set(diag, -EPROTO, "%s is too large for a recording", path);
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return gd_diag_set(diag, -ENOMEM, "no memory to read %s", path);
	err = read_all(fd, (size_t)st.st_size, bytes);
	if (err)
		return gd_diag_set(diag, err, "cannot read %s: %s", path, strerror(-err));
	err = gd_file_check(bytes, (size_t)st.st_size, path, ret_file, diag);
	if (!err)
		ret_file->bytes = gd_take(bytes);
	return err;
}

void gd_file_close(struct gd_file *file)
{
	free(file->bytes);
	*file = (struct gd_file){ 0 };
}

uint32_t gd_file_count(const struct gd_file *file, uint32_t kind)
{
	return file->sections[kind].used;
}

void gd_file_entry(const struct gd_file *file, uint32_t kind, uint32_t index, void *ret_entry,
		   size_t size_bytes)
{
	const struct gd_section *section = &file->sections[kind];
	size_t there = section->entry_size < size_bytes ? section->entry_size : size_bytes;

	memset(ret_entry, 0, size_bytes);
	if (index < section->used)
		memcpy(ret_entry,
		       file->bytes + section->offset + (uint64_t)section->entry_size * index,
		       there);
}

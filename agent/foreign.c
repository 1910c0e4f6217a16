/* SPDX-License-Identifier: MIT */
/* Reads as little of an ELF file as will do; report/launch/program.c asks the same with words. */
#include "foreign.h"
#include "clock.h"
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define DYNAMIC_MAX 128
#define NAME_BYTES  12

struct program {
	long fd;
	union {
		Elf64_Ehdr header;
		char bytes[4096];
	} head; /* the program headers lie in it */
	const Elf64_Phdr *segments;
	unsigned int count;
};

static long read_at(const struct program *program, void *buf, size_t size_bytes, uint64_t offset)
{
	return gd_syscall(SYS_pread64, program->fd, buf, size_bytes, offset);
}

static const Elf64_Phdr *find_segment(const struct program *program, uint32_t type)
{
	for (unsigned int i = 0; i < program->count; i++)
		if (program->segments[i].p_type == type)
			return &program->segments[i];
	return NULL;
}

static uint64_t file_offset(const struct program *program, uint64_t address)
{
	for (unsigned int i = 0; i < program->count; i++) {
		const Elf64_Phdr *segment = &program->segments[i];

		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
		    address - segment->p_vaddr < segment->p_filesz)
			return segment->p_offset + (address - segment->p_vaddr);
	}
	return 0;
}

static bool is_sanitizer(const char *name)
{
	return memcmp(name, "libasan.so", 10) == 0 || memcmp(name, "libtsan.so", 10) == 0 ||
	       memcmp(name, "liblsan.so", 10) == 0;
}

static bool needs_sanitizer(const struct program *program)
{
	const Elf64_Phdr *segment = find_segment(program, PT_DYNAMIC);
	Elf64_Dyn table[DYNAMIC_MAX];
	uint64_t strings = 0;
	long n;

	n = segment ? read_at(program, table, sizeof(table), segment->p_offset) : 0;
	n = n > 0 ? n / (long)sizeof(table[0]) : 0;
	for (long i = 0; i < n && table[i].d_tag != DT_NULL; i++)
		if (table[i].d_tag == DT_STRTAB)
			strings = file_offset(program, table[i].d_un.d_ptr);
	for (long i = 0; strings && i < n && table[i].d_tag != DT_NULL; i++) {
		char name[NAME_BYTES] = "";

		if (table[i].d_tag == DT_NEEDED &&
		    read_at(program, name, sizeof(name), strings + table[i].d_un.d_val) > 0 &&
		    is_sanitizer(name))
			return true;
	}
	return false;
}

/* A program without an interpreter is linked statically: a preload does it no harm. */
static bool has_other_loader(const struct program *program)
{
	const Elf64_Phdr *segment = find_segment(program, PT_INTERP);
	char name[256] = "";

	return segment && segment->p_filesz < sizeof(name) &&
	       read_at(program, name, segment->p_filesz, segment->p_offset) > 0 &&
	       !strstr(name, "ld-linux");
}

bool gd_foreign_is(int folder, const char *path)
{
	struct program program = { .fd = gd_syscall(SYS_openat, folder, path,
						    O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0) };
	const Elf64_Ehdr *header = &program.head.header;
	bool is_foreign = false;
	long n;

	if (program.fd < 0)
		return false;
	n = read_at(&program, &program.head, sizeof(program.head), 0);
	if (n >= (long)sizeof(*header) && memcmp(header->e_ident, ELFMAG, SELFMAG) == 0) {
		if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64) {
			is_foreign = true;
		} else if (header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phoff % 8 == 0 &&
			   header->e_phoff < (uint64_t)n &&
			   header->e_phnum <=
				   ((uint64_t)n - header->e_phoff) / sizeof(Elf64_Phdr)) {
			program.segments = (const Elf64_Phdr *)(const void *)(program.head.bytes +
									      header->e_phoff);
			program.count = header->e_phnum;
			is_foreign = has_other_loader(&program) || needs_sanitizer(&program);
		}
	}
	gd_syscall(SYS_close, program.fd);
	return is_foreign;
}

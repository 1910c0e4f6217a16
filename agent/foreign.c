/* SPDX-License-Identifier: MIT */
/* Reads as little of an ELF file as will do; report/launch/program.c asks the same with words. */
#include "foreign.h"
#include "clock.h"
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* An exec may come from a handler on a small stack: little lies there at a time. */
#define HEAD_BYTES  1024 /* 17 program headers; linkers make 10 to 14 */
#define DYNAMIC_MAX 128
#define CHUNK       16 /* entries of the dynamic section */
#define NAME_BYTES  12

struct program {
	long fd;
	union {
		Elf64_Ehdr header;
		char bytes[HEAD_BYTES];
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

struct dynamic {
	const struct program *program;
	uint64_t offset;
	unsigned int from; /* the first entry in chunk */
	Elf64_Dyn chunk[CHUNK];
};

/* One entry of the dynamic section; DT_NULL beyond its end. */
static const Elf64_Dyn *entry_at(struct dynamic *dynamic, unsigned int index)
{
	if (index - dynamic->from >= CHUNK) {
		dynamic->from = index / CHUNK * CHUNK;
		memset(dynamic->chunk, 0, sizeof(dynamic->chunk));
		read_at(dynamic->program, dynamic->chunk, sizeof(dynamic->chunk),
			dynamic->offset + dynamic->from * sizeof(Elf64_Dyn));
	}
	return &dynamic->chunk[index - dynamic->from];
}

static bool needs_sanitizer(const struct program *program)
{
	const Elf64_Phdr *segment = find_segment(program, PT_DYNAMIC);
	struct dynamic dynamic = { .program = program, .from = DYNAMIC_MAX };
	const Elf64_Dyn *entry;
	uint64_t strings = 0;

	if (!segment)
		return false;
	dynamic.offset = segment->p_offset;
	for (unsigned int i = 0; i < DYNAMIC_MAX && !strings; i++) {
		entry = entry_at(&dynamic, i);
		if (entry->d_tag == DT_NULL)
			break;
		if (entry->d_tag == DT_STRTAB)
			strings = file_offset(program, entry->d_un.d_ptr);
	}
	for (unsigned int i = 0; i < DYNAMIC_MAX && strings; i++) {
		char name[NAME_BYTES] = "";

		entry = entry_at(&dynamic, i);
		if (entry->d_tag == DT_NULL)
			break;
		if (entry->d_tag == DT_NEEDED &&
		    read_at(program, name, sizeof(name), strings + entry->d_un.d_val) > 0 &&
		    is_sanitizer(name))
			return true;
	}
	return false;
}

/* A program without an interpreter is linked statically: a preload does it no harm. */
static bool has_other_loader(const struct program *program)
{
	const Elf64_Phdr *segment = find_segment(program, PT_INTERP);
	char name[128] = "";

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

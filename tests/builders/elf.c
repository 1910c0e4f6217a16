/* SPDX-License-Identifier: MIT */
/* One page: the header at 0, program headers at 64, the interpreter, the dynamic table, strings. */
#include "elf.h"
#include "scratch.h"
#include <elf.h>
#include <string.h>

#define BASE           0x400000u
#define INTERPRETER_AT 512
#define DYNAMIC_AT     1024
#define STRINGS_AT     2048
#define FILE_BYTES     4096

static Elf64_Phdr *add_header(Elf64_Ehdr *header, uint32_t type, uint64_t at, uint64_t size)
{
	unsigned char *bytes = (unsigned char *)header;
	Elf64_Phdr *headers = (Elf64_Phdr *)(void *)(bytes + header->e_phoff);
	Elf64_Phdr *new = &headers[header->e_phnum++];

	*new = (Elf64_Phdr){ .p_type = type,
			     .p_offset = at,
			     .p_vaddr = BASE + at,
			     .p_filesz = size,
			     .p_memsz = size };
	return new;
}

static void add_dynamic(const struct gd_elf *elf, unsigned char *bytes)
{
	Elf64_Dyn *table = (Elf64_Dyn *)(void *)(bytes + DYNAMIC_AT);
	uint64_t string = 1;
	size_t n = 0;

	for (size_t i = 0; i < 4 && elf->needed[i]; i++) {
		table[n++] = (Elf64_Dyn){ DT_NEEDED, { string } };
		strcpy((char *)bytes + STRINGS_AT + string, elf->needed[i]);
		string += strlen(elf->needed[i]) + 1;
	}
	table[n++] = (Elf64_Dyn){ DT_STRTAB, { BASE + STRINGS_AT } };
	table[n++] = (Elf64_Dyn){ DT_NULL, { 0 } };
	add_header((Elf64_Ehdr *)(void *)bytes, PT_DYNAMIC, DYNAMIC_AT,
		   elf->dynamic_bytes ? elf->dynamic_bytes : n * sizeof(*table));
}

void gd_elf_write(const struct gd_elf *elf, const char *name, unsigned int mode)
{
	static _Alignas(Elf64_Ehdr) unsigned char bytes[FILE_BYTES];
	Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)bytes;

	memset(bytes, 0, sizeof(bytes));
	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = elf->class ? elf->class : ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_type = ET_EXEC;
	header->e_machine = elf->machine ? elf->machine : EM_X86_64;
	header->e_phoff = sizeof(*header);
	header->e_phentsize = sizeof(Elf64_Phdr);
	add_header(header, PT_LOAD, 0, sizeof(bytes));
	if (elf->interpreter) {
		strcpy((char *)bytes + INTERPRETER_AT, elf->interpreter);
		add_header(header, PT_INTERP, INTERPRETER_AT, strlen(elf->interpreter) + 1);
		add_dynamic(elf, bytes);
	}
	gd_scratch_write(name, bytes, elf->cut ? elf->cut : sizeof(bytes), mode);
}

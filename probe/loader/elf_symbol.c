/* SPDX-License-Identifier: MIT */
/* Everything read is bounded first: this runs with rights, the file is its owner's. */
#include "elf_symbol.h"
#include <base/cleanup.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 256
#define TABLE_MAX   (64u << 20)

#define VERSION_HIDDEN 0x8000u /* of .gnu.version: not the default one */

struct elf {
	int fd;
	Elf64_Ehdr header;
	Elf64_Shdr sections[HEADERS_MAX];
	Elf64_Phdr segments[HEADERS_MAX];
};

static bool read_at(int fd, void *to, size_t size_bytes, uint64_t offset)
{
	return offset < INT64_MAX &&
	       pread(fd, to, size_bytes, (off_t)offset) == (ssize_t)size_bytes;
}

static bool open_elf(int fd, struct elf *elf)
{
	const Elf64_Ehdr *header = &elf->header;

	elf->fd = fd;
	return read_at(fd, &elf->header, sizeof(elf->header), 0) &&
	       memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 &&
	       header->e_shentsize == sizeof(elf->sections[0]) &&
	       header->e_phentsize == sizeof(elf->segments[0]) && header->e_shnum <= HEADERS_MAX &&
	       header->e_phnum <= HEADERS_MAX &&
	       read_at(fd, elf->sections, header->e_shnum * sizeof(elf->sections[0]),
		       header->e_shoff) &&
	       read_at(fd, elf->segments, header->e_phnum * sizeof(elf->segments[0]),
		       header->e_phoff);
}

/* A section's bytes and a zero behind them, to be freed; NULL: none, or too large. */
static void *load_section(const struct elf *elf, const Elf64_Shdr *section, size_t *ret_bytes)
{
	char *bytes = section->sh_size <= TABLE_MAX ? malloc(section->sh_size + 1) : NULL;

	if (bytes && read_at(elf->fd, bytes, section->sh_size, section->sh_offset)) {
		bytes[section->sh_size] = 0;
		*ret_bytes = section->sh_size;
		return bytes;
	}
	free(bytes);
	*ret_bytes = 0;
	return NULL;
}

static const Elf64_Shdr *find_section(const struct elf *elf, uint32_t type)
{
	for (unsigned int i = 0; i < elf->header.e_shnum; i++)
		if (elf->sections[i].sh_type == type)
			return &elf->sections[i];
	return NULL;
}

static uint64_t offset_of(const struct elf *elf, uint64_t address)
{
	for (unsigned int i = 0; i < elf->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];

		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
		    address - segment->p_vaddr < segment->p_filesz)
			return segment->p_offset + (address - segment->p_vaddr);
	}
	return 0;
}

/* The address of the default version; 0: none. */
static uint64_t find(const struct elf *elf, const char *name)
{
	const Elf64_Shdr *table = find_section(elf, SHT_DYNSYM);
	const Elf64_Shdr *versions = find_section(elf, SHT_GNU_versym);
	size_t symbols_bytes, names_bytes, hidden_bytes = 0;
	gd_autofree Elf64_Sym *symbols = NULL;
	gd_autofree uint16_t *hidden = NULL;
	gd_autofree char *names = NULL;

	if (!table || table->sh_link >= elf->header.e_shnum)
		return 0;
	symbols = load_section(elf, table, &symbols_bytes);
	names = load_section(elf, &elf->sections[table->sh_link], &names_bytes);
	hidden = versions ? load_section(elf, versions, &hidden_bytes) : NULL;
	for (size_t i = 0; symbols && names && i < symbols_bytes / sizeof(*symbols); i++) {
		if (symbols[i].st_shndx == SHN_UNDEF || symbols[i].st_name >= names_bytes ||
		    strcmp(names + symbols[i].st_name, name) != 0)
			continue;
		if (hidden && i < hidden_bytes / sizeof(*hidden) && hidden[i] & VERSION_HIDDEN)
			continue;
		return symbols[i].st_value;
	}
	return 0;
}

int gd_elf_symbol(int fd, const char *name, struct gd_elf_symbol *ret_symbol)
{
	struct gd_elf_symbol symbol = { .address = 0 };
	gd_autofree struct elf *elf = calloc(1, sizeof(*elf));

	if (!elf)
		return -ENOMEM;
	if (!open_elf(fd, elf))
		return -ENOEXEC;
	symbol.address = find(elf, name);
	if (!symbol.address)
		return -ENOENT;
	symbol.offset = offset_of(elf, symbol.address);
	if (symbol.offset && !read_at(fd, symbol.code, sizeof(symbol.code), symbol.offset))
		symbol.offset = 0;
	*ret_symbol = symbol;
	return 0;
}

bool gd_elf_is_fixed(int fd)
{
	Elf64_Ehdr header;

	return read_at(fd, &header, sizeof(header), 0) && header.e_type == ET_EXEC;
}

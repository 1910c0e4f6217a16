/* SPDX-License-Identifier: MIT */
/* Symbols that a file exports, read with no trust in the file. */
#ifndef GD_ELF_SYMBOL_H
#define GD_ELF_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

struct gd_elf_symbol {
	uint64_t address; /* as linked */
	uint64_t offset;  /* in the file; 0: it has no bytes there */
	uint8_t code[16]; /* what stands there */
};

/*
 * The default version of a symbol that the file open as fd defines.  0, -ENOENT: there is none, or
 * -errno: no 64-bit ELF file of sane size.
 */
int gd_elf_symbol(int fd, const char *name, struct gd_elf_symbol *ret_symbol);

/* Is the file linked to its address (ET_EXEC)?  False where it is none. */
bool gd_elf_is_fixed(int fd);

#endif

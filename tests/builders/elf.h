/* SPDX-License-Identifier: MIT */
/* The head of a program: headers only, nothing that could run. */
#ifndef GD_BUILDERS_ELF_H
#define GD_BUILDERS_ELF_H

#include <stddef.h>
#include <stdint.h>

struct gd_elf {
	uint8_t class;           /* 0: 64 bits */
	uint16_t machine;        /* 0: x86-64 */
	const char *interpreter; /* NULL: linked statically */
	const char *needed[4];   /* libraries */
	uint64_t dynamic_bytes;  /* what the dynamic segment claims; 0: the truth */
	size_t cut;              /* bytes that are kept; 0: all */
};

/* Writes it to the working directory with that mode. */
void gd_elf_write(const struct gd_elf *elf, const char *name, unsigned int mode);

#endif

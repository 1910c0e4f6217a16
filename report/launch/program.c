/* SPDX-License-Identifier: MIT */
/*
 * Reads just enough of an ELF file: class, machine, interpreter, needed libraries.  A file that it
 * does not understand is left to the kernel.
 */
#include "program.h"
#include <base/cleanup.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define SCRIPT_DEPTH 4
#define HEADERS_MAX  64
#define DYNAMIC_MAX  (1 << 20)

/* ---- Finding the file ------------------------------------------------------------------------ */

static bool is_executable_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && eaccess(path, X_OK) == 0;
}

/* As execvp does it: a name with a slash, or none at all, is a path, else PATH decides. */
static enum gd_program_kind find_file(const char *name, char *ret_path, size_t size_bytes)
{
	const char *list = getenv("PATH");
	enum gd_program_kind kind = GD_PROGRAM_MISSING;

	if (strchr(name, '/') || !*name) {
		snprintf(ret_path, size_bytes, "%s", name);
		if (is_executable_file(name))
			return GD_PROGRAM_WATCHABLE;
		return eaccess(name, F_OK) == 0 ? GD_PROGRAM_NOT_EXECUTABLE : GD_PROGRAM_MISSING;
	}
	if (!list)
		list = "/bin:/usr/bin";
	for (;;) {
		size_t length = strcspn(list, ":");

		snprintf(ret_path, size_bytes, "%.*s%s%s", (int)length, list, length ? "/" : "",
			 name);
		if (is_executable_file(ret_path))
			return GD_PROGRAM_WATCHABLE;
		if (eaccess(ret_path, F_OK) == 0)
			kind = GD_PROGRAM_NOT_EXECUTABLE;
		if (!list[length])
			break;
		list += length + 1;
	}
	snprintf(ret_path, size_bytes, "%s", name);
	return kind;
}

/* ---- ELF
 * ------------------------------------------------------------------------------------------------
 */

static bool read_at(int fd, void *buf, size_t size_bytes, uint64_t offset)
{
	return pread(fd, buf, size_bytes, (off_t)offset) == (ssize_t)size_bytes;
}

/* The file offset of a virtual address, 0 when no segment holds it. */
static uint64_t file_offset(const Elf64_Phdr *headers, size_t count, uint64_t address)
{
	for (size_t i = 0; i < count; i++)
		if (headers[i].p_type == PT_LOAD && address >= headers[i].p_vaddr &&
		    address - headers[i].p_vaddr < headers[i].p_filesz)
			return headers[i].p_offset + (address - headers[i].p_vaddr);
	return 0;
}

/* Does it need a sanitizer's library?  Those abort unless they come first. */
static bool needs_sanitizer(int fd, const Elf64_Phdr *headers, size_t count,
			    const Elf64_Phdr *dynamic)
{
	size_t entries = dynamic->p_filesz / sizeof(Elf64_Dyn);
	gd_autofree Elf64_Dyn *table = NULL;
	uint64_t strings = 0;

	if (dynamic->p_filesz > DYNAMIC_MAX)
		return false;
	table = malloc(dynamic->p_filesz + 1);
	if (!table || !read_at(fd, table, entries * sizeof(*table), dynamic->p_offset))
		return false;
	for (size_t i = 0; i < entries; i++)
		if (table[i].d_tag == DT_STRTAB)
			strings = file_offset(headers, count, table[i].d_un.d_ptr);
	for (size_t i = 0; strings && i < entries; i++) {
		char name[16] = "";

		if (table[i].d_tag == DT_NEEDED &&
		    read_at(fd, name, sizeof(name) - 1, strings + table[i].d_un.d_val) &&
		    (strncmp(name, "libasan.so", 10) == 0 || strncmp(name, "libtsan.so", 10) == 0 ||
		     strncmp(name, "liblsan.so", 10) == 0))
			return true;
	}
	return false;
}

static enum gd_program_kind inspect_elf(int fd, const Elf64_Ehdr *header)
{
	Elf64_Phdr headers[HEADERS_MAX];
	size_t count = header->e_phnum < HEADERS_MAX ? header->e_phnum : HEADERS_MAX;
	const Elf64_Phdr *dynamic = NULL;
	char interpreter[PATH_MAX] = "";

	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64)
		return GD_PROGRAM_OTHER_MACHINE;
	if (header->e_phentsize != sizeof(headers[0]) ||
	    !read_at(fd, headers, count * sizeof(headers[0]), header->e_phoff))
		return GD_PROGRAM_WATCHABLE; /* let the kernel say what is wrong with it */
	for (size_t i = 0; i < count; i++) {
		if (headers[i].p_type == PT_INTERP && headers[i].p_filesz < sizeof(interpreter) &&
		    !read_at(fd, interpreter, headers[i].p_filesz, headers[i].p_offset))
			interpreter[0] = 0;
		if (headers[i].p_type == PT_DYNAMIC)
			dynamic = &headers[i];
	}
	if (!interpreter[0])
		return GD_PROGRAM_STATIC;
	if (!strstr(interpreter, "ld-linux"))
		return GD_PROGRAM_OTHER_LIBC;
	if (dynamic && needs_sanitizer(fd, headers, count, dynamic))
		return GD_PROGRAM_SANITIZED;
	return GD_PROGRAM_WATCHABLE;
}

/* The loader drops LD_PRELOAD where a program gains rights. */
static bool gains_rights(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
	    (st.st_mode & S_ISGID && st.st_gid != getegid()))
		return true;
	return geteuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

/* ---- Scripts --------------------------------------------------------------------------------- */

/* The program of a #! line; behind /usr/bin/env the next word. */
static bool read_interpreter(const char *line, char *ret_name, size_t size_bytes)
{
	const char *at = line + 2 + strspn(line + 2, " \t");
	size_t length = strcspn(at, " \t\n");

	if (!length || length >= size_bytes)
		return false;
	if (length >= 4 && strncmp(at + length - 4, "/env", 4) == 0) {
		at += length;
		at += strspn(at, " \t");
		if (strncmp(at, "-S", 2) == 0)
			at += 2 + strspn(at + 2, " \t");
		length = strcspn(at, " \t\n");
		if (!length || length >= size_bytes)
			return false;
	}
	snprintf(ret_name, size_bytes, "%.*s", (int)length, at);
	return true;
}

enum gd_program_kind gd_program_inspect(const char *name, char *ret_path, size_t size_bytes)
{
	char current[PATH_MAX];

	snprintf(current, sizeof(current), "%s", name);
	for (int depth = 0; depth < SCRIPT_DEPTH; depth++) {
		enum gd_program_kind kind = find_file(current, ret_path, size_bytes);
		gd_autoclose int fd = -1;
		union {
			Elf64_Ehdr elf;
			char text[256];
		} head = { .text = "" };

		/* A missing interpreter is the kernel's to report: what the user named is there. */
		if (kind != GD_PROGRAM_WATCHABLE)
			return depth ? GD_PROGRAM_WATCHABLE : kind;
		if (gains_rights(ret_path))
			return GD_PROGRAM_SETUID;
		fd = open(ret_path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || pread(fd, &head, sizeof(head) - 1, 0) < 4)
			return GD_PROGRAM_WATCHABLE; /* executable, not readable: try */
		if (memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0)
			return inspect_elf(fd, &head.elf);
		if (head.text[0] != '#' || head.text[1] != '!' ||
		    !read_interpreter(head.text, current, sizeof(current)))
			return GD_PROGRAM_WATCHABLE;
	}
	return GD_PROGRAM_WATCHABLE;
}

const char *gd_program_words(enum gd_program_kind kind)
{
	switch (kind) {
	case GD_PROGRAM_STATIC:
		return "is linked statically: nothing can be preloaded, it runs unwatched";
	case GD_PROGRAM_SETUID:
		return "gains rights when it starts: the loader drops preloads, it runs unwatched";
	case GD_PROGRAM_OTHER_LIBC:
		return "uses another libc than glibc (musl?): it runs unwatched";
	case GD_PROGRAM_OTHER_MACHINE:
		return "is no x86-64 program (32-bit?): it runs unwatched";
	case GD_PROGRAM_SANITIZED:
		return "brings a sanitizer that must be the first library: it runs unwatched";
	case GD_PROGRAM_WATCHABLE:
	case GD_PROGRAM_MISSING:
	case GD_PROGRAM_NOT_EXECUTABLE:
		break;
	}
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * libdw does the reading.  One module at a time is reported to it, at an address of our choosing: a
 * place is an offset in its module, so the process's own layout is not needed.
 */
#include "symbols.h"
#include <base/cleanup.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>

#define BASE 0x10000000ull /* where a position-independent module is put */

struct module {
	Dwfl *dwfl;
	Dwfl_Module *handle;
	bool is_fixed; /* linked to its address (ET_EXEC) */
};

static double changed_epoch_s(const struct stat *st)
{
	return (double)st->st_ctim.tv_sec + (double)st->st_ctim.tv_nsec / 1e9;
}

/* A file that has changed since it was mapped would give names, but wrong ones. */
static bool look_at(const char *path, double mapped_epoch_s, struct module *ret_module)
{
	gd_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char head[18];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    changed_epoch_s(&st) > mapped_epoch_s ||
	    read(fd, head, sizeof(head)) != (ssize_t)sizeof(head))
		return false;
	ret_module->is_fixed = head[16] == ET_EXEC;
	return true;
}

static bool open_module(const char *path, double mapped_epoch_s, struct module *ret_module)
{
	static char *no_path = NULL;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &no_path,
		.section_address = dwfl_offline_section_address,
	};

	if (!look_at(path, mapped_epoch_s, ret_module))
		return false;
	ret_module->dwfl = dwfl_begin(&callbacks);
	if (!ret_module->dwfl)
		return false;
	dwfl_report_begin(ret_module->dwfl);
	ret_module->handle = dwfl_report_elf(ret_module->dwfl, path, path, -1, BASE, false);
	dwfl_report_end(ret_module->dwfl, NULL, NULL);
	if (ret_module->handle)
		return true;
	dwfl_end(ret_module->dwfl);
	return false;
}

static const char *keep(struct gd_pool *pool, const char *text)
{
	const char *copy = text ? gd_pool_text(pool, text, 4096) : NULL;

	return copy ? copy : "";
}

/* Of the compiler and the C library: nobody's own line. */
static bool is_system(const char *file)
{
	return strncmp(file, "/usr/include/", 13) == 0 || strncmp(file, "/usr/lib/", 9) == 0;
}

static const char *call_file(Dwarf_Die *scope)
{
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word number;
	Dwarf_Die unit;

	if (!dwarf_diecu(scope, &unit, NULL, NULL) || dwarf_getsrcfiles(&unit, &files, NULL) != 0 ||
	    dwarf_formudata(dwarf_attr(scope, DW_AT_call_file, &attribute), &number) != 0)
		return NULL;
	return dwarf_filesrc(files, number, NULL, NULL);
}

static int call_line(Dwarf_Die *scope)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number;

	return dwarf_formudata(dwarf_attr(scope, DW_AT_call_line, &attribute), &number) == 0
		       ? (int)number
		       : 0;
}

/* The function around a scope, by the name that its writer gave it. */
static const char *function_around(Dwarf_Die *scopes, int count)
{
	for (int i = 0; i < count; i++)
		if (dwarf_tag(&scopes[i]) == DW_TAG_inlined_subroutine ||
		    dwarf_tag(&scopes[i]) == DW_TAG_subprogram)
			return dwarf_diename(&scopes[i]);
	return NULL;
}

/*
 * A lock is often taken by a function of a header, inlined: std::lock_guard's constructor.  The line
 * that a user knows is the one that it was inlined into.
 */
static void leave_headers(Dwarf_Die *scopes, int count, struct gd_place *place,
			  struct gd_pool *pool)
{
	const char *function;
	int i;

	for (i = 0; i < count && is_system(place->file); i++) {
		const char *file;

		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		file = call_file(&scopes[i]);
		if (!file || !call_line(&scopes[i]))
			continue;
		place->file = keep(pool, file);
		place->line = call_line(&scopes[i]);
	}
	function = function_around(scopes + i, count - i);
	/* libc writes __libc_read, and all others call it read: as the symbol does. */
	if (function && strncmp(function, "__", 2) != 0)
		place->function = keep(pool, function);
}

static void look_into(const struct module *module, Dwarf_Addr address, struct gd_place *place,
		      struct gd_pool *pool)
{
	Dwarf_Die *innermost = NULL, *scopes = NULL;
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = dwfl_module_addrdie(module->handle, address, &bias);
	int count = 0;

	/* The first list leaves the code for where an inlined function was written; the second stays. */
	if (unit && dwarf_getscopes(unit, address - bias, &innermost) > 0)
		count = dwarf_getscopes_die(innermost, &scopes);
	if (count > 0)
		leave_headers(scopes, count, place, pool);
	free(innermost);
	free(scopes);
}

/* A site is where a call returns to: the call itself lies just before. */
static void name_place(const struct module *module, struct gd_place *place, struct gd_pool *pool)
{
	Dwarf_Addr address = (module->is_fixed ? place->address : BASE + place->offset) - 1;
	Dwfl_Line *line = dwfl_module_getsrc(module->handle, address);
	int number = 0;

	place->function = keep(pool, dwfl_module_addrname(module->handle, address));
	if (!line)
		return;
	place->file = keep(pool, dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL));
	place->line = number;
	look_into(module, address, place, pool);
}

/*
 * What C++ calls a variable: _ZL6ledger, or _ZN4bank6ledgerE in a namespace or a class.  With
 * templates and the like it stays as it is.  Returns the length written, 0 where it is no such name.
 */
static size_t demangle(const char *symbol, char *ret_name, size_t size_bytes)
{
	const char *at = symbol + 2;
	bool is_nested = strncmp(symbol, "_ZN", 3) == 0;
	size_t used = 0;

	if (strncmp(symbol, "_ZL", 3) != 0 && !is_nested)
		return 0;
	for (at++; *at == 'L' || (*at >= '1' && *at <= '9');) {
		char *end;
		size_t length = *at == 'L' ? 0 : strtoul(at, &end, 10);

		if (*at == 'L') {
			at++;
			continue;
		}
		if (length > strlen(end) || used + length + 3 > size_bytes)
			return 0;
		used += (size_t)snprintf(ret_name + used, size_bytes - used, "%s%.*s",
					 used ? "::" : "", (int)length, end);
		at = end + length;
	}
	return strcmp(at, is_nested ? "E" : "") == 0 ? used : 0;
}

/* Only what lies within a variable is that variable. */
static void name_variable(const struct module *module, struct gd_place *place, struct gd_pool *pool)
{
	Dwarf_Addr address = module->is_fixed ? place->address : BASE + place->offset;
	GElf_Off offset;
	GElf_Sym symbol;
	const char *name =
		dwfl_module_addrinfo(module->handle, address, &offset, &symbol, NULL, NULL, NULL);
	char plain[200], text[256];

	if (!name || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT || offset >= symbol.st_size)
		return;
	if (demangle(name, plain, sizeof(plain)))
		name = plain;
	if (offset)
		snprintf(text, sizeof(text), "%s+0x%llx", name, (unsigned long long)offset);
	else
		snprintf(text, sizeof(text), "%s", name);
	place->function = keep(pool, text);
}

static bool is_same_module(const struct gd_place *a, const struct gd_place *b)
{
	return strcmp(a->module, b->module) == 0;
}

static bool is_first_of_module(const struct gd_process_model *process, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (is_same_module(process->natives[i], process->natives[index]))
			return false;
	return true;
}

void gd_symbols_resolve(struct gd_process_model *process, struct gd_pool *pool)
{
	double ended_epoch_s = process->started_epoch_s + process->life_s;

	unsetenv("DEBUGINFOD_URLS"); /* a report must not wait for the network */
	for (size_t i = 0; i < process->native_count; i++) {
		struct gd_place *first = process->natives[i];
		struct module module;

		if (!*first->module || !is_first_of_module(process, i) ||
		    !open_module(first->module, ended_epoch_s, &module))
			continue;
		for (size_t k = i; k < process->native_count; k++)
			if (is_same_module(process->natives[k], first))
				(process->natives[k]->is_data ? name_variable : name_place)(
					&module, process->natives[k], pool);
		dwfl_end(module.dwfl);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * libdw does the reading.  One module at a time is reported to it, at an address of our choosing: a
 * place is an offset in its module, so the process's own layout is not needed.
 */
#include "symbols.h"
#include <base/cleanup.h>
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
}

/* Only what lies within a variable is that variable. */
static void name_variable(const struct module *module, struct gd_place *place, struct gd_pool *pool)
{
	Dwarf_Addr address = module->is_fixed ? place->address : BASE + place->offset;
	GElf_Off offset;
	GElf_Sym symbol;
	const char *name =
		dwfl_module_addrinfo(module->handle, address, &offset, &symbol, NULL, NULL, NULL);
	char text[256];

	if (!name || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT || offset >= symbol.st_size)
		return;
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

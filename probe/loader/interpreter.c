/* SPDX-License-Identifier: MIT */
#include "interpreter.h"
#include "elf_symbol.h"
#include "follow.h"
#include "mapped.h"
#include <base/cleanup.h>
#include <errno.h>
#include <fcntl.h>
#include <runtime/cpython_gil.h>
#include <string.h>
#include <sys/syscall.h>

static bool is_python(const char *name, int fd)
{
	struct gd_elf_symbol symbol;

	if (strncmp(name, "lib", 3) == 0)
		name += 3;
	return strncmp(name, "python3", 7) == 0 &&
	       (fd < 0 || gd_elf_symbol(fd, "_PyRuntime", &symbol) == 0);
}

static bool read_memory(void *arg, uint64_t address, void *buf, size_t size_bytes)
{
	const struct gd_interpreter *interpreter = arg;

	return interpreter->fd >= 0 && address < INT64_MAX &&
	       pread(interpreter->fd, buf, size_bytes, (off_t)address) == (ssize_t)size_bytes;
}

/* In the process; 0: the file does not export it. */
static uint64_t address_of(const struct gd_mapped *file, uint64_t base, const char *name)
{
	struct gd_elf_symbol symbol;

	return gd_elf_symbol(file->fd, name, &symbol) == 0 ? base + symbol.address : 0;
}

/* 3.11 and later say their version, the others' files are named after it. */
static uint16_t version_of(const struct gd_interpreter *interpreter, const struct gd_mapped *file,
			   uint64_t base)
{
	uint64_t at = address_of(file, base, "Py_Version");
	unsigned int minor = 0;
	uint32_t version = 0;

	if (at && gd_memory_read(&interpreter->memory, at, &version, sizeof(version)))
		return (uint16_t)(version >> 16);
	if (sscanf(strstr(file->name, "python3"), "python3.%u", &minor) == 1 && minor < 0x100)
		return (uint16_t)(0x300 | minor);
	return 0;
}

static void learn(struct gd_interpreter *interpreter, const struct gd_mapped *file)
{
	uint64_t base = gd_elf_is_fixed(file->fd) ? 0 : file->start;
	struct gd_cpython *python = &interpreter->python;

	interpreter->version = version_of(interpreter, file, base);
	interpreter->runtime = address_of(file, base, "_PyRuntime");
	interpreter->start = file->start;
	interpreter->inode = file->inode;
	/* What cannot be found is learnt from what it does. */
	interpreter->gil =
		gd_cpython_gil(interpreter->version, &interpreter->memory, interpreter->runtime);
	python->memory = interpreter->memory;
	python->types.code = address_of(file, base, "PyCode_Type");
	python->types.unicode = address_of(file, base, "PyUnicode_Type");
	python->types.bytes = address_of(file, base, "PyBytes_Type");
	interpreter->has_stacks =
		python->types.code && python->types.unicode && python->types.bytes &&
		gd_cpython_offsets_find(interpreter->version, &interpreter->memory,
					interpreter->runtime, &python->offsets) &&
		gd_cpython_threads_find(&python->offsets, &interpreter->memory,
					interpreter->runtime, &interpreter->threads);
}

int gd_interpreter_find(int32_t pid, uint32_t owner, struct gd_interpreter *ret_interpreter)
{
	gd_autoclose int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct gd_diag diag = { "" };
	struct gd_mapped file;
	char path[40];
	int err;

	*ret_interpreter = (struct gd_interpreter){ .fd = -1 };
	ret_interpreter->memory = (struct gd_memory){ read_memory, ret_interpreter };
	if (pidfd < 0)
		return -errno;
	err = gd_follow_check(pidfd, pid, owner, &diag);
	if (err)
		return err;
	file = gd_mapped_find(pid, is_python);
	if (file.fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	ret_interpreter->fd = open(path, O_RDONLY | O_CLOEXEC);
	learn(ret_interpreter, &file);
	close(file.fd);
	/* Still the one that was asked for, not another of its number? */
	err = gd_follow_check(pidfd, pid, owner, &diag);
	if (err)
		gd_interpreter_forget(ret_interpreter);
	return err;
}

void gd_interpreter_move(struct gd_interpreter *interpreter, uint64_t start)
{
	uint64_t further = start - interpreter->start; /* modulo 2^64 */

	interpreter->start = start;
	interpreter->has_stacks = false;
	interpreter->runtime += further;
	/* From 3.12 on it is in the main interpreter's struct, and that in _PyRuntime. */
	if (interpreter->gil)
		interpreter->gil += further;
	interpreter->python.types.code += further;
	interpreter->python.types.unicode += further;
	interpreter->python.types.bytes += further;
}

bool gd_interpreter_is_up(struct gd_interpreter *interpreter)
{
	interpreter->has_stacks =
		gd_cpython_threads_find(&interpreter->python.offsets, &interpreter->memory,
					interpreter->runtime, &interpreter->threads);
	return interpreter->has_stacks;
}

void gd_interpreter_forget(struct gd_interpreter *interpreter)
{
	if (interpreter->fd >= 0)
		close(interpreter->fd);
	interpreter->fd = -1;
	interpreter->runtime = 0;
	interpreter->version = 0;
	interpreter->has_stacks = false;
}

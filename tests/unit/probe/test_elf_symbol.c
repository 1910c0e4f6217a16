/* SPDX-License-Identifier: MIT */
/* What a file exports: this program's own libc tells, and no piece of a file does harm. */
#include <base/cleanup.h>
#include <builders/scratch.h>
#include <dlfcn.h>
#include <elf_symbol.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unit/cmocka_begin.h>

static int libc_fd = -1;
static uint64_t libc_base;

static int find_libc(void **state)
{
	Dl_info info;

	if (gd_scratch_enter(state) != 0 ||
	    !dladdr(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &info))
		return -1;
	libc_base = (uint64_t)(uintptr_t)info.dli_fbase;
	libc_fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	return libc_fd < 0 ? -1 : 0;
}

/* libc has it in two versions: the default one is the one that a program is bound to. */
static void the_default_version_is_found(void **state)
{
	struct gd_elf_symbol symbol;
	void *ours = dlvsym(RTLD_DEFAULT, "pthread_cond_signal", "GLIBC_2.3.2");

	(void)state;
	assert_int_equal(gd_elf_symbol(libc_fd, "pthread_cond_signal", &symbol), 0);
	assert_int_equal(libc_base + symbol.address, (uintptr_t)ours);
	assert_memory_equal(symbol.code, ours, sizeof(symbol.code));
	assert_false(gd_elf_is_fixed(libc_fd));
}

static void what_is_not_there_is_not_found(void **state)
{
	struct gd_elf_symbol symbol;

	(void)state;
	assert_int_equal(gd_elf_symbol(libc_fd, "_PyRuntime", &symbol), -ENOENT);
	assert_int_equal(gd_elf_symbol(-1, "qsort", &symbol), -ENOEXEC);
}

static void a_file_that_was_cut_is_refused_or_right(void **state)
{
	struct stat st;
	gd_autofree char *bytes = NULL;

	(void)state;
	assert_int_equal(fstat(libc_fd, &st), 0);
	bytes = malloc((size_t)st.st_size);
	assert_non_null(bytes);
	assert_int_equal(pread(libc_fd, bytes, (size_t)st.st_size, 0), st.st_size);
	for (int i = 0; i < 40; i++) {
		size_t kept = (size_t)st.st_size / 40 * (size_t)i;
		struct gd_elf_symbol symbol;
		int fd;

		gd_scratch_write("cut", bytes, kept, 0600);
		fd = open("cut", O_RDONLY | O_CLOEXEC);
		assert_int_not_equal(gd_elf_symbol(fd, "pthread_cond_signal", &symbol), 0);
		close(fd);
		unlink("cut");
	}
}

/* Counts, offsets and sizes of the section table as wrong as they can be. */
static void a_table_that_lies_does_no_harm(void **state)
{
	struct stat st;
	gd_autofree char *bytes = NULL;
	const uint32_t lie = 0xffffffff;
	ElfW(Ehdr) header;
	int fd;

	(void)state;
	assert_int_equal(fstat(libc_fd, &st), 0);
	bytes = malloc((size_t)st.st_size);
	assert_non_null(bytes);
	assert_int_equal(pread(libc_fd, bytes, (size_t)st.st_size, 0), st.st_size);
	memcpy(&header, bytes, sizeof(header));
	gd_scratch_write("liar", bytes, (size_t)st.st_size, 0600);
	fd = open("liar", O_RDWR | O_CLOEXEC);
	for (size_t at = 0; at < (size_t)header.e_shnum * sizeof(ElfW(Shdr)); at += sizeof(lie)) {
		off_t place = (off_t)(header.e_shoff + at);
		struct gd_elf_symbol symbol = { 0 };

		assert_int_equal(pwrite(fd, &lie, sizeof(lie), place), sizeof(lie));
		if (gd_elf_symbol(fd, "pthread_cond_signal", &symbol) == 0)
			assert_int_not_equal(symbol.address, 0);
		assert_int_equal(pwrite(fd, bytes + place, sizeof(lie), place), sizeof(lie));
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_version_is_found),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(a_file_that_was_cut_is_refused_or_right),
		cmocka_unit_test(a_table_that_lies_does_no_harm),
	};

	return cmocka_run_group_tests(tests, find_libc, gd_scratch_leave);
}

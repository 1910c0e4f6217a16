/* SPDX-License-Identifier: MIT */
/* What kind of program a command is, told from headers that are built here. */
#include <base/cleanup.h>
#include <builders/elf.h>
#include <builders/scratch.h>
#include <elf.h>
#include <limits.h>
#include <program.h>
#include <string.h>
#include <sys/stat.h>
#include <unit/cmocka_begin.h>

#define GLIBC "/lib64/ld-linux-x86-64.so.2"

static enum gd_program_kind inspect(const char *name)
{
	char path[PATH_MAX];

	return gd_program_inspect(name, path, sizeof(path));
}

/* ---- ELF ------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	const char *name;
	struct gd_elf elf;
	enum gd_program_kind kind;
} programs[] = {
	{ "a program of glibc",            { .interpreter = GLIBC, .needed = { "libc.so.6" } }, GD_PROGRAM_WATCHABLE },
	{ "a static one",                  { .interpreter = NULL }, GD_PROGRAM_STATIC },
	{ "one of musl",                   { .interpreter = "/lib/ld-musl-x86_64.so.1" }, GD_PROGRAM_OTHER_LIBC },
	{ "one of 32 bits",                { .class = ELFCLASS32, .machine = EM_386, .interpreter = GLIBC }, GD_PROGRAM_OTHER_MACHINE },
	{ "one of x32",                    { .class = ELFCLASS32, .interpreter = GLIBC }, GD_PROGRAM_OTHER_MACHINE },
	{ "one for ARM",                   { .machine = EM_AARCH64, .interpreter = GLIBC }, GD_PROGRAM_OTHER_MACHINE },
	{ "one with ASan",                 { .interpreter = GLIBC, .needed = { "libasan.so.8", "libc.so.6" } }, GD_PROGRAM_SANITIZED },
	{ "one with TSan, not in front",   { .interpreter = GLIBC, .needed = { "libc.so.6", "libtsan.so.2" } }, GD_PROGRAM_SANITIZED },
	{ "one with LSan",                 { .interpreter = GLIBC, .needed = { "liblsan.so.0" } }, GD_PROGRAM_SANITIZED },
	{ "one whose library sounds alike", { .interpreter = GLIBC, .needed = { "libasan-like.so.1" } }, GD_PROGRAM_WATCHABLE },
	{ "one whose table is absurd",     { .interpreter = GLIBC, .needed = { "libasan.so.8" }, .dynamic_bytes = UINT64_MAX / 2 }, GD_PROGRAM_WATCHABLE },
	{ "one whose table leaves the file", { .interpreter = GLIBC, .needed = { "libasan.so.8" }, .dynamic_bytes = 1 << 20 }, GD_PROGRAM_WATCHABLE },
	{ "one that is cut",               { .interpreter = GLIBC, .cut = 70 }, GD_PROGRAM_WATCHABLE },
	{ "one that is cut in its header", { .interpreter = GLIBC, .cut = 10 }, GD_PROGRAM_OTHER_MACHINE },
};
/* clang-format on */

static void headers_tell_what_can_be_watched(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		gd_elf_write(&programs[i].elf, "program", 0755);
		if (inspect("./program") != programs[i].kind)
			print_error("%s\n", programs[i].name);
		assert_int_equal(inspect("./program"), programs[i].kind);
	}
}

/* ---- Scripts --------------------------------------------------------------------------------- */

static void write_script(const char *name, const char *line)
{
	gd_scratch_write(name, line, strlen(line), 0755);
}

static void a_script_is_what_its_interpreter_is(void **state)
{
	static const struct {
		const char *line; /* %s: this folder */
		enum gd_program_kind kind;
	} rows[] = {
		{ "#!%s/dynamic\n", GD_PROGRAM_WATCHABLE },
		{ "#!%s/static\n", GD_PROGRAM_STATIC },
		{ "#! \t %s/static -u\n", GD_PROGRAM_STATIC },
		{ "#!/usr/bin/env static\n# %s", GD_PROGRAM_STATIC },
		{ "#!/usr/bin/env -S static -u\n# %s", GD_PROGRAM_STATIC },
		{ "#!/usr/bin/env -Sstatic -u\n# %s", GD_PROGRAM_STATIC },
		{ "#!/usr/bin/env  dynamic\n# %s", GD_PROGRAM_WATCHABLE },
		{ "#!%s/to-static\n", GD_PROGRAM_STATIC }, /* a script's script */
		{ "#!%s/to-itself\n",
		  GD_PROGRAM_WATCHABLE }, /* without end: the kernel's to refuse */
		{ "#!%s/missing\n", GD_PROGRAM_WATCHABLE }, /* the same */
		{ "#!\n%s", GD_PROGRAM_WATCHABLE },
		{ "#!/usr/bin/env\n%s", GD_PROGRAM_WATCHABLE },
		{ "echo no interpreter named %s\n", GD_PROGRAM_WATCHABLE },
	};
	gd_autofree char *line = NULL;

	gd_elf_write(&(struct gd_elf){ .interpreter = GLIBC }, "dynamic", 0755);
	gd_elf_write(&(struct gd_elf){ .interpreter = NULL }, "static", 0755);
	assert_true(asprintf(&line, "#!%s/static\n", (const char *)*state) > 0);
	write_script("to-static", line);
	sprintf(line, "#!%s/to-it\n", (const char *)*state);
	write_script("to-it", line);
	setenv("PATH", *state, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gd_autofree char *text = NULL;

		assert_true(asprintf(&text, rows[i].line, (const char *)*state) > 0);
		write_script("script", text);
		if (inspect("./script") != rows[i].kind)
			print_error("%s", text);
		assert_int_equal(inspect("./script"), rows[i].kind);
	}
}

/* ---- Finding it ------------------------------------------------------------------------------ */

static void the_path_is_searched_as_exec_does(void **state)
{
	gd_autofree char *path = NULL;
	gd_autofree char *expected = NULL;
	char found[PATH_MAX];

	assert_true(asprintf(&path, "%s/one:/nowhere:%s/two", (const char *)*state,
			     (const char *)*state) > 0);
	assert_true(asprintf(&expected, "%s/two/tool", (const char *)*state) > 0);
	assert_int_equal(mkdir("one", 0755), 0);
	assert_int_equal(mkdir("two", 0755), 0);
	setenv("PATH", path, 1);
	assert_int_equal(inspect("tool"), GD_PROGRAM_MISSING);
	gd_elf_write(&(struct gd_elf){ .interpreter = GLIBC }, "one/tool", 0644);
	assert_int_equal(inspect("tool"), GD_PROGRAM_NOT_EXECUTABLE);
	gd_elf_write(&(struct gd_elf){ .interpreter = GLIBC }, "two/tool", 0755);
	assert_int_equal(gd_program_inspect("tool", found, sizeof(found)), GD_PROGRAM_WATCHABLE);
	assert_string_equal(found, expected);
	gd_elf_write(&(struct gd_elf){ .interpreter = NULL }, "here", 0755);
	assert_int_equal(inspect("here"), GD_PROGRAM_MISSING);
	setenv("PATH", "/nowhere:", 1); /* an empty word is the working directory */
	assert_int_equal(inspect("here"), GD_PROGRAM_STATIC);
}

static void a_path_is_taken_as_it_is(void **state)
{
	(void)state;
	gd_elf_write(&(struct gd_elf){ .interpreter = GLIBC }, "plain", 0644);
	assert_int_equal(inspect("./plain"), GD_PROGRAM_NOT_EXECUTABLE);
	assert_int_equal(inspect("./missing"), GD_PROGRAM_MISSING);
	assert_int_equal(inspect("/"), GD_PROGRAM_NOT_EXECUTABLE); /* a folder */
}

static void a_program_that_gains_rights_is_told_apart(void **state)
{
	(void)state;
	gd_elf_write(&(struct gd_elf){ .interpreter = GLIBC }, "own", 04755);
	assert_int_equal(inspect("./own"), GD_PROGRAM_WATCHABLE); /* it gains what it has */
	if (geteuid() != 0) {
		print_message("skipped: only root can make a file somebody else's\n");
		skip();
	}
	gd_elf_write(&(struct gd_elf){ .interpreter = GLIBC }, "user", 0755);
	assert_int_equal(chown("user", 65534, (gid_t)-1), 0);
	assert_int_equal(inspect("./user"), GD_PROGRAM_WATCHABLE);
	assert_int_equal(chmod("user", 04755), 0);
	assert_int_equal(inspect("./user"), GD_PROGRAM_SETUID);
	gd_elf_write(&(struct gd_elf){ .interpreter = GLIBC }, "group", 0755);
	assert_int_equal(chown("group", (uid_t)-1, 65534), 0);
	assert_int_equal(inspect("./group"), GD_PROGRAM_WATCHABLE);
	assert_int_equal(chmod("group", 02755), 0);
	assert_int_equal(inspect("./group"), GD_PROGRAM_SETUID);
}

static void every_kind_that_runs_unwatched_says_why(void **state)
{
	(void)state;
	for (int kind = GD_PROGRAM_STATIC; kind <= GD_PROGRAM_SANITIZED; kind++) {
		const char *words = gd_program_words((enum gd_program_kind)kind);

		assert_non_null(words);
		assert_non_null(strstr(words, "it runs unwatched"));
	}
	assert_null(gd_program_words(GD_PROGRAM_WATCHABLE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_tell_what_can_be_watched),
		cmocka_unit_test(a_script_is_what_its_interpreter_is),
		cmocka_unit_test(the_path_is_searched_as_exec_does),
		cmocka_unit_test(a_path_is_taken_as_it_is),
		cmocka_unit_test(a_program_that_gains_rights_is_told_apart),
		cmocka_unit_test(every_kind_that_runs_unwatched_says_why),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}

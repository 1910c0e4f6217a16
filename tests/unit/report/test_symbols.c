/* SPDX-License-Identifier: MIT */
/* The test's own program has names that the test knows; what has none is not given any. */
#include <base/cleanup.h>
#include <builders/scratch.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <symbols.h>
#include <sys/stat.h>
#include <time.h>
#include <unit/cmocka_begin.h>

extern const char __ehdr_start[]; /* the linker's: where the file's beginning is mapped */

static struct gd_pool *pool;
static char self[PATH_MAX];

static int make_pool(void **state)
{
	(void)state;
	pool = gd_pool_new();
	return pool && readlink("/proc/self/exe", self, sizeof(self) - 1) > 0 ? 0 : -1;
}

static int free_pool(void **state)
{
	(void)state;
	gd_pool_free(pool);
	return 0;
}

/* Where its caller goes on. */
static __attribute__((noinline, noclone)) uintptr_t returns_to(void)
{
	__asm__ volatile("");
	return (uintptr_t)__builtin_return_address(0);
}

static __attribute__((noinline, noclone)) uintptr_t call_from_here(int *ret_line)
{
	uintptr_t at = returns_to();
	*ret_line = __LINE__ - 1;

	return at;
}

static __attribute__((noinline, noclone)) uintptr_t call_from_there(int *ret_line)
{
	uintptr_t at = returns_to();
	*ret_line = __LINE__ - 1;

	return at + 0 * (uintptr_t)*ret_line;
}

/* As libc's functions are: reserved where they are written, called by another name. */
uintptr_t __reserved_here(int *ret_line) __asm__("public_name");
__attribute__((noinline, noclone)) uintptr_t __reserved_here(int *ret_line)
{
	uintptr_t at = returns_to();
	*ret_line = __LINE__ - 1;

	return at + 1 - (uintptr_t)(*ret_line > 0);
}

static struct gd_place place_in(const char *module, uintptr_t address)
{
	return (struct gd_place){ .file = "",
				  .function = "",
				  .module = module,
				  .address = address,
				  .offset = address - (uintptr_t)__ehdr_start };
}

/* Of a process that ended some seconds from now. */
static void resolve_after(struct gd_place *places, size_t count, double seconds)
{
	struct gd_place *list[8];
	struct gd_process_model process = { .natives = list, .native_count = count };

	assert_true(count <= 8);
	for (size_t i = 0; i < count; i++)
		list[i] = &places[i];
	process.started_epoch_s = (double)time(NULL) - 1000;
	process.life_s = 1000 + seconds;
	gd_symbols_resolve(&process, pool);
}

static void resolve(struct gd_place *places, size_t count)
{
	resolve_after(places, count, 10);
}

static void assert_nameless(const struct gd_place *place)
{
	assert_string_equal(place->function, "");
	assert_string_equal(place->file, "");
	assert_int_equal(place->line, 0);
}

static void assert_named(const struct gd_place *place, const char *function, int line)
{
	const char *name = strrchr(place->file, '/');

	assert_string_equal(place->function, function);
	assert_string_equal(name ? name + 1 : place->file, "test_symbols.c");
	assert_int_equal(place->line, line);
}

/* ---- Names ----------------------------------------------------------------------------------- */

static void a_call_has_its_function_file_and_line(void **state)
{
	int here, there;
	struct gd_place places[2] = { place_in(self, call_from_here(&here)),
				      place_in(self, call_from_there(&there)) };

	(void)state;
	resolve(places, 2);
	assert_named(&places[0], "call_from_here", here);
	assert_named(&places[1], "call_from_there", there);
}

static void a_reserved_name_gives_way_to_the_symbol_s(void **state)
{
	int line;
	struct gd_place place = place_in(self, __reserved_here(&line));

	(void)state;
	resolve(&place, 1);
	assert_named(&place, "public_name", line);
}

static void places_of_several_modules_are_told_apart(void **state)
{
	int here, there;
	struct gd_place places[5] = {
		place_in("", call_from_here(&here)), /* in no module */
		place_in("/nowhere/at/all.so", 0x1234), place_in(self, call_from_here(&here)),
		place_in("/nowhere/at/all.so", 0x1234), place_in(self, call_from_there(&there)),
	};

	(void)state;
	resolve(places, 5);
	assert_nameless(&places[0]);
	assert_nameless(&places[1]);
	assert_named(&places[2], "call_from_here", here);
	assert_nameless(&places[3]);
	assert_named(&places[4], "call_from_there", there);
}

static void an_offset_outside_of_the_module_has_no_name(void **state)
{
	struct gd_place places[2] = { place_in(self, 1), place_in(self, 1) };

	(void)state;
	places[0].offset = 1ull << 40;
	places[1].offset = UINT64_MAX;
	resolve(places, 2);
	assert_nameless(&places[0]);
	assert_nameless(&places[1]);
}

/* ---- No names -------------------------------------------------------------------------------- */

static void a_stripped_program_has_no_names(void **state)
{
	int line;
	struct gd_place place = place_in(GD_STRIPPED, call_from_here(&line));

	(void)state;
	assert_int_equal(access(GD_STRIPPED, R_OK), 0);
	resolve(&place, 1);
	assert_nameless(&place);
}

static void what_is_no_program_has_no_names(void **state)
{
	struct gd_place places[4] = { place_in("text", 0x10), place_in("empty", 0x10),
				      place_in("folder", 0x10), place_in("pipe", 0x10) };

	(void)state;
	gd_scratch_write("text", "#! /bin/sh\n", 11, 0755);
	gd_scratch_write("empty", "", 0, 0755);
	assert_int_equal(mkdir("folder", 0755), 0);
	assert_int_equal(mkfifo("pipe", 0755), 0); /* nobody will ever write there */
	resolve(places, 4);
	for (size_t i = 0; i < 4; i++)
		assert_nameless(&places[i]);
}

static size_t copy(const char *from, const char *to, size_t size_max)
{
	gd_autoclose int fd = open(from, O_RDONLY | O_CLOEXEC);
	gd_autofree char *bytes = malloc(size_max);
	ssize_t n = read(fd, bytes, size_max);

	assert_true(n > 0);
	gd_scratch_write(to, bytes, (size_t)n, 0755);
	return (size_t)n;
}

static void a_program_that_is_cut_short_does_no_harm(void **state)
{
	size_t size = copy(self, "whole", 64 << 20);

	(void)state;
	for (size_t cut = 1; cut < size; cut += size / 50) {
		int line;
		struct gd_place place = place_in("cut", call_from_here(&line));

		copy("whole", "cut", cut);
		resolve(&place, 1);
		if (place.line)
			assert_named(&place, "call_from_here", line);
	}
}

static void a_file_that_was_replaced_since_has_no_names(void **state)
{
	int line;
	struct gd_place before = place_in("copy", call_from_here(&line)), after = before;
	static const struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	(void)state;
	copy(self, "copy", 64 << 20);
	/* As packages do, which keep the time that the file was built. */
	assert_int_equal(utimensat(AT_FDCWD, "copy", old, 0), 0);
	resolve_after(&before, 1, 10);
	assert_named(&before, "call_from_here", line);
	resolve_after(&after, 1, -10);
	assert_nameless(&after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pool, free_pool)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_has_its_function_file_and_line),
		TEST(a_reserved_name_gives_way_to_the_symbol_s),
		TEST(places_of_several_modules_are_told_apart),
		TEST(an_offset_outside_of_the_module_has_no_name),
		TEST(a_stripped_program_has_no_names),
		TEST(what_is_no_program_has_no_names),
		TEST(a_program_that_is_cut_short_does_no_harm),
		TEST(a_file_that_was_replaced_since_has_no_names),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}

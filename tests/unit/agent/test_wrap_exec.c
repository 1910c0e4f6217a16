/* SPDX-License-Identifier: MIT */
/* What a successor is given, and which file an exec by name will find. */
#include <arena.h>
#include <builders/awake.h>
#include <builders/elf.h>
#include <builders/scratch.h>
#include <elf.h>
#include <errno.h>
#include <hooks.h>
#include <lifecycle.h>
#include <limits.h>
#include <session.h>
#include <string.h>
#include <sys/stat.h>
#include <unit/cmocka_begin.h>

#define PRELOAD "LD_PRELOAD=libgildiag-agent.so" /* without a path it is the loader that finds it */
#define SESSION "GILDIAG_SESSION=/home/ada/gildiag.data/1"

/* ---- What stands around it ------------------------------------------------------------------- */

char gd_session_variable[GD_SESSION_PATH_BYTES] = SESSION;
static int execs, failures;

void gd_lifecycle_exec(void)
{
	execs++;
}

void gd_lifecycle_exec_failed(void)
{
	failures++;
}

/* The real exec fails, and remembers. */
static char *const *last_env;
static bool had_preload;
static int sessions;
static size_t argument_count;

static int remember(char *const argv[], char *const envp[])
{
	last_env = envp;
	had_preload = false;
	sessions = 0;
	for (argument_count = 0; argv[argument_count];)
		argument_count++;
	for (size_t i = 0; envp[i]; i++) {
		had_preload |= strcmp(envp[i], PRELOAD) == 0;
		sessions += strcmp(envp[i], SESSION) == 0;
	}
	errno = E2BIG;
	return -1;
}

static int real_execve(const char *path, char *const argv[], char *const envp[])
{
	(void)path;
	return remember(argv, envp);
}

static int real_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	(void)pid;
	(void)file;
	(void)actions;
	(void)attr;
	remember(argv, envp);
	return E2BIG;
}

static int wake(void **state)
{
	static const struct gd_elf foreign = { .interpreter = "/lib/ld-musl-x86_64.so.1" };
	static const struct gd_elf native = { .interpreter = "/lib64/ld-linux-x86-64.so.2" };

	gd_awake(state);
	gd_real.execve = real_execve;
	gd_real.execvpe = real_execve;
	gd_real.posix_spawnp = real_spawnp;
	mkdir("foreign", 0755);
	mkdir("native", 0755);
	mkdir("folder", 0755);
	mkdir("folder/prog", 0755);
	mkdir("text", 0755);
	gd_elf_write(&foreign, "foreign/prog", 0755);
	gd_elf_write(&foreign, "here", 0755);
	gd_elf_write(&native, "native/prog", 0755);
	gd_scratch_write("text/prog", "no program", 10, 0644);
	execs = failures = 0;
	return 0;
}

static char *argv_of_one[] = { "prog", NULL };

/* Is the successor given the agent? */
static bool is_followed(const char *file)
{
	char *env[] = { "A=1", PRELOAD, SESSION, "B=2", NULL };
	uint64_t lost = gd_process->lost[GD_LOST_CHILDREN];

	assert_int_equal(execvpe(file, argv_of_one, env), -1);
	assert_int_equal(errno, E2BIG);
	assert_int_equal(gd_process->lost[GD_LOST_CHILDREN], lost + !had_preload);
	return had_preload;
}

static bool is_followed_in(const char *path, const char *file)
{
	setenv("PATH", path, 1);
	return is_followed(file);
}

/* ---- Which file ------------------------------------------------------------------------------ */

static void a_name_with_a_slash_is_a_path(void **state)
{
	(void)state;
	assert_false(is_followed_in("native", "foreign/prog"));
	assert_true(is_followed_in("foreign", "native/prog"));
	assert_false(is_followed_in("native", "./here"));
}

static void the_first_in_path_is_found(void **state)
{
	(void)state;
	assert_false(is_followed_in("foreign", "prog"));
	assert_true(is_followed_in("native", "prog"));
	assert_false(is_followed_in("nowhere:foreign:native", "prog"));
	assert_true(is_followed_in("nowhere:native:foreign", "prog"));
	assert_true(is_followed_in("nowhere", "prog"));
}

static void what_cannot_be_executed_is_passed_over(void **state)
{
	(void)state;
	assert_false(is_followed_in("text:foreign", "prog"));
	assert_false(is_followed_in("folder:foreign", "prog"));
	assert_true(is_followed_in("folder:text:native:foreign", "prog"));
}

static void an_empty_element_is_the_working_directory(void **state)
{
	(void)state;
	assert_false(is_followed_in("", "here"));
	assert_false(is_followed_in(":native", "here"));
	assert_false(is_followed_in("native:", "here"));
	assert_false(is_followed_in("nowhere::native", "here"));
	assert_true(is_followed_in("native:nowhere", "here"));
}

static void without_a_path_it_is_the_system_s(void **state)
{
	(void)state;
	unsetenv("PATH");
	assert_true(is_followed("here"));
	assert_true(is_followed("prog"));
}

static void an_element_may_be_long_and_one_that_is_too_long_is_passed_over(void **state)
{
	static char path[2 * PATH_MAX];

	(void)state;
	for (int i = 0; i < 2000; i++)
		strcat(path, "./");
	strcat(path, "foreign");
	assert_false(is_followed_in(path, "prog"));
	for (size_t length = PATH_MAX - 10; length < PATH_MAX + 10; length++) {
		memset(path, 'x', length);
		strcpy(path + length, ":foreign");
		assert_false(is_followed_in(path, "prog"));
		strcpy(path + length, ":native");
		assert_true(is_followed_in(path, "prog"));
	}
}

static void a_name_that_is_no_pointer_is_libc_s_to_refuse(void **state)
{
	(void)state;
	setenv("PATH", "foreign", 1);
	assert_true(is_followed((const char *)1));
}

static void a_spawn_by_name_looks_there_too(void **state)
{
	char *env[] = { PRELOAD, SESSION, NULL };
	pid_t pid;

	(void)state;
	setenv("PATH", "foreign", 1);
	assert_int_equal(posix_spawnp(&pid, "prog", NULL, NULL, argv_of_one, env), E2BIG);
	assert_false(had_preload);
	setenv("PATH", "native", 1);
	assert_int_equal(posix_spawnp(&pid, "prog", NULL, NULL, argv_of_one, env), E2BIG);
	assert_true(had_preload);
}

/* ---- What it is given ------------------------------------------------------------------------ */

static void a_session_is_handed_on_once(void **state)
{
	char *without[] = { "A=1", PRELOAD, NULL };
	char *with[] = { SESSION, PRELOAD, NULL };

	(void)state;
	execve("native/prog", argv_of_one, without);
	assert_true(had_preload);
	assert_int_equal(sessions, 1);
	execve("native/prog", argv_of_one, with);
	assert_ptr_equal(last_env, with);
	assert_int_equal(sessions, 1);
}

static void an_environment_without_the_agent_is_passed_on_as_it_is(void **state)
{
	char *clean[] = { "A=1", "LD_PRELOAD=/usr/lib/libjemalloc.so", NULL };

	(void)state;
	execve("native/prog", argv_of_one, clean);
	assert_ptr_equal(last_env, clean);
	execve("foreign/prog", argv_of_one, clean);
	assert_ptr_equal(last_env, clean);
	assert_int_equal(gd_process->lost[GD_LOST_CHILDREN], 0);
}

static void other_machines_and_sanitizers_are_left_alone(void **state)
{
	static const struct gd_elf kinds[] = {
		{ .class = ELFCLASS32, .machine = EM_386 },
		{ .machine = EM_AARCH64 },
		{ .interpreter = "/lib64/ld-linux-x86-64.so.2",
		  .needed = { "libm.so.6", "libasan.so.8" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		gd_elf_write(&kinds[i], "kind", 0755);
		assert_false(is_followed("./kind"));
	}
}

static void under_a_filter_the_agent_stays_out(void **state)
{
	(void)state;
	gd_process->flags |= GD_FLAG_SECCOMP;
	assert_false(is_followed("native/prog"));
}

static void an_exec_that_fails_is_taken_back(void **state)
{
	(void)state;
	is_followed("native/prog");
	assert_int_equal(execs, 1);
	assert_int_equal(failures, 1);
}

static void arguments_in_a_row_become_a_list(void **state)
{
	(void)state;
	setenv("PATH", "native", 1);
	assert_int_equal(execlp("prog", "prog", "a", "b", NULL), -1);
	assert_int_equal(argument_count, 3);
	assert_int_equal(execl("native/prog", "prog", NULL), -1);
	assert_int_equal(argument_count, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, wake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_with_a_slash_is_a_path),
		TEST(the_first_in_path_is_found),
		TEST(what_cannot_be_executed_is_passed_over),
		TEST(an_empty_element_is_the_working_directory),
		TEST(without_a_path_it_is_the_system_s),
		TEST(an_element_may_be_long_and_one_that_is_too_long_is_passed_over),
		TEST(a_name_that_is_no_pointer_is_libc_s_to_refuse),
		TEST(a_spawn_by_name_looks_there_too),
		TEST(a_session_is_handed_on_once),
		TEST(an_environment_without_the_agent_is_passed_on_as_it_is),
		TEST(other_machines_and_sanitizers_are_left_alone),
		TEST(under_a_filter_the_agent_stays_out),
		TEST(an_exec_that_fails_is_taken_back),
		TEST(arguments_in_a_row_become_a_list),
	};

	return cmocka_run_group_tests(tests, gd_scratch_enter, gd_scratch_leave);
}

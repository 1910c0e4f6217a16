/* SPDX-License-Identifier: MIT */
/* Where -m stands, and how the target's end becomes ours. */
#include <signal.h>
#include <start.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unit/cmocka_begin.h>

static const struct gd_option table[] = {
	{ "output", 'o', GD_OPTION_TEXT, 0, "DIR", "where to" },
	{ "verbose", 'v', GD_OPTION_FLAG, 0, NULL, "more" },
	{ "no-color", 0, GD_OPTION_FLAG, 0, NULL, "plain" },
	GD_OPTION_END,
};

#define WORDS_MAX 7

/* clang-format off */
static const struct {
	const char *words[WORDS_MAX];
	int at; /* of -m; 0: nowhere */
} rows[] = {
	{ { "-m", "http.server", "-m" }, 1 },
	{ { "-v", "-m", "mod" }, 2 },
	{ { "-o", "dir", "-m", "mod" }, 3 },
	{ { "--output", "dir", "-m", "mod" }, 3 },
	{ { "--output=dir", "-m", "mod" }, 2 },
	{ { "-odir", "-m", "mod" }, 2 },
	{ { "--no-color", "-m", "mod" }, 2 },
	{ { "-m" }, 1 },
	{ { "-o", "-m", "mod" }, 0 },           /* a folder of that name */
	{ { "python3", "-m", "mod" }, 0 },      /* the program's own */
	{ { "--", "-m", "mod" }, 0 },           /* a program of that name */
	{ { "-v", "--", "python3", "-m" }, 0 },
	{ { "-", "-m", "mod" }, 0 },            /* no option: a program, however odd */
	{ { "-o" }, 0 },
	{ { NULL }, 0 },
};
/* clang-format on */

static void a_module_is_found_among_our_own_options_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *argv[WORDS_MAX + 2] = { (char *)"run" };
		int argc = 1, at;

		while (rows[i].words[argc - 1]) {
			argv[argc] = (char *)rows[i].words[argc - 1];
			argc++;
		}
		at = gd_start_find_module(table, argc, argv);
		if (at != (rows[i].at ? rows[i].at : argc))
			print_error("%s ...: %d\n", argv[1], at);
		assert_int_equal(at, rows[i].at ? rows[i].at : argc);
	}
}

/* ---- Programs that cannot be started --------------------------------------------------------- */

static int start(const char *name, char *ret_said, size_t size)
{
	static const struct gd_command command = { .name = "run" };
	char *argv[] = { (char *)name, NULL };
	static const struct gd_start_how how = { .probe = GD_PROBE_OFF };
	struct gd_started started;
	int saved = dup(STDERR_FILENO), ends[2], code;
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	code = gd_start(&command, &how, name != NULL, argv, &started);
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	n = read(ends[0], ret_said, size - 1);
	ret_said[n < 0 ? 0 : n] = 0;
	close(ends[0]);
	close(saved);
	return code;
}

static void exit_codes_are_those_of_env(void **state)
{
	char said[256];

	(void)state;
	assert_int_equal(start(NULL, said, sizeof(said)), GD_EXIT_USAGE);
	assert_non_null(strstr(said, "name a program to run"));
	assert_int_equal(start("/nowhere/program", said, sizeof(said)), 127);
	assert_string_equal(said, "gildiag: /nowhere/program was not found\n");
	assert_int_equal(start("/dev/null", said, sizeof(said)), 126);
	assert_string_equal(said, "gildiag: /dev/null is not executable\n");
}

/* What a process that finishes with this wait status ends with itself. */
static int finish(int wait_status)
{
	struct gd_started started = { .wait_status = wait_status };
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(gd_start_finish(&started));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void the_targets_end_is_ours(void **state)
{
	static const int statuses[] = { 0, 3 << 8, 255 << 8, SIGTERM, SIGKILL, SIGINT, SIGHUP };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		assert_int_equal(finish(statuses[i]), statuses[i]);
	/* The core is the target's to leave. */
	assert_int_equal(WTERMSIG(finish(SIGSEGV | 0x80)), SIGSEGV);
	assert_false(WCOREDUMP(finish(SIGSEGV | 0x80)));
}

static void a_signal_that_was_blocked_or_ignored_takes_us_all_the_same(void **state)
{
	sigset_t set, before;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &before);
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(finish(SIGTERM), SIGTERM);
	assert_int_equal(finish(SIGHUP), SIGHUP);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_is_found_among_our_own_options_only),
		cmocka_unit_test(exit_codes_are_those_of_env),
		cmocka_unit_test(the_targets_end_is_ours),
		cmocka_unit_test(a_signal_that_was_blocked_or_ignored_takes_us_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Every way to a child and to another program.  Pipes tell when; what is printed is the same
 * every time.  A child that is to be known prints "child <pid>" on descriptor 9, if that is open.
 */
#include "cases.h"
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

static char self[PATH_MAX];

/* For the test, not for the comparison: who, in which session, with the agent or without. */
static void tell_pid(const char *what)
{
	const char *session = getenv("GILDIAG_SESSION");
	char line[PATH_MAX + 64];
	int n = snprintf(line, sizeof(line), "%s %d %d %s\n", what, (int)syscall(SYS_getpid),
			 getenv("LD_PRELOAD") != NULL, session ? session : "none");

	if (write(9, line, (size_t)n) < 0)
		return;
}

static void expect_code(pid_t pid, int code)
{
	int status = 0;

	CHECK(pid > 0);
	while (waitpid(pid, &status, 0) < 0)
		CHECK(errno == EINTR);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

static void wait_a_little(void)
{
	struct timespec time = { 0, 2000000 };

	nanosleep(&time, NULL);
}

/* ---- What the children do: `children child CODE` --------------------------------------------- */

static int be_child(int argc, char **argv)
{
	tell_pid("child");
	for (int i = 3; i < argc; i++)
		printf("argument <%s>\n", argv[i]);
	wait_a_little();
	return atoi(argv[2]);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void forks(void)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			tell_pid("child");
			wait_a_little();
			if (i % 2)
				exit(20 + i);
			_exit(20 + i);
		}
		expect_code(pid, 20 + i);
	}
	puts("five");
}

static void grandchildren(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		pid_t second = fork();

		tell_pid("child");
		if (second == 0) {
			execl(self, self, "child", "6", (char *)NULL);
			_exit(99);
		}
		expect_code(second, 6);
		_exit(7);
	}
	expect_code(pid, 7);
}

static void *fork_from_thread(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		tell_pid("child");
		wait_a_little();
		exit(8);
	}
	expect_code(pid, 8);
	return arg;
}

static void forks_from_threads(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, fork_from_thread, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	puts("three");
}

/* The daemon tells by a pipe when it is done; nobody waits for it. */
static void daemons(void)
{
	int ends[2];
	char byte;
	pid_t pid;

	CHECK(pipe(ends) == 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		CHECK(setsid() > 0);
		if (fork() > 0)
			_exit(0);
		tell_pid("child");
		close(ends[0]);
		wait_a_little();
		CHECK(write(ends[1], "x", 1) == 1);
		exit(11);
	}
	expect_code(pid, 0);
	close(ends[1]);
	CHECK(read(ends[0], &byte, 1) == 1);
	/* The end of the daemon: its end of the pipe closes. */
	CHECK(read(ends[0], &byte, 1) == 0);
	puts("daemon");
}

/* ---- vfork ----------------------------------------------------------------------------------- */

static void vforks(void)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid;

		fflush(stdout);
		pid = vfork();
		if (pid == 0) {
			execl(self, self, "child", "12", (char *)NULL);
			_exit(99);
		}
		expect_code(pid, 12);
		wait_a_little();
	}
}

/* The child tries a few names, as a search through PATH does, writes a word and ends. */
static void vforks_that_fail(void)
{
	int ends[2];
	char byte;

	CHECK(pipe(ends) == 0);
	for (int i = 0; i < 3; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			dup2(ends[1], 40);
			for (int k = 0; k < 3; k++)
				execl("/nowhere/program", "program", (char *)NULL);
			if (write(40, "x", 1) < 0)
				_exit(98);
			close(40);
			_exit(13);
		}
		expect_code(pid, 13);
		CHECK(read(ends[0], &byte, 1) == 1);
		wait_a_little();
	}
	puts("three");
}

/* The child's descriptors are its own: what it learns of 0 is not what the parent has there. */
static void vforks_that_redirect(void)
{
	int ends[2];
	char byte;
	pid_t pid;

	CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
	pid = vfork();
	if (pid == 0) {
		dup2(ends[0], 0);
		_exit(read(0, &byte, 1) == 1 ? 23 : 98);
	}
	expect_code(pid, 23);
	CHECK(read(0, &byte, 1) == 0);
	puts("nothing to read");
}

/* ---- spawn, system, popen -------------------------------------------------------------------- */

static void spawns(void)
{
	char *words[] = { self, (char *)"child", (char *)"14", (char *)"", (char *)"a b", NULL };
	char *clean[] = { (char *)"A=1", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	fflush(stdout);
	CHECK(posix_spawn(&pid, self, NULL, NULL, words, environ) == 0);
	expect_code(pid, 14);
	CHECK(posix_spawnp(&pid, self, NULL, NULL, words, environ) == 0);
	expect_code(pid, 14);
	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_addclose(&actions, 77) == 0);
	CHECK(posix_spawn(&pid, self, &actions, NULL, words, clean) == 0);
	expect_code(pid, 14);
}

static void systems(void)
{
	char line[PATH_MAX + 64], text[256];
	FILE *pipe;
	int status;

	snprintf(line, sizeof(line), "'%s' child 15", self);
	fflush(stdout);
	status = system(line);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 15);
	pipe = popen(line, "r");
	CHECK(pipe);
	while (fgets(text, sizeof(text), pipe))
		printf("popen: %s", text);
	status = pclose(pipe);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 15);
}

/* ---- exec ------------------------------------------------------------------------------------ */

static void execs(void)
{
	char *words[] = { self, (char *)"child", (char *)"16", (char *)"x\ny", (char *)"", NULL };
	char *empty[] = { NULL };
	int fd = open(self, O_RDONLY | O_CLOEXEC);
	const char *slash = strrchr(self, '/');
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - self), self);
	CHECK(setenv("PATH", folder, 1) == 0);
	for (int i = 0; i < 10; i++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			switch (i) {
			case 0:
				execl(self, self, "child", "16", "", " ", "c\td", (char *)NULL);
				break;
			case 1:
				execlp("children", "children", "child", "16", (char *)NULL);
				break;
			case 2:
				execle(self, self, "child", "16", "z", (char *)NULL, environ);
				break;
			case 3:
				execle(self, self, "child", "16", (char *)NULL, empty);
				break;
			case 4:
				execv(self, words);
				break;
			case 5:
				execvp("children", words);
				break;
			case 6:
				execve(self, words, NULL);
				break;
			case 7:
				execvpe("children", words, environ);
				break;
			case 8:
				fexecve(fd, words, environ);
				break;
			default:
				execveat(AT_FDCWD, self, words, environ, 0);
				break;
			}
			_exit(99);
		}
		expect_code(pid, 16);
	}
}

/* Becomes itself five times, with the same PID. */
static int become(int argc, char **argv)
{
	int left = atoi(argv[2]);
	char text[16];

	(void)argc;
	wait_a_little();
	if (!left)
		return 17;
	snprintf(text, sizeof(text), "%d", left - 1);
	execl("/nowhere/program", "program", (char *)NULL);
	execl(self, self, "become", text, (char *)NULL);
	return 99;
}

static void becomes(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl(self, self, "become", "5", (char *)NULL);
		_exit(99);
	}
	expect_code(pid, 17);
	puts("itself");
}

/* It asks in vain and goes on: its waits after that are waits. */
static void goes_on(void)
{
	for (int i = 0; i < 3; i++) {
		execlp("nowhere-program", "program", (char *)NULL);
		CHECK(errno == ENOENT);
		execv("/etc/passwd", (char *[]){ (char *)"x", NULL });
		CHECK(errno == EACCES);
		wait_a_little();
	}
	puts("went on");
}

/* An environment of the child's own, without gildiag: it stays so. */
static void cleans(void)
{
	char *words[] = { self, (char *)"child", (char *)"18", NULL };
	char *clean[] = { (char *)"A=1", NULL };
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execve(self, words, clean);
		_exit(99);
	}
	expect_code(pid, 18);
	CHECK(unsetenv("LD_PRELOAD") == 0);
	CHECK(posix_spawn(&pid, self, NULL, NULL, words, environ) == 0);
	expect_code(pid, 18);
	CHECK(clearenv() == 0);
	CHECK(posix_spawn(&pid, self, NULL, NULL, words, environ) == 0);
	expect_code(pid, 18);
}

/* ---- Children that nobody announced ---------------------------------------------------------- */

static volatile uint64_t sink;

static void compute_ms(long ms)
{
	struct timespec now, until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	do {
		for (int i = 0; i < 1000; i++)
			sink += (uint64_t)i;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < until.tv_sec ||
		 (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec));
}

static long fork_bare(int how)
{
	if (how == 0)
		return syscall(SYS_fork);
	if (how == 1)
		return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#if __GLIBC_PREREQ(2, 34)
	return _Fork();
#else
	return syscall(SYS_fork);
#endif
}

/*
 * Children without fork handlers, which wait for two seconds in all, while the parent computes for
 * 0.2 s.  What the children do is theirs.
 */
static void bare_forks(void)
{
	pid_t children[9];
	int status;

	for (int i = 0; i < 9; i++) {
		children[i] = (pid_t)fork_bare(i % 3);
		if (children[i] == 0) {
			struct timespec time = { 0, 220000000 };
			struct pollfd none = { .fd = -1 };
			int ends[2];

			nanosleep(&time, NULL);
			CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
			poll(&none, 1, 1);
			if (i < 3)
				exit(19);
			_exit(19);
		}
		CHECK(children[i] > 0);
	}
	compute_ms(200);
	for (int i = 0; i < 9; i++) {
		CHECK(waitpid(children[i], &status, 0) == children[i]);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 19);
	}
	puts("nine");
}

/* One that forks properly again is followed again. */
static void bare_then_proper(void)
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)syscall(SYS_fork);
	if (pid == 0) {
		pid_t second = fork();

		if (second == 0) {
			tell_pid("child");
			wait_a_little();
			exit(20);
		}
		expect_code(second, 20);
		_exit(21);
	}
	expect_code(pid, 21);
	puts("both");
}

static int run_thread_of_clone(void *arg)
{
	wait_a_little();
	syscall(SYS_exit, *(int *)arg);
	return 0;
}

/* clone with the parent's memory and descriptors, as container runtimes and posix_spawn use it. */
static void clones_vm(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	static int code = 22;
	int status;
	pid_t pid = clone(run_thread_of_clone, stack + sizeof(stack),
			  CLONE_VM | CLONE_VFORK | SIGCHLD, &code);

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 22);
	puts("one");
}

/* ---- The parent's view ----------------------------------------------------------------------- */

static volatile sig_atomic_t children_ended;

static void on_child(int number)
{
	(void)number;
	children_ended++;
}

/* Nothing of gildiag's is a child of ours, whatever we are. */
static void nobody_elses(void)
{
	struct sigaction action = { .sa_handler = on_child };
	int status, is_subreaper = -1;

	CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
	CHECK(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);
	CHECK(waitpid(-1, &status, WNOHANG | __WALL) == -1 && errno == ECHILD);
	CHECK(prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper, 0, 0, 0) == 0);
	printf("subreaper %d\n", is_subreaper);
	wait_a_little();
	wait_a_little();
	CHECK(waitpid(-1, &status, WNOHANG | __WALL) == -1 && errno == ECHILD);
	printf("SIGCHLD %d times\n", (int)children_ended);
}

static void reapers(void)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
	execl(self, self, "nobody-elses", (char *)NULL);
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "forks", forks },
		{ "grandchildren", grandchildren },
		{ "forks-from-threads", forks_from_threads },
		{ "daemons", daemons },
		{ "vforks", vforks },
		{ "vforks-that-fail", vforks_that_fail },
		{ "vforks-that-redirect", vforks_that_redirect },
		{ "spawns", spawns },
		{ "systems", systems },
		{ "execs", execs },
		{ "becomes", becomes },
		{ "goes-on", goes_on },
		{ "cleans", cleans },
		{ "bare-forks", bare_forks },
		{ "bare-then-proper", bare_then_proper },
		{ "clones-vm", clones_vm },
		{ "nobody-elses", nobody_elses },
		{ "reapers", reapers },
		{ NULL, NULL },
	};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	CHECK(n > 0);
	self[n] = 0;
	if (argc > 2 && strcmp(argv[1], "child") == 0)
		return be_child(argc, argv);
	if (argc > 2 && strcmp(argv[1], "become") == 0)
		return become(argc, argv);
	return run_case(rows, argc, argv);
}

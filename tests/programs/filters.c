/* SPDX-License-Identifier: MIT */
/*
 * Seccomp.  The filters kill for every system call that this program does not make itself: with
 * gildiag it must live as without.
 */
#include "cases.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define ALLOW(name)                                                                                \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                     \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What glibc needs for the calls below, on any version; nothing that asks who one is. */
#define CALLS                                                                                      \
	ALLOW(read), ALLOW(write), ALLOW(close), ALLOW(poll), ALLOW(futex), ALLOW(getrandom),      \
		ALLOW(clock_nanosleep), ALLOW(nanosleep), ALLOW(clone), ALLOW(clone3),             \
		ALLOW(mmap), ALLOW(munmap), ALLOW(mprotect), ALLOW(madvise),                       \
		ALLOW(set_robust_list), ALLOW(rseq), ALLOW(rt_sigprocmask), ALLOW(rt_sigaction),   \
		ALLOW(rt_sigreturn), ALLOW(prctl), ALLOW(brk), ALLOW(exit), ALLOW(exit_group),     \
		ALLOW(vfork), ALLOW(fork), ALLOW(wait4), ALLOW(dup), ALLOW(recvfrom),              \
		ALLOW(sendto), ALLOW(select), ALLOW(pselect6), ALLOW(restart_syscall)

/* And what starting a program needs. */
#define CALLS_OF_EXEC                                                                              \
	ALLOW(execve), ALLOW(openat), ALLOW(newfstatat), ALLOW(fstat), ALLOW(pread64),             \
		ALLOW(access), ALLOW(arch_prctl), ALLOW(set_tid_address), ALLOW(prlimit64),        \
		ALLOW(lseek)

#define LOAD_NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define KILL        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static struct sock_filter instructions[] = { LOAD_NUMBER, CALLS, KILL };
static struct sock_filter with_exec[] = { LOAD_NUMBER, CALLS, CALLS_OF_EXEC, KILL };

static const struct sock_fprog program = { sizeof(instructions) / sizeof(instructions[0]),
					   instructions };
static const struct sock_fprog program_with_exec = { sizeof(with_exec) / sizeof(with_exec[0]),
						     with_exec };

static void set_filter(const struct sock_fprog *filter)
{
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0) == 0);
}

/* Only plain writes and a bare exit are left then. */
static void set_strict(void)
{
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) == 0);
}

static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		syscall(SYS_exit, 97);
}

/* ---- Strict ---------------------------------------------------------------------------------- */

static void strict(void)
{
	char byte;

	set_strict();
	say("in\n");
	while (read(0, &byte, 1) > 0)
		say("got one\n");
	say("out\n");
	syscall(SYS_exit, 31);
}

/* The child is back when the filter comes; nobody asked since whether it is. */
static void strict_after_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(0);
	CHECK(pid > 0);
	set_strict();
	say("in\n");
	syscall(SYS_exit, 32);
}

/* A sandboxed child of a bare clone; its parent has no filter. */
static void strict_in_a_bare_child(void)
{
	struct timespec time = { 0, 30000000 };
	pid_t pid = (pid_t)syscall(SYS_fork);
	int status;

	if (pid == 0) {
		set_strict();
		say("in\n");
		syscall(SYS_exit, 33);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 33);
	CHECK(nanosleep(&time, NULL) == 0);
	say("out\n");
}

/* ---- Filter ---------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t recursive;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, pipe_ends[2], pair[2];
static sem_t sem;

static void *take_turns(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 3 != me)
			pthread_cond_wait(&cond, &mutex);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	pthread_mutex_lock(&recursive);
	pthread_mutex_lock(&recursive);
	pthread_mutex_unlock(&recursive);
	pthread_mutex_unlock(&recursive);
	sem_post(&sem);
	return arg;
}

static void live(void)
{
	struct timespec brief = { 0, 1000000 };
	struct pollfd one = { .events = POLLIN };
	pthread_mutexattr_t attr;
	pthread_t threads[3];
	char byte = 'x';
	int fd;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &attr);
	one.fd = pipe_ends[0];
	for (int i = 0; i < 20; i++) {
		CHECK(write(pipe_ends[1], &byte, 1) == 1);
		CHECK(poll(&one, 1, -1) == 1);
		CHECK(read(pipe_ends[0], &byte, 1) == 1);
		CHECK(send(pair[0], &byte, 1, 0) == 1 && recv(pair[1], &byte, 1, 0) == 1);
		CHECK(nanosleep(&brief, NULL) == 0);
	}
	for (long i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, take_turns, (void *)i) == 0);
	for (int i = 0; i < 3; i++)
		sem_wait(&sem);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	fd = dup(pipe_ends[0]);
	CHECK(fd >= 0 && close(fd) == 0);
	printf("turns %d\n", turn);
}

static void prepare(void)
{
	static char buffer[4096];

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	CHECK(pipe(pipe_ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(sem_init(&sem, 0, 0) == 0);
}

static void filtered(void)
{
	prepare();
	set_filter(&program);
	live();
}

/* A second attempt that fails takes no filter away. */
static void filter_twice(void)
{
	prepare();
	set_filter(&program);
	CHECK(prctl(PR_SET_SECCOMP, 77, NULL, 0, 0) == -1);
	live();
}

static void *wait_for_filter(void *arg)
{
	struct timespec brief = { 0, 1000000 };
	char byte;

	sem_post(&sem);
	CHECK(read(pipe_ends[0], &byte, 1) == 1);
	for (int i = 0; i < 5; i++)
		nanosleep(&brief, NULL);
	return arg;
}

/* By the system call itself, for all threads at once. */
static void filter_for_all_threads(void)
{
	pthread_t thread;

	prepare();
	CHECK(pthread_create(&thread, NULL, wait_for_filter, NULL) == 0);
	sem_wait(&sem);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) ==
	      0);
	CHECK(write(pipe_ends[1], "x", 1) == 1);
	CHECK(pthread_join(thread, NULL) == 0);
	live();
}

/* Children under the filter they were born with. */
static void filter_and_children(void)
{
	int status;
	pid_t pid;

	prepare();
	set_filter(&program);
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		pid = (pid_t)(i == 0 ? syscall(SYS_fork) : i == 1 ? fork() : vfork());
		if (pid == 0)
			_exit(34);
		CHECK(wait4(pid, &status, 0, NULL) == pid && WEXITSTATUS(status) == 34);
	}
	live();
}

/* A filter outlives an exec. */
static void filter_and_exec(void)
{
	set_filter(&program_with_exec);
	say("in\n");
	execl("/bin/true", "true", (char *)NULL);
	_exit(35);
}

/* The TSC can be forbidden by itself, and allowed again. */
static void no_tsc(void)
{
	struct timespec brief = { 0, 1000000 };
	char byte = 'x';

	prepare();
	CHECK(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0);
	CHECK(write(pipe_ends[1], &byte, 1) == 1 && read(pipe_ends[0], &byte, 1) == 1);
	CHECK(nanosleep(&brief, NULL) == 0);
	puts("without");
	exit(36);
}

/* A program that asks what there is has no filter yet. */
static void asks_only(void)
{
	struct timespec time = { 0, 30000000 };
	unsigned int action = SECCOMP_RET_LOG;

	CHECK(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0);
	CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1, NULL) == -1);
	CHECK(prctl(PR_GET_SECCOMP) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) == -1);
	CHECK(nanosleep(&time, NULL) == 0);
	puts("asked");
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "strict", strict },
		{ "strict-after-vfork", strict_after_vfork },
		{ "strict-in-a-bare-child", strict_in_a_bare_child },
		{ "filter", filtered },
		{ "filter-twice", filter_twice },
		{ "filter-for-all-threads", filter_for_all_threads },
		{ "filter-and-children", filter_and_children },
		{ "filter-and-exec", filter_and_exec },
		{ "no-tsc", no_tsc },
		{ "asks-only", asks_only },
		{ NULL, NULL },
	};

	return run_case(rows, argc, argv);
}

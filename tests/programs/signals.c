/* SPDX-License-Identifier: MIT */
/*
 * Signal handlers that call what is wrapped, jump out of what is wrapped, fork in what is wrapped.
 */
#include "cases.h"
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static void start(void *(*function)(void *), void *arg)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, function, arg) == 0);
	CHECK(pthread_detach(thread) == 0);
}

static void on_signal(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	CHECK(sigaction(number, &action, NULL) == 0);
}

static void rest_us(long us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&time, &time) != 0)
		CHECK(errno == EINTR);
}

/* ---- 5 000 signals a second ------------------------------------------------------------------ */

#define TICKS 2000

static sem_t posted;
static int tick_pipe[2];
static atomic_int ticks, is_over;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long sum;

static void on_tick(int number)
{
	int saved_errno = errno;

	(void)number;
	CHECK(sem_post(&posted) == 0);
	if (write(tick_pipe[1], "x", 1) == 1)
		atomic_fetch_add(&ticks, 1);
	errno = saved_errno;
}

static void *work(void *arg)
{
	int ends[2];

	CHECK(pipe(ends) == 0);
	while (!atomic_load(&is_over)) {
		struct pollfd one = { .fd = ends[0], .events = POLLIN };
		char byte = 'y';

		CHECK(pthread_mutex_lock(&mutex) == 0);
		sum++;
		if (sum % 8 == 0)
			rest_us(50);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
		CHECK(write(ends[1], &byte, 1) == 1);
		while (poll(&one, 1, -1) != 1)
			CHECK(errno == EINTR);
		CHECK(read(ends[0], &byte, 1) == 1 && byte == 'y');
	}
	close(ends[0]);
	close(ends[1]);
	return arg;
}

static void ticking(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF };
	struct itimerspec period = { { 0, 200000 }, { 0, 200000 } };
	pthread_t threads[3];
	int value, n = 0;
	char bytes[256];
	timer_t timer;

	CHECK(sem_init(&posted, 0, 0) == 0 && pipe2(tick_pipe, O_NONBLOCK) == 0);
	on_signal(SIGPROF, on_tick, SA_RESTART);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	CHECK(timer_settime(timer, 0, &period, NULL) == 0);
	while (n < TICKS) {
		struct pollfd one = { .fd = tick_pipe[0], .events = POLLIN };
		ssize_t got;

		if (sem_wait(&posted) != 0)
			CHECK(errno == EINTR);
		if (poll(&one, 1, 1000) < 0)
			CHECK(errno == EINTR);
		got = read(tick_pipe[0], bytes, sizeof(bytes));
		CHECK(got > 0 || errno == EAGAIN || errno == EINTR);
		n += got > 0 ? (int)got : 0;
	}
	CHECK(timer_delete(timer) == 0);
	atomic_store(&is_over, 1);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	while ((value = (int)read(tick_pipe[0], bytes, sizeof(bytes))) > 0)
		n += value;
	CHECK(n == atomic_load(&ticks));
	puts("every tick was counted");
}

/* ---- Jumps ----------------------------------------------------------------------------------- */

void __longjmp_chk(struct __jmp_buf_tag env[1], int value) __attribute__((noreturn));

static sigjmp_buf landing;
static volatile int round_of_jumps;
static int ends[2];

static void jump_out(int number)
{
	(void)number;
	switch (round_of_jumps) {
	case 0:
		siglongjmp(landing, 1);
	case 1:
		longjmp(landing, 1);
	case 2:
		_longjmp(landing, 1);
	default:
		__longjmp_chk(landing, 1);
	}
}

/* Signals a thread when it sleeps. */
static void *disturb(void *arg)
{
	int tid = (int)(long)arg;

	wait_until_asleep(tid);
	syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
	return NULL;
}

static __attribute__((noinline)) void sleep_deeper(int depth)
{
	volatile char room[512];

	room[0] = (char)depth;
	if (depth)
		sleep_deeper(depth - 1);
	else
		rest_us(20000);
	room[1] = room[0];
}

/* A jump of each name, and at each depth the waits after it are waits. */
static void jumps(void)
{
	char byte;

	CHECK(pipe(ends) == 0);
	on_signal(SIGUSR1, jump_out, 0);
	for (; round_of_jumps < 4; round_of_jumps++) {
		if (!sigsetjmp(landing, 1)) {
			start(disturb, (void *)(long)own_tid());
			CHECK(read(ends[0], &byte, 1) == 0 && !"it came back");
		}
		sleep_deeper(0);
		sleep_deeper(2);
		rest_us(20000);
	}
	puts("twelve sleeps");
}

static void jump_inside(int number)
{
	sigjmp_buf inside;

	(void)number;
	if (!sigsetjmp(inside, 0))
		siglongjmp(inside, 1);
	on_signal(SIGUSR1, SIG_DFL, 0);
}

static void *give_later(void *arg)
{
	rest_us(100000);
	CHECK(write(ends[1], "x", 1) == 1);
	return arg;
}

static void *disturb_and_give(void *arg)
{
	disturb(arg);
	return give_later(NULL);
}

/* A handler that jumps within itself does not end what it interrupted. */
static void jumps_inside(void)
{
	char byte;

	CHECK(pipe(ends) == 0);
	on_signal(SIGUSR1, jump_inside, SA_RESTART);
	start(disturb_and_give, (void *)(long)own_tid());
	CHECK(read(ends[0], &byte, 1) == 1);
	puts("one read");
}

/* ---- Forks ----------------------------------------------------------------------------------- */

static volatile pid_t forked = -1;

static void fork_now(int number)
{
	(void)number;
	forked = fork();
}

static void *lock_a_little(void *arg)
{
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		sum++;
		pthread_mutex_unlock(&mutex);
	}
	rest_us(1000);
	return arg;
}

static void *poll_and_fork(void *arg)
{
	struct pollfd one = { .events = POLLIN };
	pthread_t threads[6];
	int status;

	CHECK(pipe(ends) == 0);
	one.fd = ends[0];
	on_signal(SIGUSR1, fork_now, 0);
	start(disturb, (void *)(long)own_tid());
	CHECK(poll(&one, 1, -1) == -1 && errno == EINTR);
	if (forked == 0) {
		for (int i = 0; i < 6; i++)
			CHECK(pthread_create(&threads[i], NULL, lock_a_little, NULL) == 0);
		for (int i = 0; i < 6; i++)
			CHECK(pthread_join(threads[i], NULL) == 0);
		exit(5);
	}
	CHECK(waitpid(forked, &status, 0) == forked);
	printf("child %d, code %d\n", WIFEXITED(status), WEXITSTATUS(status));
	return arg;
}

static void forks_in_main(void)
{
	poll_and_fork(NULL);
}

static void forks_in_a_thread(void)
{
	pthread_t threads[3];

	/* So that its slot is none of the first. */
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, lock_a_little, NULL) == 0);
	CHECK(pthread_create(&threads[2], NULL, poll_and_fork, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---- A crash handler on a stack of its own --------------------------------------------------- */

#define HANDLER_BYTES 6144 /* beside what the kernel puts there */

static void exec_now(int signal)
{
	(void)signal;
	execlp("echo", "echo", "restarted", NULL);
	_exit(99);
}

static void give_small_stack(void)
{
	size_t size = getauxval(AT_MINSIGSTKSZ) + HANDLER_BYTES, page = 4096;
	char *map =
		mmap(NULL, page + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = { .ss_sp = map + page, .ss_size = size };

	CHECK(map != MAP_FAILED && mprotect(map, page, PROT_NONE) == 0);
	CHECK(sigaltstack(&stack, NULL) == 0);
}

static void execs_on_a_small_stack(void)
{
	give_small_stack();
	on_signal(SIGSEGV, exec_now, SA_ONSTACK);
	fflush(stdout);
	raise(SIGSEGV);
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "ticking", ticking },
		{ "jumps", jumps },
		{ "jumps-inside", jumps_inside },
		{ "forks-in-main", forks_in_main },
		{ "forks-in-a-thread", forks_in_a_thread },
		{ "execs-on-a-small-stack", execs_on_a_small_stack },
		{ NULL, NULL },
	};

	return run_case(rows, argc, argv);
}

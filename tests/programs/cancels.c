/* SPDX-License-Identifier: MIT */
/*
 * Cancellation and pthread_exit out of blocking calls: cleanup handlers run, mutexes are held when
 * they do, and the process goes on.
 */
#include "cases.h"
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

static int ends[2], pair[2], listener, epfd;
static sem_t sem;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static char byte;
static const struct timespec minute = { 60, 0 };
static struct timespec far_away; /* CLOCK_REALTIME, tomorrow */
static pthread_t sleeper_thread;

/* ---- The calls ------------------------------------------------------------------------------- */

static void call_read(void)
{
	read(ends[0], &byte, 1);
}

static void call_readv(void)
{
	struct iovec vector = { &byte, 1 };

	readv(ends[0], &vector, 1);
}

static void call_recv(void)
{
	recv(pair[0], &byte, 1, 0);
}

static void call_accept(void)
{
	accept(listener, NULL, NULL);
}

static void call_poll(void)
{
	struct pollfd one = { .fd = ends[0], .events = POLLIN };

	poll(&one, 1, -1);
}

static void call_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	select(ends[0] + 1, &set, NULL, NULL, NULL);
}

static void call_epoll(void)
{
	struct epoll_event event;

	epoll_wait(epfd, &event, 1, -1);
}

static void call_nanosleep(void)
{
	nanosleep(&minute, NULL);
}

static void call_clock_nanosleep(void)
{
	clock_nanosleep(CLOCK_MONOTONIC, 0, &minute, NULL);
}

static void call_usleep(void)
{
	usleep(60000000);
}

static void call_sleep(void)
{
	sleep(60);
}

static void call_pause(void)
{
	pause();
}

static void call_sem_wait(void)
{
	sem_wait(&sem);
}

static void call_sem_timedwait(void)
{
	sem_timedwait(&sem, &far_away);
}

static void unlock(void *arg)
{
	/* The thread that is cancelled has its mutex again. */
	printf("cleanup: unlock %d\n", pthread_mutex_unlock(arg));
}

static void call_cond_wait(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(0);
}

static void call_cond_timedwait(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	for (;;)
		pthread_cond_timedwait(&cond, &mutex, &far_away);
	pthread_cleanup_pop(0);
}

static void call_join(void)
{
	pthread_join(sleeper_thread, NULL);
}

static void call_waitpid(void)
{
	waitpid(-1, NULL, 0);
}

static const struct {
	const char *name;
	void (*call)(void);
} calls[] = {
	{ "read", call_read },
	{ "readv", call_readv },
	{ "recv", call_recv },
	{ "accept", call_accept },
	{ "poll", call_poll },
	{ "select", call_select },
	{ "epoll_wait", call_epoll },
	{ "nanosleep", call_nanosleep },
	{ "clock_nanosleep", call_clock_nanosleep },
	{ "usleep", call_usleep },
	{ "sleep", call_sleep },
	{ "pause", call_pause },
	{ "sem_wait", call_sem_wait },
	{ "sem_timedwait", call_sem_timedwait },
	{ "pthread_cond_wait", call_cond_wait },
	{ "pthread_cond_timedwait", call_cond_timedwait },
	{ "pthread_join", call_join },
	{ "waitpid", call_waitpid },
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* ---- The threads ----------------------------------------------------------------------------- */

static atomic_int victim_tid;

static void last_words(void *arg)
{
	struct timespec brief = { 0, 1000000 };

	/* A cleanup handler may wait itself. */
	nanosleep(&brief, NULL);
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	printf("cleanup: %s\n", (const char *)arg);
}

static void *victim(void *arg)
{
	size_t i = (size_t)arg;

	pthread_cleanup_push(last_words, (void *)calls[i].name);
	atomic_store(&victim_tid, own_tid());
	calls[i].call();
	puts("it came back");
	pthread_cleanup_pop(0);
	return NULL;
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void prepare(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(pipe(ends) == 0 && sem_init(&sem, 0, 0) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	CHECK(listen(listener, 1) == 0);
	epfd = epoll_create1(0);
	CHECK(epoll_ctl(epfd, EPOLL_CTL_ADD, ends[0], &event) == 0);
	clock_gettime(CLOCK_REALTIME, &far_away);
	far_away.tv_sec += 86400;
	CHECK(pthread_create(&sleeper_thread, NULL, sleep_for_ever, NULL) == 0);
	if (fork() == 0) {
		for (;;)
			pause(); /* until the parent ends it */
	}
}

static void end_child(void)
{
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	/* The child, which does not ignore it, is gone. */
}

static void start_victim(size_t i, pthread_t *ret_thread)
{
	atomic_store(&victim_tid, 0);
	CHECK(pthread_create(ret_thread, NULL, victim, (void *)i) == 0);
	while (!atomic_load(&victim_tid))
		sched_yield();
	wait_until_asleep(atomic_load(&victim_tid));
}

static void expect_cancelled(pthread_t thread)
{
	void *value = NULL;

	CHECK(pthread_join(thread, &value) == 0);
	printf("ended: %s\n", value == PTHREAD_CANCELED ? "cancelled" : "otherwise");
}

static void blocked(void)
{
	CHECK(setpgid(0, 0) == 0);
	prepare();
	for (size_t i = 0; i < CALLS; i++) {
		pthread_t thread;

		start_victim(i, &thread);
		CHECK(pthread_cancel(thread) == 0);
		expect_cancelled(thread);
	}
	end_child();
}

static void *late_victim(void *arg)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	atomic_store(&victim_tid, own_tid());
	read(ends[0], &byte, 1); /* pending, not acted upon */
	puts("went on while it was disabled");
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
	read(ends[0], &byte, 1);
	puts("it came back");
	return arg;
}

static void disabled(void)
{
	pthread_t thread;

	CHECK(pipe(ends) == 0);
	CHECK(pthread_create(&thread, NULL, late_victim, NULL) == 0);
	while (!atomic_load(&victim_tid))
		sched_yield();
	wait_until_asleep(atomic_load(&victim_tid));
	CHECK(pthread_cancel(thread) == 0);
	CHECK(write(ends[1], "x", 1) == 1);
	expect_cancelled(thread);
}

static void *computing_victim(void *arg)
{
	volatile unsigned long x = 0;
	int before;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
	atomic_store(&victim_tid, own_tid());
	for (;;)
		x++;
	return arg;
}

static void asynchronous(void)
{
	for (int i = 0; i < 50; i++) {
		pthread_t thread;
		void *value = NULL;

		atomic_store(&victim_tid, 0);
		CHECK(pthread_create(&thread, NULL, computing_victim, NULL) == 0);
		while (!atomic_load(&victim_tid))
			sched_yield();
		CHECK(pthread_cancel(thread) == 0);
		CHECK(pthread_join(thread, &value) == 0 && value == PTHREAD_CANCELED);
	}
	puts("fifty times");
}

static void leave(int number)
{
	(void)number;
	pthread_exit((void *)5);
}

/* pthread_exit in a signal handler that interrupted a blocking call. */
static void exits_in_handlers(void)
{
	signal(SIGUSR1, leave);
	CHECK(setpgid(0, 0) == 0);
	prepare();
	for (size_t i = 0; i < CALLS; i++) {
		pthread_t thread;
		void *value = NULL;

		if (calls[i].call == call_cond_wait || calls[i].call == call_cond_timedwait)
			continue; /* its mutex is not taken again: undefined for everybody */
		start_victim(i, &thread);
		CHECK(pthread_kill(thread, SIGUSR1) == 0);
		CHECK(pthread_join(thread, &value) == 0);
		printf("%s: %ld\n", calls[i].name, (long)value);
	}
	end_child();
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "blocked", blocked },
		{ "disabled", disabled },
		{ "asynchronous", asynchronous },
		{ "exits-in-handlers", exits_in_handlers },
		{ NULL, NULL },
	};

	return run_case(rows, argc, argv);
}

/* SPDX-License-Identifier: MIT */
/*
 * clocked: waits in every way that gildiag knows, reads its own clock around each call, and prints
 * the sums by cause as JSON; beside them its threads' CPU clocks and run delays.  Peers are
 * children made by bare system calls: nobody follows them.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS   30
#define DELAY_NS 5000000

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What one cause took by our own clock. */
static struct {
	const char *cause;
	double s;
	int calls;
} sums[16];

static void add(const char *cause, double began)
{
	double s = now(CLOCK_MONOTONIC) - began;
	int i = 0;

	while (sums[i].cause && strcmp(sums[i].cause, cause))
		i++;
	sums[i].cause = cause;
	sums[i].s += s;
	sums[i].calls++;
}

#define CLOCKED(cause, call)                                                                       \
	do {                                                                                       \
		double began_ = now(CLOCK_MONOTONIC);                                              \
		if ((call) < 0)                                                                    \
			perror(#call), exit(1);                                                    \
		add(cause, began_);                                                                \
	} while (0)

static void bare_delay(void)
{
	struct timespec delay = { 0, DELAY_NS };

	syscall(SYS_nanosleep, &delay, NULL);
}

/* ---- Waiting outside ------------------------------------------------------------------------- */

/* Echoes each byte after the delay, until its side is closed. */
static void echo(int in, int out)
{
	char byte;

	while (syscall(SYS_read, in, &byte, 1) == 1) {
		bare_delay();
		if (syscall(SYS_write, out, &byte, 1) != 1)
			break;
	}
	syscall(SYS_exit_group, 0);
}

static int connect_to_echo(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len))
		exit(1);
	if (syscall(SYS_fork) == 0) {
		int peer = (int)syscall(SYS_accept, listener, NULL, NULL);

		syscall(SYS_close, fd);
		echo(peer, peer);
	}
	close(listener);
	if (connect(fd, (struct sockaddr *)&addr, len))
		exit(1);
	return fd;
}

static void wait_for_sockets(void)
{
	int fd = connect_to_echo(), epfd = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char byte = 'x';

	epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event);
	for (int i = 0; i < ROUNDS; i++) {
		send(fd, &byte, 1, 0);
		CLOCKED("recv", recv(fd, &byte, 1, 0));
		send(fd, &byte, 1, 0);
		CLOCKED("poll", poll(&poll_fd, 1, -1));
		CLOCKED("recv", recv(fd, &byte, 1, 0));
		send(fd, &byte, 1, 0);
		CLOCKED("poll", epoll_wait(epfd, &event, 1, -1));
		CLOCKED("recv", recv(fd, &byte, 1, 0));
	}
	close(epfd);
	close(fd);
}

static void wait_for_pipe(void)
{
	int there[2], back[2];
	char byte = 'x';

	if (pipe(there) || pipe(back))
		exit(1);
	if (syscall(SYS_fork) == 0) {
		syscall(SYS_close, there[1]);
		echo(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	for (int i = 0; i < ROUNDS; i++) {
		CLOCKED("pipe", write(there[1], &byte, 1));
		CLOCKED("pipe", read(back[0], &byte, 1));
	}
	close(there[1]);
	close(back[0]);
}

static void wait_for_children(void)
{
	for (int i = 0; i < 5; i++) {
		long pid = syscall(SYS_fork);

		if (pid == 0) {
			for (int k = 0; k < 8; k++)
				bare_delay();
			syscall(SYS_exit_group, 0);
		}
		CLOCKED("child", waitpid((pid_t)pid, NULL, 0));
	}
}

static void wait_for_time(void)
{
	struct timespec delay = { 0, DELAY_NS };

	for (int i = 0; i < ROUNDS; i++) {
		struct timeval tv = { 0, DELAY_NS / 1000 };

		CLOCKED("sleep", nanosleep(&delay, NULL));
		CLOCKED("sleep", usleep(DELAY_NS / 1000));
		CLOCKED("sleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL));
		CLOCKED("sleep", select(0, NULL, NULL, NULL, &tv));
		CLOCKED("sleep", poll(NULL, 0, DELAY_NS / 1000000));
	}
}

/* ---- Waiting for another thread -------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, cond_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier, start;
static sem_t sem;
static int signalled;

/* Holds, signals, posts and arrives, each after the delay, at the main thread's pace. */
static void *partner(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		pthread_rwlock_wrlock(&rwlock);
		pthread_barrier_wait(&start);
		bare_delay();
		pthread_mutex_unlock(&mutex);
		bare_delay();
		pthread_rwlock_unlock(&rwlock);
		bare_delay();
		sem_post(&sem);
		bare_delay();
		pthread_mutex_lock(&cond_mutex);
		signalled = 1;
		pthread_mutex_unlock(&cond_mutex);
		pthread_cond_signal(&cond); /* whoever wakes need not wait for the mutex, too */
		bare_delay();
		pthread_barrier_wait(&barrier);
	}
	bare_delay();
	return arg;
}

static void wait_for_threads(void)
{
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_barrier_init(&start, NULL, 2);
	sem_init(&sem, 0, 0);
	pthread_create(&thread, NULL, partner, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		CLOCKED("barrier", 0 * pthread_barrier_wait(&start));
		CLOCKED("mutex", -pthread_mutex_lock(&mutex));
		pthread_mutex_unlock(&mutex);
		CLOCKED("rwlock", -pthread_rwlock_rdlock(&rwlock));
		pthread_rwlock_unlock(&rwlock);
		CLOCKED("sem", sem_wait(&sem));
		pthread_mutex_lock(&cond_mutex);
		while (!signalled)
			CLOCKED("cond", -pthread_cond_wait(&cond, &cond_mutex));
		signalled = 0;
		pthread_mutex_unlock(&cond_mutex);
		CLOCKED("barrier", 0 * pthread_barrier_wait(&barrier));
	}
	CLOCKED("join", -pthread_join(thread, NULL));
}

int main(void)
{
	const char *comma = "";

	wait_for_sockets();
	wait_for_pipe();
	wait_for_children();
	wait_for_time();
	wait_for_threads();
	printf("{");
	for (int i = 0; sums[i].cause; i++, comma = ", ")
		printf("%s\"%s\": [%.9f, %d]", comma, sums[i].cause, sums[i].s, sums[i].calls);
	printf("}\n");
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Blocking calls and signals: a handler ends them with EINTR; with SA_RESTART they go on.
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

static int main_tid;
static atomic_int armed; /* the number of the call that is about to block, 0: none */
static int calls;
static atomic_int handled;    /* signals that came, ever */
static atomic_int began;      /* how many had come when the call began */
static void (*release)(void); /* what ends a call that was restarted */

static int ends[2], filled[2], pair[2], listener, epfd;
static sem_t sem;
static char buf[65536];
static const struct timespec minute = { 60, 0 };

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&handled, 1);
}

/*
 * Only what ends the armed call can wake it, and that is here: seen asleep first, armed after, it
 * still is in the call. (The other way about it may sleep in the next one, which no signal is for.)
 */
static int sleeps_in(int call)
{
	return state_of(main_tid) == 'S' && atomic_load(&armed) == call;
}

/* Signals the main thread each time that it is seen asleep in an armed call. */
static void *interrupt(void *arg)
{
	int wanted = *(int *)arg;

	for (;;) {
		int call;

		while (!(call = atomic_load(&armed)))
			sched_yield();
		while (atomic_load(&armed) == call &&
		       atomic_load(&handled) - atomic_load(&began) < wanted) {
			int before = atomic_load(&handled);

			if (!sleeps_in(call))
				continue;
			syscall(SYS_tgkill, getpid(), main_tid, SIGUSR1);
			while (atomic_load(&handled) == before)
				sched_yield();
		}
		while (release && atomic_load(&armed) == call && !sleeps_in(call))
			sched_yield();
		if (release && atomic_load(&armed) == call)
			release();
		while (atomic_load(&armed) == call)
			sched_yield();
	}
	return NULL;
}

static void prepare(int flags, int signals)
{
	static int wanted;
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
	struct epoll_event event = { .events = EPOLLIN };
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	pthread_t thread;

	main_tid = own_tid();
	wanted = signals;
	epfd = epoll_create1(0);
	CHECK(pipe(ends) == 0 && pipe(filled) == 0 && sem_init(&sem, 0, 0) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	CHECK(listen(listener, 1) == 0);
	fcntl(filled[1], F_SETFL, O_NONBLOCK);
	while (write(filled[1], buf, sizeof(buf)) > 0)
		;
	fcntl(filled[1], F_SETFL, 0);
	CHECK(epoll_ctl(epfd, EPOLL_CTL_ADD, ends[0], &event) == 0);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(pthread_create(&thread, NULL, interrupt, &wanted) == 0);
}

#define TRY(call)                                                                                  \
	do {                                                                                       \
		long ret_;                                                                         \
		int errno_;                                                                        \
		atomic_store(&began, atomic_load(&handled));                                       \
		errno = 0;                                                                         \
		atomic_store(&armed, ++calls);                                                     \
		ret_ = (long)(call);                                                               \
		errno_ = errno;                                                                    \
		atomic_store(&armed, 0);                                                           \
		printf("%s: %ld, errno %d, handled %d\n", #call, ret_, errno_,                     \
		       atomic_load(&handled) > atomic_load(&began));                               \
	} while (0)

static void descriptors(void)
{
	struct iovec vector = { buf, 1 };
	struct msghdr msg = { .msg_iov = &vector, .msg_iovlen = 1 };
	struct mmsghdr msgs = { .msg_hdr = msg };

	prepare(0, 1 << 30);
	TRY(read(ends[0], buf, 1));
	TRY(readv(ends[0], &vector, 1));
	TRY(write(filled[1], buf, sizeof(buf)));
	TRY(recv(pair[0], buf, 1, 0));
	TRY(recvfrom(pair[0], buf, 1, 0, NULL, NULL));
	TRY(recvmsg(pair[0], &msg, 0));
	TRY(recvmmsg(pair[0], &msgs, 1, 0, NULL));
	TRY(accept(listener, NULL, NULL));
	TRY(accept4(listener, NULL, NULL, 0));
	TRY(splice(ends[0], NULL, filled[1], NULL, 1, 0));
}

static void polls(void)
{
	struct pollfd one;
	struct epoll_event event;
	struct timeval time = { 60, 0 };
	sigset_t none;
	fd_set set;

	prepare(SA_RESTART, 1 << 30); /* these are never restarted */
	sigemptyset(&none);
	one = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	TRY(poll(&one, 1, -1));
	TRY(poll(&one, 1, 60000));
	TRY(ppoll(&one, 1, &minute, &none));
	TRY(select(ends[0] + 1, &set, NULL, NULL, &time));
	FD_SET(ends[0], &set);
	TRY(pselect(ends[0] + 1, &set, NULL, NULL, &minute, &none));
	TRY(epoll_wait(epfd, &event, 1, -1));
	TRY(epoll_pwait(epfd, &event, 1, 60000, &none));
	TRY(epoll_pwait2(epfd, &event, 1, &minute, &none));
}

static void sleeps(void)
{
	struct timespec left = { 0, 0 };
	sigset_t none, other;

	prepare(SA_RESTART, 1 << 30);
	sigemptyset(&none);
	sigemptyset(&other);
	sigaddset(&other, SIGUSR2);
	sigprocmask(SIG_BLOCK, &other, NULL);
	TRY(nanosleep(&minute, &left));
	printf("left %d\n", left.tv_sec >= 50);
	TRY(clock_nanosleep(CLOCK_MONOTONIC, 0, &minute, &left));
	printf("left %d\n", left.tv_sec >= 50);
	TRY(usleep(60000000));
	TRY(sleep(60) >= 50);
	TRY(pause());
	TRY(sigsuspend(&none));
	TRY(sigtimedwait(&other, NULL, &minute));
	TRY(sigwaitinfo(&other, NULL));
}

static void semaphores(void)
{
	struct timespec until;
	struct timespec since_boot;

	prepare(0, 1 << 30);
	clock_gettime(CLOCK_REALTIME, &until);
	clock_gettime(CLOCK_MONOTONIC, &since_boot);
	until.tv_sec += 60;
	since_boot.tv_sec += 60;
	TRY(sem_wait(&sem));
	TRY(sem_timedwait(&sem, &until));
	TRY(sem_clockwait(&sem, CLOCK_MONOTONIC, &since_boot));
}

static int status;
static siginfo_t info;

static void children(void)
{
	pid_t pid;

	prepare(0, 1 << 30);
	pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	TRY(wait(&status));
	TRY(waitpid(pid, &status, 0));
	TRY(wait3(&status, 0, NULL));
	TRY(wait4(pid, &status, 0, NULL));
	TRY(waitid(P_PID, (id_t)pid, &info, WEXITED));
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
}

static void release_all(void)
{
	CHECK(write(ends[1], "x", 1) == 1 && send(pair[1], "x", 1, 0) == 1);
	sem_post(&sem);
}

/* Three signals, three restarts, then what it waited for. */
static void restarts(void)
{
	struct iovec vector = { buf, 1 };

	release = release_all;
	prepare(SA_RESTART, 3);
	TRY(read(ends[0], buf, 1));
	CHECK(recv(pair[0], buf, 1, 0) == 1 && sem_wait(&sem) == 0);
	TRY(readv(ends[0], &vector, 1));
	CHECK(recv(pair[0], buf, 1, 0) == 1 && sem_wait(&sem) == 0);
	TRY(recv(pair[0], buf, 1, 0));
	CHECK(read(ends[0], buf, 1) == 1 && sem_wait(&sem) == 0);
	TRY(sem_wait(&sem));
	CHECK(recv(pair[0], buf, 1, 0) == 1 && read(ends[0], buf, 1) == 1);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int is_told;

static void release_cond(void)
{
	pthread_mutex_lock(&mutex);
	is_told = 1;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
}

static int wait_for_cond(void)
{
	int ret = 0;

	pthread_mutex_lock(&mutex);
	while (!is_told && !ret)
		ret = pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	return ret;
}

/* POSIX: never EINTR. */
static void locks(void)
{
	release = release_cond;
	prepare(0, 3);
	TRY(wait_for_cond());
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "descriptors", descriptors },
		{ "polls", polls },
		{ "sleeps", sleeps },
		{ "semaphores", semaphores },
		{ "children", children },
		{ "restarts", restarts },
		{ "locks", locks },
		{ NULL, NULL },
	};

	return run_case(rows, argc, argv);
}

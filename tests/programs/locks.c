/* SPDX-License-Identifier: MIT */
/*
 * Mutexes of every kind, reader-writer locks and barriers where they do more than lock and unlock.
 */
#include "cases.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define TELL(call) printf("%s: %d\n", #call, call)

static void make_mutex(pthread_mutex_t *mutex, int type, int protocol, int robust, int shared)
{
	pthread_mutexattr_t attr;

	CHECK(pthread_mutexattr_init(&attr) == 0);
	CHECK(pthread_mutexattr_settype(&attr, type) == 0);
	CHECK(pthread_mutexattr_setprotocol(&attr, protocol) == 0);
	CHECK(pthread_mutexattr_setrobust(&attr, robust) == 0);
	CHECK(pthread_mutexattr_setpshared(&attr, shared) == 0);
	CHECK(pthread_mutex_init(mutex, &attr) == 0);
}

static struct timespec soon(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += 10000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

/* ---- Who may lock and unlock ----------------------------------------------------------------- */

static void *try_from_outside(void *arg)
{
	pthread_mutex_t *mutex = arg;
	struct timespec until = soon();

	printf("another thread: try %d", pthread_mutex_trylock(mutex));
	printf(", timed %d", pthread_mutex_timedlock(mutex, &until));
	printf(", unlock %d\n", pthread_mutex_unlock(mutex));
	return NULL;
}

static void tell_kind(const char *name, int type, int protocol, int robust)
{
	pthread_mutex_t mutex;
	struct timespec until = soon();
	pthread_t thread;

	puts(name);
	make_mutex(&mutex, type, protocol, robust, PTHREAD_PROCESS_PRIVATE);
	TELL(pthread_mutex_lock(&mutex));
	TELL(pthread_mutex_trylock(&mutex));
	TELL(pthread_mutex_timedlock(&mutex, &until));
	if (type != PTHREAD_MUTEX_NORMAL) {
		TELL(pthread_mutex_lock(&mutex));
		CHECK(pthread_create(&thread, NULL, try_from_outside, &mutex) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
		TELL(pthread_mutex_unlock(&mutex));
		TELL(pthread_mutex_unlock(&mutex));
		TELL(pthread_mutex_unlock(&mutex));
		TELL(pthread_mutex_unlock(&mutex));
		TELL(pthread_mutex_unlock(&mutex));
	} else {
		TELL(pthread_mutex_unlock(&mutex));
	}
	TELL(pthread_mutex_lock(&mutex));
	TELL(pthread_mutex_unlock(&mutex));
	TELL(pthread_mutex_destroy(&mutex));
}

static void kinds(void)
{
	static const int protocols[] = { PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT };
	static const int robusts[] = { PTHREAD_MUTEX_STALLED, PTHREAD_MUTEX_ROBUST };

	for (int p = 0; p < 2; p++)
		for (int r = 0; r < 2; r++) {
			printf("protocol %d, robust %d\n", p, r);
			tell_kind("normal", PTHREAD_MUTEX_NORMAL, protocols[p], robusts[r]);
			tell_kind("recursive", PTHREAD_MUTEX_RECURSIVE, protocols[p], robusts[r]);
			tell_kind("errorcheck", PTHREAD_MUTEX_ERRORCHECK, protocols[p], robusts[r]);
		}
}

/* ---- Contention ------------------------------------------------------------------------------ */

#define ROUNDS 3000

struct counter {
	pthread_mutex_t mutex;
	long count;
};

static void *count_up(void *arg)
{
	struct counter *counter = arg;

	for (int i = 0; i < ROUNDS; i++) {
		CHECK(pthread_mutex_lock(&counter->mutex) == 0);
		counter->count++;
		if (i % 100 == 0)
			sched_yield();
		CHECK(pthread_mutex_unlock(&counter->mutex) == 0);
	}
	return NULL;
}

static void contended(void)
{
	static const int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
				     PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP };

	for (int kind = 0; kind < 12; kind++) {
		struct counter counter = { .count = 0 };
		pthread_t threads[4];

		make_mutex(&counter.mutex, types[kind % 4],
			   kind / 4 == 1 ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE,
			   kind / 4 == 2 ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED,
			   PTHREAD_PROCESS_PRIVATE);
		for (int i = 0; i < 4; i++)
			CHECK(pthread_create(&threads[i], NULL, count_up, &counter) == 0);
		for (int i = 0; i < 4; i++)
			CHECK(pthread_join(threads[i], NULL) == 0);
		printf("kind %d: %ld\n", kind, counter.count);
	}
}

/* ---- Owners that die ------------------------------------------------------------------------- */

static void *die_with_it(void *arg)
{
	CHECK(pthread_mutex_lock(arg) == 0);
	return NULL;
}

static void tell_orphan(pthread_mutex_t *mutex)
{
	struct timespec until = soon();

	TELL(pthread_mutex_lock(mutex));
	TELL(pthread_mutex_consistent(mutex));
	TELL(pthread_mutex_unlock(mutex));
	TELL(pthread_mutex_timedlock(mutex, &until));
	TELL(pthread_mutex_unlock(mutex));
}

static void robust_threads(void)
{
	for (int round = 0; round < 6; round++) {
		pthread_mutex_t mutex;
		struct timespec until = soon();
		pthread_t thread;

		make_mutex(&mutex, round % 2 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL,
			   round % 3 ? PTHREAD_PRIO_NONE : PTHREAD_PRIO_INHERIT,
			   PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
		CHECK(pthread_create(&thread, NULL, die_with_it, &mutex) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
		if (round < 4) {
			tell_orphan(&mutex);
			continue;
		}
		/* Never made consistent: not recoverable. */
		TELL(round == 4 ? pthread_mutex_trylock(&mutex)
				: pthread_mutex_timedlock(&mutex, &until));
		TELL(pthread_mutex_unlock(&mutex));
		TELL(pthread_mutex_lock(&mutex));
	}
}

static void robust_processes(void)
{
	pthread_mutex_t *mutex = mmap(NULL, sizeof(*mutex), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (int round = 0; round < 3; round++) {
		int ends[2];
		char byte;
		pid_t pid;

		make_mutex(mutex, PTHREAD_MUTEX_NORMAL,
			   round == 1 ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE,
			   PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
		CHECK(pipe(ends) == 0);
		pid = fork();
		if (pid == 0) {
			pthread_mutex_lock(mutex);
			if (write(ends[1], "x", 1) == 1 && round < 2)
				pause(); /* killed */
			_exit(0);
		}
		CHECK(read(ends[0], &byte, 1) == 1);
		if (round < 2)
			kill(pid, SIGKILL);
		/* Waits for the owner, then inherits. */
		tell_orphan(mutex);
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
}

static void robust_waiters(void)
{
	pthread_mutex_t *mutex = mmap(NULL, sizeof(*mutex), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[2], back[2];
	char byte;
	pid_t pid;

	make_mutex(mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST,
		   PTHREAD_PROCESS_SHARED);
	CHECK(pipe(ends) == 0 && pipe(back) == 0);
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(mutex);
		CHECK(write(ends[1], "x", 1) == 1 && read(back[0], &byte, 1) == 1);
		/* The parent sleeps in its lock by now, or is about to. */
		_exit(0);
	}
	CHECK(read(ends[0], &byte, 1) == 1 && write(back[1], "x", 1) == 1);
	tell_orphan(mutex);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

/* ---- Meeting --------------------------------------------------------------------------------- */

static pthread_barrier_t barrier;
static atomic_int serial;

static void *meet(void *arg)
{
	for (int i = 0; i < 200; i++) {
		int ret = pthread_barrier_wait(&barrier);

		CHECK(ret == 0 || ret == PTHREAD_BARRIER_SERIAL_THREAD);
		if (ret)
			atomic_fetch_add(&serial, 1);
	}
	return arg;
}

static void barriers(void)
{
	pthread_t threads[4];

	CHECK(pthread_barrier_init(&barrier, NULL, 4) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, meet, NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	printf("serial %d\n", atomic_load(&serial));
}

static pthread_rwlock_t rwlock;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long written, queued, taken;

static void *read_or_write(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		if (arg && i % 4 == 0) {
			CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
			written++;
		} else {
			long seen;

			CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
			seen = written;
			CHECK(seen == written);
		}
		CHECK(pthread_rwlock_unlock(&rwlock) == 0);
	}
	return NULL;
}

static void readers_and_writers(void)
{
	for (int kind = 0; kind < 3; kind++) {
		pthread_rwlockattr_t attr;
		pthread_t threads[4];

		written = 0;
		CHECK(pthread_rwlockattr_init(&attr) == 0);
		CHECK(pthread_rwlockattr_setkind_np(&attr, kind) == 0);
		CHECK(pthread_rwlock_init(&rwlock, &attr) == 0);
		for (long i = 0; i < 4; i++)
			CHECK(pthread_create(&threads[i], NULL, read_or_write, (void *)(i % 2)) ==
			      0);
		for (int i = 0; i < 4; i++)
			CHECK(pthread_join(threads[i], NULL) == 0);
		printf("kind %d: written %ld\n", kind, written);
	}
}

static void *take_from_queue(void *arg)
{
	long own = 0;

	for (;;) {
		pthread_mutex_lock(&mutex);
		while (!queued)
			pthread_cond_wait(&cond, &mutex);
		if (queued < 0)
			break;
		queued--;
		own++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	taken += own;
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void queue(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, take_from_queue, NULL) == 0);
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		while (queued >= 4)
			pthread_cond_wait(&cond, &mutex);
		queued++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	pthread_mutex_lock(&mutex);
	while (queued)
		pthread_cond_wait(&cond, &mutex);
	queued = -1;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	printf("taken %ld\n", taken);
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "kinds", kinds },
		{ "contended", contended },
		{ "robust-threads", robust_threads },
		{ "robust-processes", robust_processes },
		{ "robust-waiters", robust_waiters },
		{ "barriers", barriers },
		{ "readers-and-writers", readers_and_writers },
		{ "queue", queue },
		{ NULL, NULL },
	};

	return run_case(rows, argc, argv);
}

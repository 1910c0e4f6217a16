/* SPDX-License-Identifier: MIT */
/*
 * What locks, threads and processes return and what they leave in errno, when they succeed too.
 */
#include "cases.h"
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>

#define UNTOUCHED 4242

#define TELL(call)                                                                                 \
	do {                                                                                       \
		long ret_;                                                                         \
		errno = UNTOUCHED;                                                                 \
		ret_ = (long)(call);                                                               \
		printf("%s: %ld, errno %d\n", #call, ret_, errno);                                 \
	} while (0)

/* 20 ms from now by any clock: a deadline that passes. */
static struct timespec soon(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	time.tv_nsec += 20000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

static const struct timespec past = { 1, 0 }, broken = { 0, 2000000000 };

/* Holds whatever its function takes until told otherwise. */
struct holder {
	void (*take)(void *);
	void (*give)(void *);
	void *lock;
	sem_t has, may_end;
};

static void *hold(void *arg)
{
	struct holder *holder = arg;

	holder->take(holder->lock);
	sem_post(&holder->has);
	sem_wait(&holder->may_end);
	holder->give(holder->lock);
	return NULL;
}

static pthread_t start_holder(struct holder *holder)
{
	pthread_t thread;

	sem_init(&holder->has, 0, 0);
	sem_init(&holder->may_end, 0, 0);
	CHECK(pthread_create(&thread, NULL, hold, holder) == 0);
	sem_wait(&holder->has);
	return thread;
}

static void end_holder(struct holder *holder, pthread_t thread)
{
	sem_post(&holder->may_end);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void take_mutex(void *lock)
{
	CHECK(pthread_mutex_lock(lock) == 0);
}

static void give_mutex(void *lock)
{
	CHECK(pthread_mutex_unlock(lock) == 0);
}

static void mutexes(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct holder holder = { take_mutex, give_mutex, &lock, { { 0 } }, { { 0 } } };
	struct timespec real = soon(CLOCK_REALTIME), mono;
	pthread_t thread;

	TELL(pthread_mutex_lock(&lock));
	TELL(pthread_mutex_trylock(&lock));
	TELL(pthread_mutex_timedlock(&lock, &real));
	TELL(pthread_mutex_timedlock(&lock, &past));
	TELL(pthread_mutex_timedlock(&lock, &broken));
	mono = soon(CLOCK_MONOTONIC);
	TELL(pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &mono));
	TELL(pthread_mutex_clocklock(&lock, 77, &mono));
	TELL(pthread_mutex_unlock(&lock));
	TELL(pthread_mutex_timedlock(&lock, &past));
	TELL(pthread_mutex_unlock(&lock));
	TELL(pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &past));
	TELL(pthread_mutex_unlock(&lock));
	thread = start_holder(&holder);
	TELL(pthread_mutex_trylock(&lock));
	TELL(pthread_mutex_timedlock(&lock, &past));
	real = soon(CLOCK_REALTIME);
	TELL(pthread_mutex_timedlock(&lock, &real));
	end_holder(&holder, thread);
	TELL(pthread_mutex_lock(&lock));
	TELL(pthread_mutex_unlock(&lock));
}

struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int is_told;
};

static void *tell_meeting(void *arg)
{
	struct meeting *meeting = arg;

	pthread_mutex_lock(&meeting->lock);
	meeting->is_told = 1;
	pthread_cond_signal(&meeting->cond);
	pthread_mutex_unlock(&meeting->lock);
	return NULL;
}

static void conditions(void)
{
	struct meeting meeting = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };
	struct timespec real = soon(CLOCK_REALTIME), mono;
	pthread_cond_t other;
	pthread_t thread;

	pthread_mutex_lock(&meeting.lock);
	CHECK(pthread_create(&thread, NULL, tell_meeting, &meeting) == 0);
	errno = UNTOUCHED;
	while (!meeting.is_told)
		CHECK(pthread_cond_wait(&meeting.cond, &meeting.lock) == 0);
	printf("pthread_cond_wait: errno %d\n", errno);
	TELL(pthread_cond_timedwait(&meeting.cond, &meeting.lock, &real));
	TELL(pthread_cond_timedwait(&meeting.cond, &meeting.lock, &past));
	TELL(pthread_cond_timedwait(&meeting.cond, &meeting.lock, &broken));
	mono = soon(CLOCK_MONOTONIC);
	TELL(pthread_cond_clockwait(&meeting.cond, &meeting.lock, CLOCK_MONOTONIC, &mono));
	TELL(pthread_cond_clockwait(&meeting.cond, &meeting.lock, 77, &mono));
	/* The mutex is ours after each of them. */
	TELL(pthread_mutex_trylock(&meeting.lock));
	TELL(pthread_mutex_unlock(&meeting.lock));
	TELL(pthread_cond_signal(&meeting.cond));
	TELL(pthread_cond_broadcast(&meeting.cond));
	TELL(pthread_cond_init(&other, NULL));
	TELL(pthread_cond_signal(&other));
	TELL(pthread_cond_destroy(&other));
	pthread_join(thread, NULL);
}

static void semaphores(void)
{
	struct timespec real, mono;
	sem_t sem, full;

	CHECK(sem_init(&sem, 0, 1) == 0 && sem_init(&full, 0, INT_MAX) == 0);
	TELL(sem_wait(&sem));
	TELL(sem_trywait(&sem));
	TELL(sem_timedwait(&sem, &past));
	TELL(sem_timedwait(&sem, &broken));
	real = soon(CLOCK_REALTIME);
	TELL(sem_timedwait(&sem, &real));
	mono = soon(CLOCK_MONOTONIC);
	TELL(sem_clockwait(&sem, CLOCK_MONOTONIC, &mono));
	TELL(sem_clockwait(&sem, 77, &mono));
	TELL(sem_post(&sem));
	TELL(sem_trywait(&sem));
	TELL(sem_post(&sem));
	TELL(sem_timedwait(&sem, &broken));
	TELL(sem_post(&sem));
	TELL(sem_clockwait(&sem, CLOCK_MONOTONIC, &past));
	TELL(sem_post(&full));
}

static void take_write(void *lock)
{
	CHECK(pthread_rwlock_wrlock(lock) == 0);
}

static void take_read(void *lock)
{
	CHECK(pthread_rwlock_rdlock(lock) == 0);
}

static void give_rwlock(void *lock)
{
	CHECK(pthread_rwlock_unlock(lock) == 0);
}

static void tell_rwlock(pthread_rwlock_t *lock)
{
	struct timespec real = soon(CLOCK_REALTIME), mono = soon(CLOCK_MONOTONIC);
	int ret;

#define TELL_AND_GIVE(call)                                                                        \
	do {                                                                                       \
		errno = UNTOUCHED;                                                                 \
		ret = call;                                                                        \
		printf("%s: %d, errno %d\n", #call, ret, errno);                                   \
		if (ret == 0)                                                                      \
			pthread_rwlock_unlock(lock);                                               \
	} while (0)

	TELL_AND_GIVE(pthread_rwlock_tryrdlock(lock));
	TELL_AND_GIVE(pthread_rwlock_trywrlock(lock));
	TELL_AND_GIVE(pthread_rwlock_timedrdlock(lock, &real));
	TELL_AND_GIVE(pthread_rwlock_timedwrlock(lock, &past));
	TELL_AND_GIVE(pthread_rwlock_clockrdlock(lock, CLOCK_MONOTONIC, &mono));
	TELL_AND_GIVE(pthread_rwlock_clockwrlock(lock, CLOCK_MONOTONIC, &past));
	TELL_AND_GIVE(pthread_rwlock_clockwrlock(lock, 77, &past));
}

static void rwlocks(void)
{
	pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	struct holder writer = { take_write, give_rwlock, &lock, { { 0 } }, { { 0 } } };
	struct holder reader = { take_read, give_rwlock, &lock, { { 0 } }, { { 0 } } };
	pthread_t thread;

	puts("free");
	tell_rwlock(&lock);
	TELL(pthread_rwlock_rdlock(&lock));
	TELL(pthread_rwlock_rdlock(&lock));
	pthread_rwlock_unlock(&lock);
	pthread_rwlock_unlock(&lock);
	TELL(pthread_rwlock_wrlock(&lock));
	puts("written by this thread");
	TELL(pthread_rwlock_wrlock(&lock));
	TELL(pthread_rwlock_rdlock(&lock));
	tell_rwlock(&lock);
	pthread_rwlock_unlock(&lock);
	thread = start_holder(&writer);
	puts("written by another");
	tell_rwlock(&lock);
	end_holder(&writer, thread);
	thread = start_holder(&reader);
	puts("read by another");
	tell_rwlock(&lock);
	end_holder(&reader, thread);
}

static void *return_arg(void *arg)
{
	return arg;
}

static int return_seven(void *arg)
{
	return arg ? 8 : 7;
}

static void threads(void)
{
	struct holder holder = { take_mutex, give_mutex, NULL, { { 0 } }, { { 0 } } };
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_barrier_t barrier;
	pthread_t thread;
	pthread_attr_t huge;
	thrd_t c11;
	void *value;
	int code;

	CHECK(pthread_barrier_init(&barrier, NULL, 1) == 0);
	TELL(pthread_barrier_wait(&barrier));
	TELL(pthread_create(&thread, NULL, return_arg, (void *)77));
	TELL(pthread_join(thread, &value));
	printf("value %ld\n", (long)(intptr_t)value);
	TELL(pthread_join(pthread_self(), NULL));
	holder.lock = &lock;
	thread = start_holder(&holder);
	TELL(pthread_timedjoin_np(thread, NULL, &past));
	TELL(pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &past));
	end_holder(&holder, thread);
	CHECK(pthread_create(&thread, NULL, return_arg, NULL) == 0);
	TELL(pthread_timedjoin_np(thread, NULL, NULL));
	CHECK(pthread_create(&thread, NULL, return_arg, NULL) == 0);
	TELL(pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, NULL));
	pthread_attr_init(&huge);
	CHECK(pthread_attr_setstacksize(&huge, 1ul << 46) == 0);
	TELL(pthread_create(&thread, &huge, return_arg, NULL));
	CHECK(thrd_create(&c11, return_seven, NULL) == thrd_success);
	TELL(thrd_join(c11, &code));
	printf("code %d\n", code);
}

static int tell_c11(void *arg)
{
	struct {
		mtx_t lock;
		cnd_t cond;
		int is_told;
	} *meeting = arg;

	mtx_lock(&meeting->lock);
	meeting->is_told = 1;
	cnd_signal(&meeting->cond);
	mtx_unlock(&meeting->lock);
	return 0;
}

static void c11_locks(void)
{
	struct {
		mtx_t lock;
		cnd_t cond;
		int is_told;
	} meeting = { .is_told = 0 };
	struct timespec until = soon(CLOCK_REALTIME), brief = { 0, 1000 };
	thrd_t thread;

	CHECK(mtx_init(&meeting.lock, mtx_timed) == thrd_success &&
	      cnd_init(&meeting.cond) == thrd_success);
	TELL(mtx_lock(&meeting.lock));
	TELL(mtx_trylock(&meeting.lock));
	TELL(mtx_timedlock(&meeting.lock, &until));
	CHECK(thrd_create(&thread, tell_c11, &meeting) == thrd_success);
	errno = UNTOUCHED;
	while (!meeting.is_told)
		CHECK(cnd_wait(&meeting.cond, &meeting.lock) == thrd_success);
	printf("cnd_wait: errno %d\n", errno);
	until = soon(CLOCK_REALTIME);
	TELL(cnd_timedwait(&meeting.cond, &meeting.lock, &until));
	mtx_unlock(&meeting.lock);
	TELL(mtx_timedlock(&meeting.lock, &until));
	TELL(thrd_sleep(&brief, NULL));
	TELL(thrd_sleep(&broken, NULL));
	TELL(thrd_join(thread, NULL));
}

static const char *const words[] = { "/nowhere/program", "one", NULL };
#define ARGV ((char *const *)words)

static void programs(void)
{
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC); /* no program */
	pid_t pid = -1;
	int ret;

	TELL(execve(words[0], ARGV, environ));
	TELL(execve("/", ARGV, environ));
	TELL(execve(words[0], ARGV, NULL));
	TELL(execv(words[0], ARGV));
	TELL(execvp("nowhere-program", ARGV));
	TELL(execvpe("nowhere-program", ARGV, environ));
	TELL(execl(words[0], "a", "b", (char *)NULL));
	TELL(execlp("nowhere-program", "a", (char *)NULL));
	TELL(execle(words[0], "a", (char *)NULL, environ));
	TELL(fexecve(fd, ARGV, environ));
	TELL(fexecve(-1, ARGV, environ));
	TELL(execveat(AT_FDCWD, "nowhere", ARGV, environ, 0));
	TELL(posix_spawn(&pid, words[0], NULL, NULL, ARGV, environ));
	TELL(posix_spawnp(&pid, "nowhere-program", NULL, NULL, ARGV, environ));
	errno = UNTOUCHED;
	ret = posix_spawnp(&pid, "true", NULL, NULL, (char *[]){ (char *)"true", NULL }, environ);
	printf("posix_spawnp: %d, errno %d\n", ret, errno);
	CHECK(waitpid(pid, NULL, 0) == pid);
	close(fd);
}

static pid_t child_with_code(int code)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(code);
	return pid;
}

static void children(void)
{
	struct rusage usage;
	siginfo_t info;
	int status;

	TELL(wait(&status));
	TELL(waitpid(-1, &status, 0));
	TELL(wait3(&status, 0, NULL));
	TELL(wait4(-1, &status, WNOHANG, &usage));
	TELL(waitid(P_ALL, 0, &info, WEXITED));
	child_with_code(1);
	TELL(wait(&status) > 0);
	child_with_code(2);
	TELL(waitpid(-1, &status, 0) > 0);
	child_with_code(3);
	TELL(wait3(&status, 0, &usage) > 0);
	child_with_code(4);
	TELL(wait4(-1, &status, 0, &usage) > 0);
	printf("code %d\n", WEXITSTATUS(status));
	child_with_code(5);
	TELL(waitid(P_ALL, 0, &info, WEXITED));
	printf("code %d\n", info.si_status);
}

static void ignore_signal(int number)
{
	(void)number;
}

static void signals_and_sleeps(void)
{
	struct timespec brief = { 0, 1000 }, left;
	struct sigaction action = { .sa_handler = ignore_signal };
	sigset_t one, none;
	siginfo_t info;
	int number;

	TELL(sleep(0));
	TELL(usleep(1));
	TELL(nanosleep(&brief, &left));
	TELL(nanosleep(&broken, &left));
	TELL(clock_nanosleep(CLOCK_MONOTONIC, 0, &brief, NULL));
	TELL(clock_nanosleep(77, 0, &brief, NULL));
	TELL(sched_yield());
	sigemptyset(&none);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigaction(SIGUSR1, &action, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
	TELL(sigtimedwait(&one, &info, &brief));
	raise(SIGUSR1);
	TELL(sigtimedwait(&one, &info, &brief));
	raise(SIGUSR1);
	TELL(sigwait(&one, &number));
	raise(SIGUSR1);
	TELL(sigwaitinfo(&one, NULL));
	raise(SIGUSR1);
	TELL(sigsuspend(&none));
	TELL(prctl(PR_GET_DUMPABLE));
	TELL(prctl(12345678, 0, 0, 0, 0));
	TELL(syscall(SYS_getppid) > 0);
	TELL(syscall(987654));
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "mutexes", mutexes },
		{ "conditions", conditions },
		{ "semaphores", semaphores },
		{ "rwlocks", rwlocks },
		{ "threads", threads },
		{ "c11-locks", c11_locks },
		{ "programs", programs },
		{ "children", children },
		{ "signals-and-sleeps", signals_and_sleeps },
		{ NULL, NULL },
	};

	return run_case(rows, argc, argv);
}

/* SPDX-License-Identifier: MIT */
/*
 * A library whose constructor runs before a preloaded library's: it does all that it should not.
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int early_result(void);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_key_t key;
static int result, is_told, destroyed, ends[2];
static sem_t sem;
static jmp_buf landing;

static void destroy(void *value)
{
	(void)value;
	destroyed++;
}

static void *tell(void *arg)
{
	struct timespec brief = { 0, 1000000 };

	pthread_setspecific(key, arg);
	nanosleep(&brief, NULL);
	pthread_mutex_lock(&mutex);
	is_told = 1;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
	sem_post(&sem);
	return write(ends[1], "x", 1) == 1 ? arg : NULL;
}

static void expect(int condition, int bit)
{
	if (!condition)
		result |= 1 << bit;
}

static __attribute__((constructor)) void wake_early(void)
{
	struct pollfd one = { .events = POLLIN };
	pthread_t thread;
	int status;
	char byte;
	pid_t pid;

	expect(pipe(ends) == 0 && sem_init(&sem, 0, 0) == 0, 0);
	expect(pthread_key_create(&key, destroy) == 0, 1);
	expect(pthread_create(&thread, NULL, tell, &result) == 0, 2);
	pthread_mutex_lock(&mutex);
	while (!is_told)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	expect(sem_wait(&sem) == 0, 3);
	one.fd = ends[0];
	expect(poll(&one, 1, -1) == 1 && read(ends[0], &byte, 1) == 1, 4);
	expect(pthread_join(thread, NULL) == 0 && destroyed == 1, 5);
	pid = vfork();
	if (pid == 0)
		_exit(3);
	expect(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3, 6);
	pid = fork();
	if (pid == 0)
		_exit(4);
	expect(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 4, 7);
	if (setjmp(landing) == 0)
		longjmp(landing, 1);
}

int early_result(void)
{
	return result;
}

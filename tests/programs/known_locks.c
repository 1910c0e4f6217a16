/* SPDX-License-Identifier: MIT */
/* What the scripts have in common, and the truth as lines of JSON. */
#include "known.h"

#define KNOWN_MAX 8

static struct {
	const char *name;
	struct known known;
} all[KNOWN_MAX];
static int count;
static atomic_flag busy = ATOMIC_FLAG_INIT; /* no lock that gildiag would see */

struct known *known_of(const char *name, const char *kind)
{
	int i = 0;

	while (atomic_flag_test_and_set(&busy))
		;
	while (i < count && strcmp(all[i].name, name))
		i++;
	CHECK(i < KNOWN_MAX);
	if (i == count)
		count++;
	all[i].name = name;
	all[i].known.kind = kind;
	atomic_flag_clear(&busy);
	return &all[i].known;
}

void known_wait(struct known *known, double began, bool timed_out)
{
	double waited = now_s() - began;

	while (atomic_flag_test_and_set(&busy))
		;
	known->contended++;
	known->timeouts += timed_out;
	known->wait_s += waited;
	atomic_flag_clear(&busy);
}

static void blame(struct known *known, struct place place, double blame_s, double hold_s)
{
	int i = 0;

	while (i < known->site_count && known->sites[i].place.line != place.line)
		i++;
	CHECK(i < KNOWN_SITES);
	if (i == known->site_count)
		known->site_count++;
	known->sites[i].place = place;
	known->sites[i].blame_s += blame_s;
	known->sites[i].hold_s += hold_s;
}

void known_hold(struct known *known, struct place place, double blame_s, double hold_s)
{
	while (atomic_flag_test_and_set(&busy))
		;
	known->released++;
	blame(known, place, blame_s, hold_s);
	atomic_flag_clear(&busy);
}

void known_wake(struct known *known, struct place place, double blame_s)
{
	while (atomic_flag_test_and_set(&busy))
		;
	known->posted++;
	blame(known, place, blame_s, 0);
	atomic_flag_clear(&busy);
}

static void print_truth(void)
{
	for (int i = 0; i < count; i++) {
		const struct known *known = &all[i].known;

		printf("{\"name\": \"%s\", \"kind\": \"%s\", \"contended\": %d, \"timeouts\": %d, "
		       "\"released\": %d, \"posted\": %d, \"wait_s\": %.9f, \"holders\": [",
		       all[i].name, known->kind, known->contended, known->timeouts, known->released,
		       known->posted, known->wait_s);
		for (int k = 0; k < known->site_count; k++)
			printf("%s{\"function\": \"%s\", \"line\": %d, \"blame_s\": %.9f, "
			       "\"hold_s\": %.9f}",
			       k ? ", " : "", known->sites[k].place.function,
			       known->sites[k].place.line, known->sites[k].blame_s,
			       known->sites[k].hold_s);
		puts("]}");
	}
}

/* ---- The script ------------------------------------------------------------------------------ */

double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void sleep_s(double s)
{
	struct timespec t = { 0, (long)(s * 1e9) };

	CHECK(nanosleep(&t, NULL) == 0);
}

struct timespec in_s(clockid_t clock, double s)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += (long)(s * 1e9);
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void *play(void *arg)
{
	struct person *person = arg;
	double began;
	int ret;

	if (person->before)
		person->before();
	began = now_s();
	atomic_store(&person->at, began);
	atomic_store(&person->tid, own_tid());
	began = now_s(); /* the store above may have been a page's first */
	ret = person->call();
	known_wait(person->known, began, person->gives_up);
	CHECK(ret == (person->gives_up ? ETIMEDOUT : 0));
	if (person->after)
		person->after();
	return NULL;
}

void begin(struct person *person)
{
	CHECK(pthread_create(&person->thread, NULL, play, person) == 0);
}

void end(struct person *person)
{
	CHECK(pthread_join(person->thread, NULL) == 0);
}

void wait_until_it_waits(struct person *person)
{
	while (!atomic_load(&person->tid))
		sched_yield();
	wait_until_asleep(atomic_load(&person->tid));
}

double waited_by(struct person *persons, int persons_count, double until)
{
	double sum = 0;

	for (int i = 0; i < persons_count; i++)
		sum += until - atomic_load(&persons[i].at);
	return sum;
}

static void *do_nothing(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	static const struct case_row rows[] = {
		{ "mutex-chain", mutex_chain },         { "mutex-timeouts", mutex_timeouts },
		{ "mutex-several", mutex_several },     { "mutex-c11", mutex_c11 },
		{ "mutex-kinds", mutex_kinds },         { "mutex-unseen", mutex_unseen },
		{ "rwlock-writer", rwlock_writer },     { "rwlock-readers", rwlock_readers },
		{ "rwlock-timeouts", rwlock_timeouts }, { "cond-signals", cond_signals },
		{ "cond-broadcast", cond_broadcast },   { "cond-timeouts", cond_timeouts },
		{ "sem-signals", sem_signals },         { "sem-as-lock", sem_as_lock },
		{ "barrier-rounds", barrier_rounds },   { NULL, NULL },
	};
	bool is_unseen = argc > 1 && strcmp(argv[1], "mutex-unseen") == 0;
	pthread_t thread;
	int ret;

	/* From the second thread on holds are noted: here, or in the script that wants it otherwise. */
	if (!is_unseen) {
		CHECK(pthread_create(&thread, NULL, do_nothing, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	ret = run_case(rows, argc, argv);
	print_truth();
	return ret;
}

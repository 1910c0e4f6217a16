/* SPDX-License-Identifier: MIT */
/*
 * known_locks: scripted holds, waits, hand-offs and time-outs of every primitive.  The program reads
 * its own clock around each call and prints what gildiag should have found: the truth.
 */
#ifndef KNOWN_H
#define KNOWN_H

#include "cases.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* ---- The truth ------------------------------------------------------------------------------- */

#define KNOWN_SITES 4

/* A call's own line: AT(where, call) notes it and makes the call. */
struct place {
	const char *function;
	int line;
};

#define AT(where, call) ((where) = (struct place){ __func__, __LINE__ }, (call))

/* Who kept others waiting, what they waited for it, how long it held. */
struct known_site {
	struct place place;
	double blame_s, hold_s;
};

struct known {
	const char *kind;
	int contended, timeouts, released, posted;
	double wait_s;
	struct known_site sites[KNOWN_SITES];
	int site_count;
};

/* The truth of the variable with that name; it is made when it is first asked for. */
struct known *known_of(const char *name, const char *kind);

/* A wait that began then has ended now.  Context: any thread. */
void known_wait(struct known *known, double began, bool timed_out);

/* A hold that others waited blame_s for has ended. */
void known_hold(struct known *known, struct place place, double blame_s, double hold_s);

/* Somebody who holds nothing woke those that had waited blame_s. */
void known_wake(struct known *known, struct place place, double blame_s);

#define KNOWN(lock, kind) known_of(#lock, kind)

/* ---- The script ------------------------------------------------------------------------------ */

#define MS 1e-3

double now_s(void);
void sleep_s(double s);

/* A deadline of that clock. */
struct timespec in_s(clockid_t clock, double s);

/* Somebody who waits in a script, in a thread of his own. */
struct person {
	void (*before)(void); /* may be NULL */
	int (*call)(void);    /* that blocks; 0 or ETIMEDOUT comes of it */
	void (*after)(void);  /* may be NULL */
	bool gives_up;        /* it is to be ETIMEDOUT */
	struct known *known;  /* the lock that it waits for */
	pthread_t thread;
	atomic_int tid;    /* set when it is about to make the call */
	_Atomic double at; /* when that was */
};

void begin(struct person *person);
void end(struct person *person);

/* Returns when it sleeps in its call. */
void wait_until_it_waits(struct person *person);

/* Seconds that count of them have waited until then. */
double waited_by(struct person *persons, int count, double until);

/* Scripts: tests/e2e/test_locks.py watches each of them. */
void mutex_chain(void);
void mutex_timeouts(void);
void mutex_several(void);
void mutex_c11(void);
void mutex_kinds(void);
void mutex_unseen(void);
void rwlock_writer(void);
void rwlock_readers(void);
void rwlock_timeouts(void);
void cond_signals(void);
void cond_broadcast(void);
void cond_timeouts(void);
void sem_signals(void);
void sem_as_lock(void);
void barrier_rounds(void);

#endif

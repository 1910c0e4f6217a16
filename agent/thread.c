/* SPDX-License-Identifier: MIT */
/*
 * Birth and end of threads.  A thread that pthread_create makes gets its slot from its creator and
 * starts in our trampoline; any other registers at its first wrapped call.  Its end is told by the
 * destructor of a thread-specific key, in the last round, so that the destructors of others are
 * still watched.  Nothing is allocated: private state lies in a sparse array.
 */
#include "thread.h"
#include "account.h"
#include "lock.h"
#include <fcntl.h>
#include <limits.h>

#define KEEP_ENDED 64 /* so many slots are used before an ended one is used again */

__thread struct gd_local *gd_self;
__thread struct gd_thread *gd_self_slot;
__thread int gd_vfork_open;
__thread bool gd_thread_is_blind;
bool gd_thread_is_one_of_many;

static struct gd_local *locals; /* GD_THREAD_CAPACITY, private, sparse */
static uint32_t ended_count;
static uint32_t ended_cursor;
static uint32_t slotless; /* created while no slot was free, lost so far; they may find one yet */
static pthread_key_t key;
static bool key_works;

/* Registers now, found no slot, or has ended: the thread is not to be registered (again). */
static __thread bool is_barred __attribute__((tls_model("initial-exec")));

static bool map_locals(void)
{
	if (!locals)
		locals = gd_arena_map(GD_THREAD_CAPACITY * sizeof(*locals));
	return locals != NULL;
}

/* The row of the ended threads that began at start, NULL when the table is full. */
static struct gd_ended *find_ended_row(uint64_t start)
{
	struct gd_ended *rows = gd_image_entries(gd_arena_image(), GD_SECTION_ENDED);
	uint32_t used = __atomic_load_n(&gd_sections[GD_SECTION_ENDED - 1].used, __ATOMIC_ACQUIRE);
	struct gd_ended *row;
	uint32_t index;

	for (uint32_t i = 0; i < used; i++)
		if (rows[i].start_function == start)
			return &rows[i];
	row = gd_arena_take(GD_SECTION_ENDED, &index);
	if (row)
		row->start_function = start; /* two rows after a race: the reader adds them up */
	return row;
}

#define FOLD(field) __atomic_fetch_add(&row->field, slot->field, __ATOMIC_RELAXED)

/* Keeps the sums of an ended thread before its slot is used again. */
static void fold(const struct gd_thread *slot)
{
	struct gd_ended *row = slot->tid ? find_ended_row(slot->start_function) : NULL;

	if (!row)
		return; /* never ran; or the table is full, which the section counts */
	for (unsigned int i = 0; i < GD_CAUSE_COUNT; i++) {
		FOLD(ticks[i]);
		FOLD(cpu_in[i]);
		FOLD(count[i]);
	}
	FOLD(off_in[0]);
	FOLD(off_in[1]);
	FOLD(holding_gil);
	FOLD(gil_takes);
	FOLD(gil_drops);
	FOLD(gil_forced);
	FOLD(gil_hold);
	FOLD(cpu_ns);
	FOLD(run_delay_ns);
	FOLD(yields);
	FOLD(wakes);
	FOLD(pipe_bytes);
	__atomic_fetch_add(&row->life, slot->ended - slot->born, __ATOMIC_RELAXED);
	__atomic_fetch_add(&row->threads, 1, __ATOMIC_RELAXED);
}

static bool claim_ended(uint32_t *ret_index)
{
	uint32_t used =
		__atomic_load_n(&gd_sections[GD_SECTION_THREADS - 1].used, __ATOMIC_ACQUIRE);
	uint32_t from = __atomic_load_n(&ended_cursor, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i < used; i++) {
		uint32_t index = (from + i) % used;
		uint32_t expected = GD_THREAD_ENDED;

		if (!__atomic_compare_exchange_n(&gd_threads[index].state, &expected,
						 GD_THREAD_CLAIMED, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		__atomic_fetch_sub(&ended_count, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&ended_cursor, index + 1, __ATOMIC_RELAXED);
		fold(&gd_threads[index]);
		__builtin_memset(&gd_threads[index], 0, sizeof(gd_threads[index]));
		gd_threads[index].state = GD_THREAD_CLAIMED;
		*ret_index = index;
		return true;
	}
	return false;
}

/* A slot of the table, claimed and zeroed; NULL: full, counted. */
static struct gd_local *claim(void)
{
	uint32_t used, index;

	if (!gd_process || !locals)
		return NULL;
	used = __atomic_load_n(&gd_sections[GD_SECTION_THREADS - 1].used, __ATOMIC_RELAXED);
	if ((used < KEEP_ENDED || !__atomic_load_n(&ended_count, __ATOMIC_RELAXED) ||
	     !claim_ended(&index)) &&
	    !gd_arena_take(GD_SECTION_THREADS, &index)) {
		gd_arena_lose(GD_LOST_THREADS);
		return NULL;
	}
	__builtin_memset(&locals[index], 0, sizeof(locals[index]));
	locals[index].slot = &gd_threads[index];
	locals[index].index = index;
	gd_threads[index].state = GD_THREAD_CLAIMED;
	return &locals[index];
}

/* Under a filter nobody asks the kernel: libc knows, and writes it into a mutex that is locked. */
static int32_t own_tid(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	int32_t tid;

	if (!(gd_process->flags & GD_FLAG_SECCOMP))
		return (int32_t)gd_syscall(SYS_gettid);
	GD_REAL(pthread_mutex_lock)(&mutex);
	tid = mutex.__data.__owner;
	GD_REAL(pthread_mutex_unlock)(&mutex);
	return tid;
}

/* Makes a claimed slot the calling thread's own. */
static void adopt(struct gd_local *self, uint64_t now)
{
	struct gd_thread *slot = self->slot;

	slot->tid = own_tid();
	slot->cause = slot->cause_prev = GD_CAUSE_CPU_FREE;
	slot->since = slot->since_prev = slot->born = now;
	gd_site_draw(self);
	self->flushed = now;
	self->flushed_ns = gd_clock_read_ns(CLOCK_MONOTONIC);
	if (!(gd_process->flags & GD_FLAG_SECCOMP))
		self->flushed_cpu = gd_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	__atomic_store_n(&slot->state, GD_THREAD_LIVE, __ATOMIC_RELEASE);
	__atomic_fetch_add(&gd_process->threads_born, 1, __ATOMIC_RELAXED);
	gd_self = self;
	gd_self_slot = slot;
	if (key_works)
		gd_real.pthread_setspecific(key, self);
}

bool gd_thread_is_vfork_child(void)
{
	if (!gd_process)
		return false;
	if (!*gd_arena_owner_word)
		return true;
	if (!gd_vfork_open)
		return false;
	if (gd_process->flags & GD_FLAG_SECCOMP)
		return true; /* may not ask: this thread is watched no more */
	if ((int32_t)gd_syscall(SYS_getpid) != gd_process->pid)
		return true;
	gd_vfork_open = 0; /* the parent is back: the child exec'd or ended */
	return false;
}

/* One that was created without a slot now asks for one itself: lost or not, is known then. */
static void take_back_loss(void)
{
	uint32_t seen = __atomic_load_n(&slotless, __ATOMIC_RELAXED);

	while (seen && !__atomic_compare_exchange_n(&slotless, &seen, seen - 1, true,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	if (seen)
		__atomic_fetch_sub(&gd_process->lost[GD_LOST_THREADS], 1, __ATOMIC_RELAXED);
}

struct gd_local *gd_thread_find(void)
{
	struct gd_local *self = gd_self;

	if (gd_thread_is_vfork_child())
		return NULL;
	if (self)
		return self;
	/*
	 * A thread that ended keeps no slot; nor does a signal handler that hits the lines below.
	 */
	if (!gd_process || is_barred || gd_thread_is_blind)
		return NULL;
	is_barred = true;
	take_back_loss();
	self = claim();
	if (self)
		adopt(self, gd_ticks());
	if (gd_process->threads_born > 1)
		gd_thread_is_one_of_many = true; /* made by something else than pthread_create */
	/* No slot: stay marked, so that a full table costs its search once per thread. */
	is_barred = self == NULL;
	return self;
}

struct gd_local *gd_thread_go_blind(void)
{
	struct gd_local *self = gd_thread_get();

	if (gd_vfork_open)
		return NULL; /* a vfork child: the thread is its parent's too */
	if (self) {
		uint64_t now = gd_ticks();

		gd_account_enter(self, gd_account_computing(self), now);
		gd_account_flush(self, now);
	}
	gd_thread_is_blind = true;
	gd_self = NULL;
	return self;
}

void gd_thread_see_again(struct gd_local *self)
{
	if (!self)
		return;
	gd_thread_is_blind = false;
	gd_self = self;
}

void gd_thread_init_main(uint64_t now)
{
	struct gd_local *self = map_locals() ? claim() : NULL;

	gd_self = NULL;
	ended_count = 0;
	slotless = 0;
	if (self)
		adopt(self, now);
}

/* The second number of schedstat. */
void gd_thread_note_run_delay(struct gd_local *self)
{
	char text[64];
	uint64_t value = 0;
	long fd, n, i = 0;

	if (gd_process->flags & GD_FLAG_SECCOMP)
		return;
	fd = gd_syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC,
			0);
	if (fd < 0)
		return;
	n = gd_syscall(SYS_read, fd, text, sizeof(text));
	gd_syscall(SYS_close, fd);
	while (i < n && text[i] != ' ')
		i++;
	for (i++; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	self->slot->run_delay_ns = value;
}

void gd_thread_end(struct gd_local *self, uint64_t now)
{
	struct gd_thread *slot = self->slot;

	gd_lock_abandon(self, now); /* cancelled in a wait */
	gd_account_enter(self, GD_CAUSE_CPU_FREE, now);
	gd_account_flush(self, now);
	gd_thread_note_run_delay(self);
	slot->gil = 0;
	slot->ended = now;
	is_barred = true;
	gd_self = NULL;
	gd_self_slot = NULL;
	__atomic_store_n(&slot->state, GD_THREAD_ENDED, __ATOMIC_RELEASE);
	__atomic_fetch_add(&ended_count, 1, __ATOMIC_RELAXED);
}

static void on_thread_exit(void *value)
{
	struct gd_local *self = value;

	if (self != gd_self)
		return;
	if (++self->key_rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
		gd_real.pthread_setspecific(key, self);
		return;
	}
	gd_thread_end(self, gd_ticks());
}

void gd_thread_init_key(void)
{
	key_works = gd_real.pthread_key_create && gd_real.pthread_setspecific &&
		    gd_real.pthread_key_create(&key, on_thread_exit) == 0;
}

static void *trampoline(void *arg)
{
	struct gd_local *self = arg;

	adopt(self, gd_ticks());
	return self->start(self->start_arg);
}

/* C11's threads return an int, in the same register. */
static int trampoline_c11(void *arg)
{
	struct gd_local *self = arg;

	adopt(self, gd_ticks());
	return ((thrd_start_t)(uintptr_t)self->start)(self->start_arg);
}

/* A slot for a thread that is about to be created; NULL: it registers by itself, or never. */
static struct gd_local *conceive(uintptr_t start, void *arg)
{
	bool is_watched = gd_thread_get() != NULL;
	struct gd_local *child = is_watched ? claim() : NULL;

	gd_thread_is_one_of_many = true;
	if (!child) {
		if (is_watched)
			__atomic_fetch_add(&slotless, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	child->start = (void *(*)(void *))start;
	child->start_arg = arg;
	child->slot->start_function = start;
	return child;
}

/* Never ran: the slot may be used again. */
static void forsake(struct gd_local *child)
{
	__atomic_store_n(&child->slot->state, GD_THREAD_ENDED, __ATOMIC_RELEASE);
	__atomic_fetch_add(&ended_count, 1, __ATOMIC_RELAXED);
}

GD_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
			     void *arg)
{
	struct gd_local *child = conceive((uintptr_t)start, arg);
	int ret;

	if (!child)
		return GD_REAL(pthread_create)(thread, attr, start, arg);
	ret = GD_REAL(pthread_create)(thread, attr, trampoline, child);
	if (ret)
		forsake(child);
	return ret;
}

GD_EXPORT int thrd_create(thrd_t *thread, thrd_start_t start, void *arg)
{
	struct gd_local *child;
	int ret;

	if (!GD_REAL(thrd_create))
		return thrd_error;
	child = conceive((uintptr_t)start, arg);
	if (!child)
		return gd_real.thrd_create(thread, start, arg);
	ret = gd_real.thrd_create(thread, trampoline_c11, child);
	if (ret != thrd_success)
		forsake(child);
	return ret;
}

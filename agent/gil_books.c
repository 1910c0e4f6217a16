/* SPDX-License-Identifier: MIT */
/*
 * Holds and waits of the GILs.  Sums of a GIL are plain stores: its own mutex makes their writers
 * take turns.
 */
#include "account.h"
#include "gil.h"
#include "lock.h"

#define LAST_HOLDER 24 /* before cond: PyThreadState *last_holder */

static inline void add_to_hist(uint32_t *hist, uint64_t ticks)
{
	unsigned int octave, step;

	if (ticks < 8) {
		hist[ticks]++;
		return;
	}
	octave = 63u ^ (unsigned int)__builtin_clzll(ticks);
	step = (octave - 2) * 8 + ((ticks >> (octave - 3)) & 7);
	hist[step < GD_HIST_STEPS ? step : GD_HIST_STEPS - 1]++;
}

static void book_wait(struct gd_gil *row, uint64_t waited)
{
	row->waits++;
	row->wait += waited;
	if (waited > row->wait_max)
		row->wait_max = waited;
	add_to_hist(row->wait_hist, waited);
}

static void book_hold(struct gd_gil *row, uint64_t held)
{
	row->drops++;
	row->hold += held;
	if (held > row->hold_max)
		row->hold_max = held;
	if (held >= 100 * gd_clock_ticks_per_us)
		row->hold_long += held;
	add_to_hist(row->hold_hist, held);
}

/* ---- Who keeps others waiting ---------------------------------------------------------------- */

#define BLAME_US                                                                                   \
	20 /* of waiting by others: then the stack is walked, which takes about half a one */

/* What those who wait have waited until then, all together. */
static uint64_t accrued(const struct gd_lock_queue *queue, uint64_t now)
{
	return queue->count * now - queue->arrivals;
}

/* Of its hold, the part that ends now.  queue: as it was then. */
static void note_blame(struct gd_local *self, struct gd_gil *row, const struct gd_lock_queue *queue,
		       uint64_t now)
{
	uint64_t waited = accrued(queue, now);
	uint64_t since = self->gil_blame_since > row->taken ? self->gil_blame_since : row->taken;

	if (queue->count) {
		self->gil_blame += waited - self->gil_accrued;
		self->gil_blame_hold += now - since;
		self->gil_blame_row = row;
	}
	self->gil_accrued = waited;
	self->gil_blame_since = now;
}

/*
 * It held the GIL while others waited: where it is now, it was then.  Brief holds are put together
 * until they are worth a look.
 */
static void book_blame(struct gd_local *self)
{
	struct gd_gil *row = self->gil_blame_row;
	struct gd_lock_holders holders;

	if (self->gil_blame < BLAME_US * gd_clock_ticks_per_us)
		return;
	holders = (struct gd_lock_holders){ row->holders, row->holder_hold, GD_GIL_HOLDERS };
	gd_lock_blame(&holders, gd_site_here(self, 0), self->gil_blame, self->gil_blame_hold);
	self->gil_blame = self->gil_blame_hold = 0;
}

void gd_gil_look_back(struct gd_local *self, uint64_t now)
{
	struct gd_gil_known *gil = &gd_gils[self->slot->gil - 1];
	struct gd_lock_queue queue;

	gd_arch_read_pair(&gil->queue, &queue.count, &queue.arrivals);
	if (!queue.count)
		return;
	note_blame(self, gil->row, &queue, now);
	book_blame(self);
}

/* ---- The events ------------------------------------------------------------------------------ */

static inline void book_take(struct gd_gil_known *gil, struct gd_local *self, uint64_t now)
{
	struct gd_gil *row = gil->row;
	uint64_t tstate = *(const uint64_t *)(gil->cond - LAST_HOLDER); /* stored just before */

	row->takes++;
	row->taken = now;
	row->holder = self->index + 1;
	if (self->tstate != tstate)
		self->tstate = tstate;
	if (self->in_wait)
		self->in_wait = false;
	if (__builtin_expect(gil->queue.count || self->gil_accrued, 0))
		self->gil_accrued = accrued(&gil->queue, now);
	self->slot->gil = gil->number;
	self->slot->gil_takes++;
	gd_account_enter(self, GD_CAUSE_CPU_GIL, now);
}

static void book_take_waited(struct gd_gil_known *gil, struct gd_local *self, uint64_t now)
{
	uint64_t waited = now - self->gil_wait_began;

	self->is_waiting_gil = false;
	__atomic_fetch_sub(&gil->row->waiters, 1, __ATOMIC_RELAXED);
	gd_arch_add_pair(&gil->queue, (uint64_t)-1, -self->gil_wait_began);
	book_wait(gil->row, waited);
	self->gil_sample_due += gd_site_due(self, waited);
	self->has_gil_due = self->gil_sample_due != 0;
	book_take(gil, self, now);
}

static inline void book_drop(struct gd_gil_known *gil, struct gd_local *self, uint64_t now)
{
	uint64_t held = now - gil->row->taken;

	book_hold(gil->row, held);
	gil->row->holder = 0;
	self->slot->gil = 0;
	self->slot->gil_drops++;
	self->slot->gil_hold += held;
	/*
	 * Who is woken now may take this CPU from us before we get out of drop_gil, and keep it for
	 * as long as it holds the GIL.  We are not short of a CPU then, but of the GIL.
	 */
	if (__builtin_expect(__atomic_load_n(&gil->row->waiters, __ATOMIC_RELAXED) != 0, 0))
		self->has_gil_due = true;
	gd_account_enter(self, self->has_gil_due ? GD_CAUSE_GIL : GD_CAUSE_CPU_FREE, now);
}

/* A free-threaded build that switches its GIL off signals without holding it. */
static inline bool holds(const struct gd_local *self, const struct gd_gil_known *gil)
{
	return self->slot->gil == gil->number;
}

static __attribute__((noinline)) void take_otherwise(struct gd_gil_known *gil)
{
	struct gd_local *self = gd_thread_get();

	if (!self || self->is_busy)
		return;
	if (self->is_waiting_gil)
		book_take_waited(gil, self, gd_ticks());
	else
		book_take(gil, self, gd_ticks());
}

static __attribute__((noinline)) void drop_otherwise(struct gd_gil_known *gil)
{
	struct gd_local *self = gd_thread_get();

	uint64_t now;

	if (!self || self->is_busy || !holds(self, gil))
		return;
	now = gd_ticks();
	note_blame(self, gil->row, &gil->queue, now);
	book_drop(gil, self, now);
	if (gil != gd_gils)
		book_blame(self); /* the mutex of another GIL is not looked at: see settle */
}

/* Nothing is in the way: what follows calls nobody and saves no register. */
static inline bool is_plain(const struct gd_local *self)
{
	return self && !gd_vfork_open && *gd_arena_owner_word && !self->is_busy && gd_clock_is_tsc;
}

void gd_gil_take(struct gd_gil_known *gil)
{
	struct gd_local *self = gd_self;

	if (__builtin_expect(is_plain(self) && !self->is_waiting_gil, 1))
		book_take(gil, self, gd_arch_tsc());
	else
		take_otherwise(gil);
}

void gd_gil_drop(struct gd_gil_known *gil)
{
	struct gd_local *self = gd_self;

	/* Whoever waits now is the holder's blame, and another GIL's is booked at once. */
	if (__builtin_expect(
		    is_plain(self) && holds(self, gil) && !gil->queue.count && gil == gd_gils, 1))
		book_drop(gil, self, gd_arch_tsc());
	else
		drop_otherwise(gil);
}

void gd_gil_wait(struct gd_gil_known *gil)
{
	struct gd_local *self = gd_thread_get();

	if (!self || self->is_busy || self->is_waiting_gil)
		return;
	self->is_waiting_gil = true;
	self->gil_wait_began = gd_ticks();
	self->slot->object = gil->cond;
	self->slot->count[GD_CAUSE_GIL]++;
	__atomic_fetch_add(&gil->row->waiters, 1, __ATOMIC_RELAXED);
	gd_arch_add_pair(&gil->queue, 1, self->gil_wait_began);
	gd_account_enter(self, GD_CAUSE_GIL, self->gil_wait_began);
}

void gd_gil_settle(struct gd_local *self)
{
	uint64_t due = self->gil_sample_due;

	self->has_gil_due = false;
	self->gil_sample_due = 0;
	if (self->is_busy)
		return;
	if (!self->slot->gil && self->slot->cause == GD_CAUSE_GIL)
		gd_account_enter(self, GD_CAUSE_CPU_FREE, gd_ticks());
	if (due)
		gd_site_sample(self, GD_CAUSE_GIL, due);
	if (!self->slot->gil)
		book_blame(self);
}

/*
 * FORCE_SWITCHING: a holder that was asked to drop waits until another thread has taken.  It wants
 * to run and may not: that is a wait for the GIL.
 */
bool gd_gil_yield_begin(struct gd_gil_known *gil)
{
	struct gd_local *self = gd_thread_get();

	if (!self || self->is_busy)
		return false;
	self->gil_wait_began = gd_ticks();
	self->slot->object = gil->cond;
	self->slot->gil_forced++;
	__atomic_fetch_add(&gil->row->forced, 1, __ATOMIC_RELAXED);
	gd_account_enter(self, GD_CAUSE_GIL, self->gil_wait_began);
	return true;
}

void gd_gil_yield_end(struct gd_gil_known *gil, bool begun)
{
	struct gd_local *self = gd_self;
	uint64_t now;

	if (!begun || !self)
		return;
	now = gd_ticks();
	__atomic_fetch_add(&gil->row->wait, now - self->gil_wait_began, __ATOMIC_RELAXED);
	gd_account_enter(self, gd_account_computing(self), now);
}

/* SPDX-License-Identifier: MIT */
/*
 * Walking one's own stack.  The first walk of a process reads through the kernel, which says no
 * where a wrong offset would make us fault; once one has come out right, the others load directly.
 */
#include "site.h"
#include "account.h"
#include "intern.h"
#include <dlfcn.h>
#include <string.h>
#include <sys/uio.h>

GD_OLD_SYMBOL(dlsym);
GD_OLD_SYMBOL(dlerror);

#define MEAN_US     1000
#define LONG_US     (16 * MEAN_US) /* after so long nobody knows where the drawing had begun */
#define TRIALS_MAX  20 /* first walks that may fail: the interpreter was still starting */
#define ADDRESS_MAX (1ull << 47)
#define LOCK_DEPTH  8 /* frames looked at for the user's own */

enum trust { UNKNOWN, ON_TRIAL, TRUSTED };

static enum trust trust;
static uint32_t trials;
static struct gd_cpython python;
static void *(*get_tstate)(void); /* PyGILState_GetThisThreadState, for builds without a GIL */

/* ---- Reading --------------------------------------------------------------------------------- */

static bool read_directly(void *arg, uint64_t address, void *buf, size_t size_bytes)
{
	(void)arg;
	if (address < GD_PAGE_BYTES || address >= ADDRESS_MAX)
		return false;
	if (size_bytes == sizeof(uint64_t))
		*(uint64_t *)buf = *(const uint64_t *)(uintptr_t)address;
	else
		memcpy(buf, (const void *)(uintptr_t)address, size_bytes);
	return true;
}

static bool read_carefully(void *arg, uint64_t address, void *buf, size_t size_bytes)
{
	struct iovec local = { buf, size_bytes };
	struct iovec remote = { (void *)(uintptr_t)address, size_bytes };

	(void)arg;
	return gd_syscall(SYS_process_vm_readv, gd_process->pid, &local, 1, &remote, 1, 0) ==
	       (long)size_bytes;
}

static uint16_t parse_version(const char *text)
{
	unsigned int major = 0, minor = 0;

	while (*text >= '0' && *text <= '9')
		major = major * 10 + (unsigned int)(*text++ - '0');
	if (*text++ != '.')
		return 0;
	while (*text >= '0' && *text <= '9')
		minor = minor * 10 + (unsigned int)(*text++ - '0');
	return (uint16_t)(major << 8 | (minor & 0xff));
}

static uint64_t address_of(const char *symbol)
{
	return (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, symbol);
}

void gd_site_init(const char *version)
{
	struct gd_memory careful = { read_carefully, NULL };

	trust = UNKNOWN;
	trials = 0;
	python.memory = careful;
	python.types.code = address_of("PyCode_Type");
	python.types.unicode = address_of("PyUnicode_Type");
	python.types.bytes = address_of("PyBytes_Type");
	get_tstate = (void *(*)(void))(uintptr_t)address_of("PyGILState_GetThisThreadState");
	if (python.types.code && python.types.unicode && python.types.bytes &&
	    gd_cpython_offsets_find(parse_version(version), &careful, address_of("_PyRuntime"),
				    &python.offsets))
		trust = ON_TRIAL;
	dlerror();
}

static uint64_t tstate_of(const struct gd_local *self)
{
	if (self->tstate)
		return self->tstate;
	return get_tstate && gd_process->flags & GD_FLAG_FREE_THREADED
		       ? (uint64_t)(uintptr_t)get_tstate()
		       : 0;
}

/* Right once, with names and all: the offsets are this build's. */
static bool try_out(uint64_t tstate)
{
	struct gd_cpython_frame frame;
	struct gd_cpython_names names;

	if (gd_process->flags & GD_FLAG_SECCOMP)
		return false;
	if (gd_cpython_walk(&python, tstate, &frame, 1) == 1 &&
	    gd_cpython_name(&python, &frame, &names)) {
		python.memory.read = read_directly;
		__atomic_store_n(&trust, TRUSTED, __ATOMIC_RELEASE);
		return true;
	}
	if (__atomic_add_fetch(&trials, 1, __ATOMIC_RELAXED) >= TRIALS_MAX)
		trust = UNKNOWN;
	return false;
}

static int walk(const struct gd_local *self, struct gd_cpython_frame *frames, int max)
{
	enum trust now = __atomic_load_n(&trust, __ATOMIC_ACQUIRE);
	uint64_t tstate;

	if (now == UNKNOWN)
		return 0;
	tstate = tstate_of(self);
	if (!tstate || (now == ON_TRIAL && !try_out(tstate)))
		return 0;
	return gd_cpython_walk(&python, tstate, frames, max);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static uint32_t name_frame(const struct gd_cpython_frame *frame, bool *ret_is_library)
{
	struct gd_cpython_names names;
	struct gd_frame row;

	if (!gd_cpython_name(&python, frame, &names))
		return 0;
	*ret_is_library = gd_cpython_is_library(names.file);
	row.file = gd_intern_text(names.file);
	row.function = gd_intern_text(names.function);
	row.line = names.line;
	row.first_line = names.first_line;
	return row.file && row.function ? gd_intern_frame(&row) : 0;
}

/*
 * The row of a frame, from the thread's cache if it is the same code still; NULL: cannot be named.
 */
static const struct gd_site_cached *find_frame(struct gd_local *self,
					       const struct gd_cpython_frame *frame)
{
	uint64_t hash =
		(frame->code >> 4 ^ (uint64_t)(uint32_t)frame->instr_bytes) * 0x9e3779b97f4a7c15ull;
	struct gd_site_cached *cached = &self->cache[hash >> 59];
	struct gd_cpython_code_identity identity;

	if (!gd_cpython_identify(&python, frame->code, &identity))
		return NULL;
	if (cached->frame && cached->code == frame->code &&
	    cached->instr_bytes == frame->instr_bytes &&
	    memcmp(&cached->identity, &identity, sizeof(identity)) == 0)
		return cached;
	cached->frame = name_frame(frame, &cached->is_library);
	cached->code = frame->code;
	cached->instr_bytes = frame->instr_bytes;
	cached->identity = identity;
	return cached->frame ? cached : NULL;
}
_Static_assert(GD_SITE_CACHE == 32, "five bits of the hash choose the entry");

static uint32_t take_stack(struct gd_local *self)
{
	struct gd_cpython_frame frames[GD_STACK_DEPTH + 1];
	struct gd_stack stack = { .count = 0 };
	int count = walk(self, frames, GD_STACK_DEPTH + 1);

	for (int i = 0; i < count && i < GD_STACK_DEPTH; i++) {
		const struct gd_site_cached *frame = find_frame(self, &frames[i]);

		if (!frame)
			return 0;
		stack.frames[stack.count++] = frame->frame - 1;
	}
	stack.is_cut = count > GD_STACK_DEPTH;
	return stack.count ? gd_intern_stack(&stack) : 0;
}

/* ---- Samples --------------------------------------------------------------------------------- */

static void draw(struct gd_local *self)
{
	uint64_t mean = MEAN_US * gd_clock_ticks_per_us;

	if (!self->dice)
		self->dice = gd_ticks() ^ (uintptr_t)self;
	self->dice ^= self->dice << 13;
	self->dice ^= self->dice >> 7;
	self->dice ^= self->dice << 17;
	self->sample_weight = self->until_sample = mean / 2 + self->dice % mean;
}

/*
 * What a wait begins of the next sample, it leaves to those that come after; if a long one left
 * nothing, they would never be paid back.  So a long wait takes its bulk at once, and ends by draws
 * like those of any other.
 */
uint64_t gd_site_complete(struct gd_local *self, uint64_t waited)
{
	uint64_t last = LONG_US * gd_clock_ticks_per_us;
	uint64_t due = 0;

	do {
		due += self->sample_weight;
		waited -= self->until_sample;
		if (waited > last) {
			due += waited - last;
			waited = last;
		}
		draw(self);
	} while (waited >= self->until_sample);
	self->until_sample -= waited;
	return due;
}

void gd_site_draw(struct gd_local *self)
{
	draw(self);
	gd_site_complete(self, LONG_US * gd_clock_ticks_per_us);
}

void gd_site_sample(struct gd_local *self, uint16_t cause, uint64_t weight)
{
	struct gd_sample *row;
	uint32_t stack;

	/* A signal handler that waits while we walk must not walk into our tables. */
	self->is_busy = true;
	GD_COMPILER_BARRIER();
	stack = take_stack(self);
	row = gd_intern_sample(stack, cause, stack ? 0 : self->returns_to);
	if (row) {
		__atomic_fetch_add(&row->weight, weight, __ATOMIC_RELAXED);
		__atomic_fetch_add(&row->samples, 1, __ATOMIC_RELAXED);
	}
	if (stack && !self->slot->first_stack)
		self->slot->first_stack = stack;
	GD_COMPILER_BARRIER();
	self->is_busy = false;
}

uint64_t gd_site_here(struct gd_local *self, uintptr_t returns_to)
{
	struct gd_cpython_frame frames[LOCK_DEPTH];
	uint64_t innermost = 0, own = 0;
	int count;

	if (__atomic_load_n(&trust, __ATOMIC_RELAXED) == UNKNOWN || self->is_busy)
		return returns_to;
	self->is_busy = true;
	GD_COMPILER_BARRIER();
	count = walk(self, frames, LOCK_DEPTH);
	for (int i = 0; i < count && !own; i++) {
		const struct gd_site_cached *frame = find_frame(self, &frames[i]);

		if (!frame)
			break;
		if (!innermost)
			innermost = GD_SITE_FRAME | (frame->frame - 1);
		if (!frame->is_library)
			own = GD_SITE_FRAME | (frame->frame - 1);
	}
	GD_COMPILER_BARRIER();
	self->is_busy = false;
	return own ? own : innermost ? innermost : returns_to;
}

/* SPDX-License-Identifier: MIT */
/*
 * Knowledge on the left, words on the right: the analysis knows of a global lock and of threads,
 * this file knows what a Python or a C programmer calls them.
 */
#include "words.h"
#include "escape.h"
#include <base/cleanup.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *gd_words_class(enum gd_verdict_class class)
{
	static const char *const names[] = { "unknown", "idle", "waiting", "computing", "mixed" };

	return names[class];
}

const char *gd_words_action(enum gd_action action)
{
	/* clang-format off */
	static const char *const names[] = {
		[GD_ACTION_CANNOT_SAY] = "cannot-say",
		[GD_ACTION_LEAVE] = "leave",
		[GD_ACTION_THREADS] = "threads",
		[GD_ACTION_ASYNCIO] = "asyncio",
		[GD_ACTION_PROCESSES] = "processes",
		[GD_ACTION_FIX_LOCK] = "fix-lock",
		[GD_ACTION_FREE_GIL] = "free-gil",
		[GD_ACTION_FEWER_WORKERS] = "fewer-workers",
		[GD_ACTION_MORE_CPU] = "more-cpu",
		[GD_ACTION_LOOK_IN_CHILD] = "look-in-child",
		[GD_ACTION_FIX_IO] = "fix-io",
		[GD_ACTION_FIX_SPIN] = "fix-spin",
		[GD_ACTION_LARGER_TASKS] = "larger-tasks",
		[GD_ACTION_FIX_MEMORY] = "fix-memory",
		[GD_ACTION_RAISE_LIMIT] = "raise-limit",
	};
	/* clang-format on */

	return names[action];
}

const char *gd_words_confidence(enum gd_confidence confidence)
{
	static const char *const names[] = { "low", "medium", "high" };

	return names[confidence];
}

const char *gd_words_gil(enum gd_gil_state state)
{
	static const char *const names[] = { "none", "on", "off", "unknown" };

	return names[state];
}

const char *gd_words_evidence_id(enum gd_evidence evidence)
{
	static const char *const names[] = {
#define NAME(symbol, id, unit) id,
		GD_EVIDENCE(NAME)
#undef NAME
	};

	return names[evidence];
}

const char *gd_words_evidence_unit(enum gd_evidence evidence)
{
	static const char *const names[] = {
#define NAME(symbol, id, unit) unit,
		GD_EVIDENCE(NAME)
#undef NAME
	};

	return names[evidence];
}

const char *gd_words_lock_kind(uint32_t cause)
{
	static const char *const kinds[] = {
		[GD_CAUSE_MUTEX] = "mutex",     [GD_CAUSE_RWLOCK] = "rwlock",
		[GD_CAUSE_SEM] = "semaphore",   [GD_CAUSE_COND] = "condition",
		[GD_CAUSE_BARRIER] = "barrier", [GD_CAUSE_FUTEX] = "futex",
	};

	return cause < sizeof(kinds) / sizeof(kinds[0]) && kinds[cause] ? kinds[cause] : "other";
}

void gd_words_lock(const struct gd_lock_model *lock, char *buf, size_t size_bytes)
{
	if (lock->variable && lock->variable->function[0])
		snprintf(buf, size_bytes, "%s", lock->variable->function);
	else
		snprintf(buf, size_bytes, "0x%llx", (unsigned long long)lock->key);
}

/* ---- The headline: at most 61 columns, so that "confidence medium" fits beside it ------------ */

static double percent(double share)
{
	return 100 * share;
}

static void computing_headline(const struct gd_facts *f, char *buf, size_t size)
{
	bool is_free = f->is_python && f->is_gil_known;

	if (f->wanting >= 1.3 && (f->gil_share < 0.5 || f->computing_processes >= 1.3))
		snprintf(buf, size, "COMPUTING in parallel: %.1f threads at once on %.4g CPUs.",
			 f->running, f->cpus);
	else if (f->gil_share >= 0.5)
		snprintf(buf, size,
			 "COMPUTING, one thread at a time: GIL held %.0f %% of the time.",
			 percent(fmin(1, f->gil_held)));
	else
		snprintf(buf, size, "COMPUTING in one thread%s, %.0f %% of the time%s.",
			 is_free ? "" : " at a time", percent(f->computing),
			 is_free ? ", without the GIL" : "");
}

static void waiting_headline(const struct gd_facts *f, char *buf, size_t size)
{
	if (f->child >= 0.5)
		snprintf(buf, size, "WAITING for a child process, %.0f %% of the time.",
			 percent(f->child));
	else if (f->loop_timer >= 0.5)
		snprintf(buf, size, "WAITING for the event loop's own timers, %.0f %% of the time.",
			 percent(f->loop_timer));
	else if (f->sleeping >= 0.5)
		snprintf(
			buf, size, "WAITING: asleep %.0f %% of the time, %s.", percent(f->sleeping),
			f->sleepers >= 1.5 ? "several threads at once" : "one sleep after another");
	else if (f->overlap >= 1.5)
		snprintf(buf, size, "WAITING, well overlapped: %.*f operations at once.",
			 f->overlap < 10 ? 1 : 0, f->overlap);
	else
		snprintf(buf, size, "WAITING, one operation at a time, %.0f %% of the time.",
			 percent(f->outside + f->child + f->sleeping));
}

/* Not judged though it did enough: from outside. */
static bool is_hidden(const struct gd_verdict *verdict)
{
	for (size_t i = 0; i < verdict->reason_count; i++)
		if (verdict->reasons[i].evidence == GD_EVIDENCE_IN_FUTEX)
			return true;
	return false;
}

void gd_words_headline(const struct gd_judged *judged, char *buf, size_t size_bytes)
{
	const struct gd_facts *f = &judged->facts;

	switch (judged->verdict.class) {
	case GD_VERDICT_COMPUTING:
		computing_headline(f, buf, size_bytes);
		return;
	case GD_VERDICT_WAITING:
		if (judged->verdict.advice.action == GD_ACTION_RAISE_LIMIT)
			snprintf(buf, size_bytes, "WAITING, %.1f operations at once; others queue.",
				 f->overlap);
		else
			waiting_headline(f, buf, size_bytes);
		return;
	case GD_VERDICT_MIXED:
		snprintf(buf, size_bytes, "MIXED: computing %.0f %% of the time, waiting %.0f %%.",
			 percent(f->computing),
			 percent(f->outside + f->child + f->sleeping + f->loop_timer));
		return;
	case GD_VERDICT_IDLE:
		snprintf(buf, size_bytes, "IDLE %.0f %% of the time: nothing was asked of it.",
			 percent(f->idle));
		return;
	case GD_VERDICT_UNKNOWN:
		break;
	}
	if (is_hidden(&judged->verdict))
		snprintf(buf, size_bytes, "%s",
			 f->is_tree || f->child >= 0.5
				 ? "CANNOT SAY: its processes wait for each other."
				 : "CANNOT SAY: its threads wait for each other.");
	else if (f->unknown >= 0.2)
		snprintf(buf, size_bytes,
			 "CANNOT SAY: %.0f %% of the time it was off the CPU, unseen.",
			 percent(f->unknown));
	else
		snprintf(buf, size_bytes, "CANNOT SAY: it did too little (%.0f ms) to judge.",
			 1000 * f->active_s);
}

/* ---- The advice ------------------------------------------------------------------------------ */

static void say_threads(const struct gd_facts *f, unsigned int workers, char *buf, size_t size)
{
	if (f->is_python)
		snprintf(buf, size, "use threads: ThreadPoolExecutor(%u)", workers);
	else
		snprintf(buf, size, "use threads: a pool of %u", workers);
}

static void say_processes(const struct gd_facts *f, unsigned int workers, char *buf, size_t size)
{
	if (f->is_python)
		snprintf(buf, size, "use processes: ProcessPoolExecutor(%u)", workers);
	else
		snprintf(buf, size, "use %u processes", workers);
}

/* Python's locks are semaphores inside, and have no names. */
static void say_fix_lock(const struct gd_facts *f, char *buf, size_t size)
{
	const char *kind = f->is_python && f->lock->cause == GD_CAUSE_SEM
				   ? "lock"
				   : gd_words_lock_kind(f->lock->cause);
	bool has_name = f->lock->variable && f->lock->variable->function[0];
	gd_autofree char *clean = NULL;
	char name[GD_WORDS_LOCK_MAX];

	gd_words_lock(f->lock, name, sizeof(name));
	clean = gd_escape_terminal(name, 24, 0); /* what a program calls it may be anything */
	snprintf(buf, size, "fix the %s %s%s: on average %.1f threads wait for it", kind,
		 has_name ? "" : "at ", clean ? clean : "", f->lock_waiters);
}

void gd_words_advice(const struct gd_judged *judged, const struct gd_advice *advice, char *buf,
		     size_t size_bytes)
{
	const struct gd_facts *f = &judged->facts;

	switch (advice->action) {
	case GD_ACTION_THREADS:
		say_threads(f, advice->workers, buf, size_bytes);
		return;
	case GD_ACTION_PROCESSES:
		say_processes(f, advice->workers, buf, size_bytes);
		return;
	case GD_ACTION_ASYNCIO:
		snprintf(buf, size_bytes, "%s",
			 f->looped >= 0.5
				 ? "start the operations together: asyncio.gather or a TaskGroup"
			 : judged->verdict.advice.action == GD_ACTION_ASYNCIO
				 ? "use asyncio: so many waits are a burden for threads"
				 : "use asyncio, where it can be written anew around await");
		return;
	case GD_ACTION_LEAVE:
		snprintf(buf, size_bytes, "leave it as it is");
		return;
	case GD_ACTION_FIX_LOCK:
		say_fix_lock(f, buf, size_bytes);
		return;
	case GD_ACTION_FREE_GIL:
		snprintf(buf, size_bytes,
			 "release the GIL around the native call that waits with it");
		return;
	case GD_ACTION_FEWER_WORKERS:
		snprintf(buf, size_bytes, "use fewer workers: %u are as fast on these CPUs",
			 advice->workers);
		return;
	case GD_ACTION_MORE_CPU:
		snprintf(buf, size_bytes, "give it more CPU: the code is not the problem");
		return;
	case GD_ACTION_LOOK_IN_CHILD:
		snprintf(buf, size_bytes, "look at the child: the work is there");
		return;
	case GD_ACTION_FIX_IO:
		snprintf(buf, size_bytes, "fix the waiting itself: less, larger or later file I/O");
		return;
	case GD_ACTION_LARGER_TASKS:
		snprintf(buf, size_bytes, "%s",
			 f->is_python
				 ? "give the pool larger tasks: chunksize, or a batch per task"
				 : "hand over more at once: each message carries next to nothing");
		return;
	case GD_ACTION_FIX_MEMORY:
		snprintf(buf, size_bytes, "move less data: the pool spends its time on pickles");
		return;
	case GD_ACTION_RAISE_LIMIT:
		snprintf(buf, size_bytes,
			 "raise the limit: %.*f at once go on, %.*f threads wait for a place",
			 f->overlap < 9.5 ? 1 : 0, f->overlap, f->contenders_wait < 9.5 ? 1 : 0,
			 f->contenders_wait);
		return;
	case GD_ACTION_FIX_SPIN:
		snprintf(buf, size_bytes,
			 "stop polling: wait for an event instead of yielding in a loop");
		return;
	case GD_ACTION_CANNOT_SAY:
		break;
	}
	snprintf(buf, size_bytes, "%s",
		 is_hidden(&judged->verdict)
			 ? "run it with gildiag run: the agent in it knows what for"
		 : f->unknown >= 0.2
			 ? "it waits where gildiag has no wrapper (inside libc or static code)"
			 : "run it longer, or with more work");
}

/* What the advice rests on and what it costs, in one or two sentences. */
static const char *why_threads(const struct gd_verdict *verdict, const struct gd_facts *f)
{
	if (verdict->class == GD_VERDICT_COMPUTING)
		return f->is_python ? "The computing releases the GIL, so threads run at the same "
				      "time, and share memory."
				    : "One CPU works while others are free.";
	if (f->outside_processes >= 1.5)
		return "The same overlap without start-up and pickling, and with shared memory.";
	if (f->sleeping >= 0.5)
		return "If time.sleep stands for real waiting, threads overlap it; if it paces the "
		       "program, leave it as it is.";
	return "While one thread waits, others go on. Threads cost little and share memory.";
}

static const char *why_leave(const struct gd_verdict *verdict, const struct gd_facts *f)
{
	if (verdict->class == GD_VERDICT_IDLE)
		return "Measure it while it has work to do.";
	if (verdict->class == GD_VERDICT_COMPUTING)
		return f->cpus < 1.5
			       ? "On one CPU no model of concurrency makes computing faster."
			       : "The CPUs are busy already: more workers would only share them.";
	if (f->loop_timer >= 0.5)
		return "Nothing is outstanding but timers that it set itself.";
	if (f->stream >= 0.8 && f->overlap < 1.5)
		return "It reads what another process writes: that one sets the pace.";
	if (gd_verdict_has_room(f))
		return "The waits overlap already: more at once gain only where the other side can "
		       "serve more.";
	return "The waits overlap already: more of the same gains little.";
}

static const char *why(const struct gd_verdict *verdict, const struct gd_facts *f)
{
	switch (verdict->advice.action) {
	case GD_ACTION_THREADS:
		return why_threads(verdict, f);
	case GD_ACTION_LEAVE:
		return why_leave(verdict, f);
	case GD_ACTION_PROCESSES:
		return "Threads cannot compute at the same time under the GIL; processes can. They "
		       "cost start-up, pickling, and share no memory.";
	case GD_ACTION_ASYNCIO:
		return f->looped < 0.5 ? "A task costs far less than a thread."
				       : "The loop awaits one operation after another; together "
					 "they take as long as the longest.";
	case GD_ACTION_FIX_LOCK:
		return "The threads take turns at it. Hold it for less, split it, or do the work "
		       "outside.";
	case GD_ACTION_FREE_GIL:
		return "While it waits no other thread can run. Until it is mended, processes "
		       "help.";
	case GD_ACTION_FEWER_WORKERS:
		return "More threads want to run than there are CPUs; they only take turns.";
	case GD_ACTION_MORE_CPU:
		return "It wants to run and is kept waiting: other programs, or a quota, take the "
		       "CPU.";
	case GD_ACTION_FIX_IO:
		return "No model of concurrency makes a disk faster; threads help where it takes "
		       "requests side by side.";
	case GD_ACTION_RAISE_LIMIT:
		return "A semaphore, a pool or a number of connections lets no more go on at once. "
		       "It gains where the other side can serve more.";
	case GD_ACTION_LARGER_TASKS:
		if (!f->is_python)
			return "Waking the other process costs more than what it is woken for.";
		return "Whatever a task does, a pool queues it, pickles it and wakes a worker: "
		       "that costs more than these tasks do.";
	case GD_ACTION_FIX_MEMORY:
		return "Every argument and result is copied twice: use shared memory, or threads.";
	case GD_ACTION_FIX_SPIN:
		return "The CPU time is spent asking whether something has happened.";
	case GD_ACTION_LOOK_IN_CHILD:
		return "This process only waits for it; several children at once would overlap.";
	case GD_ACTION_CANNOT_SAY:
		if (is_hidden(verdict))
			return "From outside a lock, a limit and a pool without work look the "
			       "same.";
		return f->unknown >= 0.2 ? "Of those waits nothing is known but how long they took."
					 : "So few looks make no verdict that would stand.";
	}
	return "";
}

void gd_words_why(const struct gd_judged *judged, char *buf, size_t size_bytes)
{
	snprintf(buf, size_bytes, "%s", why(&judged->verdict, &judged->facts));
}

/* ---- Evidence -------------------------------------------------------------------------------- */

void gd_words_evidence(const struct gd_reason *reason, char *buf, size_t size_bytes)
{
	static const char *const formats[] = {
		[GD_EVIDENCE_COMPUTING] = "computing %.0f %%",
		[GD_EVIDENCE_WAITING] = "waiting outside %.0f %%",
		[GD_EVIDENCE_GIL_SHARE] = "GIL held by %.0f %% of the computing",
		[GD_EVIDENCE_RUNNING] = "%.1f threads on a CPU at once",
		[GD_EVIDENCE_OVERLAP] = "%.1f operations outstanding at once",
		[GD_EVIDENCE_SLEEPING] = "sleeping %.0f %%",
		[GD_EVIDENCE_LOOP_TIMER] = "own timers %.0f %%",
		[GD_EVIDENCE_CHILD] = "waiting for a child %.0f %%",
		[GD_EVIDENCE_FILES] = "%.0f %% of the waits are files",
		[GD_EVIDENCE_STREAM] = "%.0f %% of the waits are for one pipe",
		[GD_EVIDENCE_LIMITED] = "%.1f threads waiting for a place",
		[GD_EVIDENCE_STARVED] = "no free CPU %.0f %% of the time one was wanted",
		[GD_EVIDENCE_LOCK] = "%.1f threads waiting for one lock",
		[GD_EVIDENCE_HELD_WAITS] = "%.0f %% of the waits hold the GIL",
		[GD_EVIDENCE_IDLE] = "idle %.0f %%",
		[GD_EVIDENCE_UNSEEN] = "unseen %.0f %%",
		[GD_EVIDENCE_INSTANTS] = "%.0f samples",
		[GD_EVIDENCE_YIELDS] = "%.0f yields per second",
		[GD_EVIDENCE_CPUS] = "%.4g CPUs",
		[GD_EVIDENCE_PIPE_CALLS] = "%.2g s of CPU per use of a pipe",
		[GD_EVIDENCE_PIPE_BYTES] = "%.3g bytes through pipes per second of CPU",
		[GD_EVIDENCE_PROCESSES] = "%.1f processes waiting at once",
		[GD_EVIDENCE_IN_FUTEX] = "%.1f threads waiting for others",
		[GD_EVIDENCE_UNFOLLOWED] = "%.2f CPUs used by children not followed",
	};
	bool is_share = strcmp(gd_words_evidence_unit(reason->evidence), "share") == 0;

	snprintf(buf, size_bytes, formats[reason->evidence],
		 is_share ? percent(reason->value) : reason->value);
}

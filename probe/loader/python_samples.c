/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's programs summed up, and what is open.  A thread that hangs since before the
 * probe came was never seen to leave the CPU: it is walked from here, and that it still hangs is
 * asked afterwards.
 */
#include "python_samples.h"
#include <stdlib.h>

#define THREADS_MAX 4096 /* thread states that are looked at */
#define WALKS_MAX   512  /* each time: what hangs in the same place need not be told of each */

/* ---- Threads that hang since before ---------------------------------------------------------- */

struct thread_state {
	uint64_t tstate;
	int32_t tid;
};

/* A thread that was walked, and whether that counts. */
struct hanging {
	const struct gd_task *task;
	uint32_t stack; /* 1 + its row */
	bool still_hangs;
};

struct walked {
	struct gd_rows states;  /* struct thread_state: of one process at a time */
	uint32_t states_image;  /* that one's */
	struct gd_rows hanging; /* struct hanging */
};

static void list_states(const struct gd_interpreter *interpreter, struct gd_rows *states)
{
	const struct gd_memory *memory = &interpreter->memory;
	uint64_t tstate, pthread;
	struct thread_state *state;

	if (!gd_memory_read_u64(memory, interpreter->threads.head, &tstate))
		return;
	while (tstate &&
	       gd_memory_read_u64(memory, tstate + interpreter->python.offsets.tstate_thread_id,
				  &pthread)) {
		state = gd_rows_add(states, sizeof(*state), THREADS_MAX);
		if (!state)
			return;
		*state = (struct thread_state){ tstate, gd_cpython_tid(memory, pthread) };
		if (!gd_memory_read_u64(memory, tstate + interpreter->threads.next, &tstate))
			return;
	}
}

static uint64_t find_tstate(const struct gd_rows *states, int32_t tid)
{
	const struct thread_state *rows = states->rows;

	for (size_t i = 0; i < states->count; i++)
		if (rows[i].tid == tid)
			return rows[i].tstate;
	return 0;
}

/* 1 + its row; 0: it has none. */
static uint32_t walk(struct gd_python_stacks *stacks, const struct gd_interpreter *interpreter,
		     uint32_t image, uint64_t tstate)
{
	struct gd_cpython_frame frames[GD_STACK_DEPTH + 1];
	struct gd_python_stack stack = { .count = 0 };
	int count = gd_cpython_walk(&interpreter->python, tstate, frames, GD_STACK_DEPTH + 1);

	for (int i = 0; i < count && i < GD_STACK_DEPTH; i++) {
		stack.codes[i] = frames[i].code;
		stack.instrs[i] = frames[i].instr_bytes;
		stack.checks[i] = gd_python_stacks_check(interpreter, frames[i].code);
		stack.count++;
	}
	stack.is_cut = count > GD_STACK_DEPTH;
	return stack.count ? gd_python_stacks_add(stacks, image, 0, &stack) : 0;
}

/* False: it would be one more than are walked. */
static bool note_hanging(struct gd_python_stacks *stacks, const struct gd_task *task,
			 struct walked *walked)
{
	const struct gd_interpreter *interpreter =
		gd_python_stacks_interpreter(stacks, task->image);
	struct hanging *hanging;
	uint64_t tstate;

	if (!interpreter)
		return true;
	if (walked->states_image != task->image) {
		walked->states.count = 0;
		walked->states_image = task->image;
		list_states(interpreter, &walked->states);
	}
	tstate = find_tstate(&walked->states, task->tid);
	if (!tstate)
		return true; /* it runs no Python */
	hanging = gd_rows_add(&walked->hanging, sizeof(*hanging), WALKS_MAX);
	if (hanging)
		*hanging = (struct hanging){ task, walk(stacks, interpreter, task->image, tstate),
					     false };
	return hanging != NULL;
}

static void confirm(const void *row, void *arg)
{
	const struct gd_task *task = row;
	struct walked *walked = arg;
	struct hanging *rows = walked->hanging.rows;

	for (size_t i = 0; i < walked->hanging.count; i++)
		if (rows[i].task->tid == task->tid && rows[i].task->image == task->image &&
		    rows[i].task->off_ns == task->off_ns && !task->woken_ns)
			rows[i].still_hangs = true;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* To the row of what it is more of, if there is one.  False: no room. */
static bool add_sample(const struct gd_probed_sample *sample, size_t limit, struct gd_rows *samples)
{
	struct gd_probed_sample *rows = samples->rows;

	for (size_t i = 0; i < samples->count; i++) {
		if (rows[i].image != sample->image || rows[i].cause != sample->cause ||
		    rows[i].stack != sample->stack)
			continue;
		rows[i].waited_ns += sample->waited_ns;
		rows[i].samples += sample->samples;
		return true;
	}
	rows = gd_rows_add(samples, sizeof(*rows), limit);
	if (rows)
		*rows = *sample;
	return rows != NULL;
}

/* Of a block that is open; stands for 2^thinned. */
static struct gd_probed_sample sample_of(const struct gd_task *task, uint32_t stack,
					 uint64_t now_ns, uint32_t thinned)
{
	return (struct gd_probed_sample){ .image = task->image,
					  .cause = gd_python_cause(task),
					  .stack = stack,
					  .waited_ns = (now_ns - task->off_ns) << (thinned & 31),
					  .samples = 1 };
}

static uint64_t gather_ended(const struct gd_python_stacks *stacks, size_t limit,
			     struct gd_rows *samples)
{
	int map = bpf_map__fd(stacks->attached->skeleton->maps.gd_python_waits);
	struct gd_python_wait_key key, *before = NULL;
	struct gd_python_wait_sums sums;
	uint64_t lost = 0;

	/* Nothing is ever removed: no key is lost on the way. */
	for (; bpf_map_get_next_key(map, before, &key) == 0; before = &key) {
		struct gd_probed_sample sample = { .image = key.image,
						   .cause = key.cause,
						   .stack = gd_python_stacks_find(stacks,
										  key.stack) };

		if (!sample.stack || bpf_map_lookup_elem(map, &key, &sums) != 0)
			continue; /* a stack without names was counted when it came */
		sample.waited_ns = sums.waited_ns;
		sample.samples = sums.samples;
		lost += !add_sample(&sample, limit, samples);
	}
	return lost;
}

static uint64_t gather_hanging(const struct gd_python_stacks *stacks, struct walked *walked,
			       uint64_t now_ns, size_t limit, struct gd_rows *samples)
{
	const struct hanging *rows = walked->hanging.rows;
	uint64_t lost = 0;

	if (!walked->hanging.count || gd_attach_visit(stacks->attached, confirm, walked) != 0)
		return 0;
	for (size_t i = 0; i < walked->hanging.count; i++) {
		struct gd_probed_sample sample = sample_of(rows[i].task, rows[i].stack, now_ns, 0);

		if (sample.stack && rows[i].still_hangs)
			lost += !add_sample(&sample, limit, samples);
	}
	return lost;
}

static bool is_open(const struct gd_task *task, uint64_t now_ns)
{
	return task->python.layout && task->off_ns && task->off_ns <= now_ns && task->state &&
	       !task->woken_ns;
}

uint64_t gd_python_samples_gather(struct gd_python_stacks *stacks, const struct gd_rows *tasks,
				  uint64_t now_ns, size_t limit, struct gd_rows *samples)
{
	const struct gd_task *rows = tasks->rows;
	struct walked walked = { .states.count = 0 };
	uint64_t lost;

	if (!stacks->attached)
		return 0;
	lost = stacks->lost + gd_attach_count(stacks->attached, GD_BPF_LOST_PYTHON) +
	       gather_ended(stacks, limit, samples);
	for (size_t i = 0; i < tasks->count; i++) {
		const struct gd_task_python *python = &rows[i].python;
		uint32_t stack = python->stack ? gd_python_stacks_find(stacks, python->stack) : 0;
		struct gd_probed_sample sample =
			sample_of(&rows[i], stack, now_ns, python->thinned);

		if (!is_open(&rows[i], now_ns))
			continue;
		if (stack)
			lost += !add_sample(&sample, limit, samples);
		else if (!python->window_ns) /* it has not blocked since */
			lost += !note_hanging(stacks, &rows[i], &walked);
	}
	lost += gather_hanging(stacks, &walked, now_ns, limit, samples);
	free(walked.states.rows);
	free(walked.hanging.rows);
	return lost;
}

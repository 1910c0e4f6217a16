/* SPDX-License-Identifier: MIT */
/* Two sources that know nothing of each other: the agent's clocks and the scheduler's switches. */
#ifndef GD_CROSSCHECK_H
#define GD_CROSSCHECK_H

#include <model.h>

struct gd_crosscheck {
	bool was_done; /* a probe saw a process that an agent saw */
	/* Waits that the agent booked, less what of them was spent on the CPU. */
	double agent_wait_s;
	/* The same by the scheduler: where the slot named a wait. */
	double blocked_s, delay_s, preempted_s;
	double apart; /* of the longer one, 0 to 1; NAN: there was no wait */
	/* Off the CPU where no slot was known: before the agent woke, after a thread's end. */
	double no_slot_s;
	double agent_cpu_s, on_cpu_s; /* on the CPU, by the thread clocks and by the switches */
	double queued_s;              /* for a CPU, after a waking or a preemption, everywhere */
	uint64_t switches, slots_read;
	/* Holds of locks that others waited for. */
	bool sees_holds; /* the probe could be told of them */
	uint64_t agent_holds, holds;
	double agent_hold_s, hold_s;
};

/* Sums over all processes that both saw. */
struct gd_crosscheck gd_crosscheck(const struct gd_session_model *session);

#endif

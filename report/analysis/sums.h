/* SPDX-License-Identifier: MIT */
/*
 * What a process did, in seconds by kind: from the joint picture where somebody looked, else from
 * the threads' sums.
 */
#ifndef GD_SUMS_H
#define GD_SUMS_H

#include "classes.h"

/* What an instant counts as. */
enum gd_instant {
	GD_INSTANT_COMPUTING,
	GD_INSTANT_OUTSIDE,
	GD_INSTANT_CHILD,
	GD_INSTANT_SLEEPING,
	GD_INSTANT_LOOP_TIMER,
	GD_INSTANT_UNKNOWN,
	GD_INSTANT_IDLE,
	GD_INSTANT_COUNT
};

struct gd_sums {
	double kind_s[GD_INSTANT_COUNT];
	double instants;
	double running_s, starved_s, wanting_s, gil_running_s;
	double outside_ops_s, looped_s, files_s, sleepers_s;
	double gil_held_s, gil_wanted_s, gil_waiters_s, holder_waits_s;
	double outside_processes_s, computing_processes_s;
};

/* What happened at once; it has one where joint_count is not 0. */
struct gd_sums gd_sums_of_picture(const struct gd_process_model *process);

/* What can be told without. */
struct gd_sums gd_sums_of_threads(const struct gd_process_model *process);

/* Shares out what the picture does not know, by the system calls meanwhile. */
void gd_sums_explain(const struct gd_process_model *process, struct gd_sums *sums);

/* The CPU that a start took which is left out. */
double gd_sums_start_cpu_s(const struct gd_process_model *process);

/* Waited for anything outside, by all threads. */
double gd_sums_outside_s(const struct gd_classes *classes);

/* Waited for a cause: what was spent on the CPU meanwhile is in the computing. */
double gd_sums_off_cpu_s(const struct gd_times *times, enum gd_cause cause);

/* 0 where there is no whole. */
static inline double gd_ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

#endif

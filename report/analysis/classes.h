/* SPDX-License-Identifier: MIT */
/* Where a thread's time went: causes become classes, which add up to its life. */
#ifndef GD_CLASSES_H
#define GD_CLASSES_H

#include <model.h>

struct gd_classes {
	double s[GD_CLASS_COUNT]; /* seconds, by GD_CLASS_* */
	double holding_gil_s;     /* waited for anything with a GIL held */
};

/* The class that a cause counts as. */
unsigned int gd_class_of(unsigned int cause);

/* One thread.  is_main: the main thread is never taken for a parked worker. */
struct gd_classes gd_classes_of_thread(const struct gd_times *times, bool is_main);

/* The same, what was unseen explained by what the scheduler saw, where a probe looked. */
struct gd_classes gd_classes_of(const struct gd_thread_model *thread);

/* All threads of a process. */
struct gd_classes gd_classes_of_process(const struct gd_process_model *process);

/* Seconds on the CPU, waited outside (sleeps included), and for locks. */
double gd_classes_cpu_s(const struct gd_classes *classes);
double gd_classes_total_s(const struct gd_classes *classes);

#endif

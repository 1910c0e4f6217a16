/* SPDX-License-Identifier: MIT */
/*
 * Two corrections stand between causes and classes.  A wait that was spent on the CPU was computing
 * (a cached read).  Computing that was off the CPU was either queued for one, which the kernel's
 * run delay covers, or blocked where no wrapper stands.
 */
#include "classes.h"
#include <math.h>

/* A thread that does almost nothing but wait for another to wake it is a parked worker. */
#define PARKED_WAITS 0.90 /* of its life */
#define PARKED_WORKS 0.05

unsigned int gd_class_of(unsigned int cause)
{
	static const uint8_t classes[] = {
#define CLASS(name, number, class, words) [number] = GD_CLASS_##class,
		GD_CAUSES(CLASS)
#undef CLASS
	};

	return cause < sizeof(classes) ? classes[cause] : GD_CLASS_IO_WAIT;
}

static void park(struct gd_classes *classes, double life_s)
{
	double works_s = classes->s[GD_CLASS_CPU_GIL] + classes->s[GD_CLASS_CPU_FREE] +
			 classes->s[GD_CLASS_IO_WAIT] + classes->s[GD_CLASS_TIMER_WAIT] +
			 classes->s[GD_CLASS_CHILD_WAIT] + classes->s[GD_CLASS_GIL_WAIT];

	if (classes->s[GD_CLASS_LOCK_WAIT] < PARKED_WAITS * life_s ||
	    works_s > PARKED_WORKS * life_s)
		return;
	classes->s[GD_CLASS_IDLE] += classes->s[GD_CLASS_LOCK_WAIT];
	classes->s[GD_CLASS_LOCK_WAIT] = 0;
}

struct gd_classes gd_classes_of_thread(const struct gd_times *times, bool is_main)
{
	struct gd_classes classes = { .holding_gil_s = times->holding_gil_s };
	double off_gil_s, off_free_s, no_cpu_s;

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++) {
		unsigned int class = gd_class_of(cause);
		double cpu_s = fmin(times->cpu_in_s[cause], times->cause_s[cause]);

		classes.s[class] += times->cause_s[cause];
		if (class != GD_CLASS_CPU_GIL && class != GD_CLASS_CPU_FREE) {
			classes.s[class] -= cpu_s;
			classes.s[GD_CLASS_CPU_FREE] += cpu_s;
		}
	}
	/* Only what is taken away is given: a torn recording must add up too. */
	off_gil_s = fmin(times->off_in_s[0], classes.s[GD_CLASS_CPU_GIL]);
	off_free_s = fmin(times->off_in_s[1], classes.s[GD_CLASS_CPU_FREE]);
	no_cpu_s = fmin(off_gil_s + off_free_s, times->run_delay_s);
	classes.s[GD_CLASS_CPU_GIL] -= off_gil_s;
	classes.s[GD_CLASS_CPU_FREE] -= off_free_s;
	classes.s[GD_CLASS_NO_CPU] = no_cpu_s;
	classes.s[GD_CLASS_UNSEEN] = off_gil_s + off_free_s - no_cpu_s;
	if (!is_main)
		park(&classes, gd_classes_total_s(&classes));
	return classes;
}

/*
 * Both measured the same gaps, each in its own way: the agent how long they were, the probe which
 * system calls they were spent in.
 */
static void explain(struct gd_classes *classes, const struct gd_scheduled *scheduled)
{
	double unseen_s = classes->s[GD_CLASS_UNSEEN], all_s = 0;

	for (unsigned int cause = 0; cause < GD_CAUSE_COUNT; cause++)
		all_s += scheduled->explained_s[cause];
	/* The probe saw less: the rest is not its to explain. */
	unseen_s = fmin(unseen_s, all_s);
	for (unsigned int cause = 0; all_s > 0 && cause < GD_CAUSE_COUNT; cause++) {
		double s = unseen_s * scheduled->explained_s[cause] / all_s;
		unsigned int class = gd_class_of(cause);

		if (class == GD_CLASS_CPU_GIL || class == GD_CLASS_CPU_FREE)
			continue; /* a call without a name */
		classes->s[class] += s;
		classes->s[GD_CLASS_UNSEEN] -= s;
	}
}

struct gd_classes gd_classes_of(const struct gd_thread_model *thread)
{
	struct gd_classes classes = gd_classes_of_thread(&thread->times, thread->is_main);

	if (thread->scheduled)
		explain(&classes, thread->scheduled);
	return classes;
}

struct gd_classes gd_classes_of_process(const struct gd_process_model *process)
{
	struct gd_classes sum = { 0 };

	for (size_t i = 0; i < process->thread_count; i++) {
		const struct gd_thread_model *thread = &process->threads[i];
		struct gd_classes one = gd_classes_of(thread);

		for (unsigned int class = 0; class < GD_CLASS_COUNT; class ++)
			sum.s[class] += one.s[class];
		sum.holding_gil_s += one.holding_gil_s;
	}
	return sum;
}

double gd_classes_cpu_s(const struct gd_classes *classes)
{
	return classes->s[GD_CLASS_CPU_GIL] + classes->s[GD_CLASS_CPU_FREE];
}

double gd_classes_total_s(const struct gd_classes *classes)
{
	double total = 0;

	for (unsigned int class = 0; class < GD_CLASS_COUNT; class ++)
		total += classes->s[class];
	return total;
}

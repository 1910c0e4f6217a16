/* SPDX-License-Identifier: MIT */
#include "present.h"

void gd_present_add(const struct gd_attached *attached, int32_t pid, uint32_t owner,
		    struct gd_presents *presents)
{
	struct gd_present *present = &presents->of[presents->count];

	if (presents->count == GD_PRESENT_MAX)
		return;
	presents->count++;
	present->pid = pid;
	if (gd_interpreter_find(pid, owner, &present->interpreter) == 0)
		gd_gils_attach(attached, pid, owner, &present->interpreter, &present->gils);
}

void gd_present_begin(struct gd_attached *attached, int32_t pid, uint32_t image,
		      struct gd_presents *presents, struct gd_python_stacks *stacks)
{
	for (size_t i = 0; i < presents->count; i++) {
		struct gd_present *present = &presents->of[i];

		if (present->pid != pid)
			continue;
		gd_gils_begin(&present->gils, image);
		gd_python_stacks_begin(attached, &present->interpreter, pid, image, stacks);
		present->pid = 0; /* another one may get that number */
	}
}

void gd_present_look(struct gd_presents *presents)
{
	for (size_t i = 0; i < presents->count; i++)
		gd_gils_look(&presents->of[i].gils);
}

uint64_t gd_present_gather(const struct gd_presents *presents, size_t limit, struct gd_rows *rows,
			   struct gd_rows *threads)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < presents->count; i++)
		lost += gd_gils_gather(&presents->of[i].gils, limit, rows, threads);
	return lost;
}

void gd_present_forget(struct gd_presents *presents)
{
	for (size_t i = 0; i < presents->count; i++) {
		gd_gils_detach(&presents->of[i].gils);
		gd_interpreter_forget(&presents->of[i].interpreter);
	}
	presents->count = 0;
}

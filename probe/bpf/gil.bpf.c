/* SPDX-License-Identifier: MIT */
/*
 * CPython's GIL from outside, by libc's functions that every build of it calls ("Rule S", see
 * agent/gil.h): take_gil signals gil->switch_cond with gil->mutex and gil->switch_mutex held,
 * drop_gil signals gil->cond, who waits does so on gil->cond, who was made to drop on
 * gil->switch_cond.  Nobody but the process that was asked for runs into these programs.
 */
#include "gil_books.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("uprobe")
int gd_on_cond_signal(struct pt_regs *ctx)
{
	struct gd_task *task = followed_task();
	__u64 cond = PT_REGS_PARM1(ctx);

	if (!task)
		return 0;
	if (find_gil(task->image, cond)) {
		if (is_drop(cond))
			drop(task, cond);
	} else if (is_take(cond)) {
		take(task, cond - SWITCH_COND);
	} else if (cond == gd_main_cond && is_drop(cond)) {
		drop(task, cond);
	}
	return 0;
}

SEC("uprobe")
int gd_on_cond_timedwait(struct pt_regs *ctx)
{
	struct gd_task *task = followed_task();
	__u64 cond = PT_REGS_PARM1(ctx);

	if (task && (find_gil(task->image, cond) || cond == gd_main_cond))
		begin_wait(task, cond);
	return 0;
}

SEC("uprobe")
int gd_on_cond_wait(struct pt_regs *ctx)
{
	struct gd_task *task = followed_task();
	__u64 cond = PT_REGS_PARM1(ctx);

	if (task && find_gil(task->image, cond - SWITCH_COND))
		begin_yield(task, cond - SWITCH_COND);
	return 0;
}

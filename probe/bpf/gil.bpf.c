/* SPDX-License-Identifier: MIT */
/*
 * CPython's GIL from outside, by libc's functions that every build of it calls ("Rule S", see
 * agent/gil.h): take_gil signals gil->switch_cond with gil->mutex and gil->switch_mutex held,
 * drop_gil signals gil->cond, who waits does so on gil->cond, who was made to drop on
 * gil->switch_cond.  Nobody but the processes that are watched runs into these programs.
 */
#include "gil_books.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

static __always_inline void on_signal(struct gd_task *task, const struct gd_gil_watched *image,
				      __u64 cond)
{
	if (find_gil(task->image, cond)) {
		if (is_drop(cond))
			drop(task, image, cond);
	} else if (is_take(cond)) {
		take(task, image, cond - SWITCH_COND);
	} else if (cond == image->cond && is_drop(cond)) {
		drop(task, image, cond);
	}
}

static __always_inline void on_timedwait(struct gd_task *task, const struct gd_gil_watched *image,
					 __u64 cond)
{
	if (find_gil(task->image, cond) || cond == image->cond)
		begin_wait(task, cond);
}

static __always_inline void on_wait(struct gd_task *task, __u64 cond)
{
	if (find_gil(task->image, cond - SWITCH_COND))
		begin_yield(task, cond - SWITCH_COND);
}

SEC("uprobe")
int gd_on_condition(struct pt_regs *ctx)
{
	struct gd_task *task = followed_task();
	const struct gd_gil_watched *image = task ? watched(task) : 0;
	__u64 cond = PT_REGS_PARM1(ctx), cookie = bpf_get_attach_cookie(ctx);

	if (!image || cookie >> GD_COND_BITS != image->link)
		return 0;
	switch (cookie & ((1 << GD_COND_BITS) - 1)) {
	case GD_COND_SIGNAL:
		on_signal(task, image, cond);
		break;
	case GD_COND_TIMEDWAIT:
		on_timedwait(task, image, cond);
		break;
	case GD_COND_WAIT:
		on_wait(task, cond);
		break;
	}
	return 0;
}

__u32 gd_beacons;

/* On a function of the loader's own: is a thread seen by a probe on its process? */
SEC("uprobe")
int gd_on_beacon(struct pt_regs *ctx)
{
	__sync_fetch_and_add(&gd_beacons, 1);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Jumps.  A signal handler that leaves by siglongjmp ends the wait that it interrupted: the wrapper
 * never sees its call return, and would take all later waits of the thread for parts of that one.
 */
#include "account.h"
#include "lock.h"

/* A jump to a frame below the wait, within the handler, leaves the wait as it is. */
static void leave_wait(const struct __jmp_buf_tag *env)
{
	struct gd_local *self = gd_self;
	uint64_t now;

	if (!self || !self->in_wait || gd_vfork_open ||
	    gd_arch_jump_target(env->__jmpbuf) <= self->wait_frame)
		return;
	if (self->is_busy)
		self->slot->seq += self->slot->seq & 1; /* it interrupted our own stores */
	now = gd_ticks();
	gd_lock_abandon(self, now);
	gd_account_enter(self, gd_account_computing(self), now);
	self->slot->object = 0;
	self->in_wait = false;
}

#define JUMP(name)                                                                                 \
	GD_EXPORT __attribute__((noreturn)) void name(struct __jmp_buf_tag env[1], int value)      \
	{                                                                                          \
		leave_wait(env);                                                                   \
		if (GD_REAL(name))                                                                 \
			gd_real.name(env, value);                                                  \
		for (;;)                                                                           \
			gd_syscall(SYS_exit_group, 127);                                           \
	}

JUMP(longjmp)
JUMP(_longjmp)
JUMP(siglongjmp)
JUMP(__longjmp_chk)

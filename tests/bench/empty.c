/* SPDX-License-Identifier: MIT */
/*
 * An interposer that stands before the same functions as the agent and does nothing: what it costs,
 * any interposer costs.  It finds the real functions as the agent does (agent/hooks.c) and jumps
 * there; r11 is the one register that a call may change and that carries no argument.
 */
#include "hooks.h"
#include <stddef.h>

/* Before our constructor, from that of another library. */
__asm__(".text\n"
	"resolve:\n"
	"	push %rax; push %rdi; push %rsi; push %rdx\n"
	"	push %rcx; push %r8; push %r9; push %r10\n"
	"	call gd_hooks_resolve\n"
	"	pop %r10; pop %r9; pop %r8; pop %rcx\n"
	"	pop %rdx; pop %rsi; pop %rdi; pop %rax\n"
	"	ret\n");

#define HOOK(name, version)                                                                        \
	GD_EXPORT void forward_##name(void) __asm__(#name);                                        \
	__attribute__((naked)) void forward_##name(void)                                           \
	{                                                                                          \
		__asm__("movq gd_real+%c0(%%rip), %%r11\n"                                         \
			"test %%r11, %%r11\n"                                                      \
			"jz 1f\n"                                                                  \
			"jmp *%%r11\n"                                                             \
			"1: call resolve\n"                                                        \
			"jmp *gd_real+%c0(%%rip)\n"                                                \
			:                                                                          \
			: "i"(offsetof(struct gd_real, name)));                                    \
	}
#include "hooks.def"
#undef HOOK

static __attribute__((constructor)) void wake(void)
{
	gd_hooks_resolve();
}

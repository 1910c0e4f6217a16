/* SPDX-License-Identifier: MIT */
/* The only file of the programs in the kernel that knows the machine: registers and numbers. */
#ifndef GD_BPF_ARCH_H
#define GD_BPF_ARCH_H

#include "kernel_types.h"
#include <bpf/bpf_helpers.h>

#ifndef __x86_64__
#define __x86_64__ /* the programs are compiled for BPF, the registers are the machine's */
#endif
#include <linux/ptrace.h>

#define GD_NO_SYSCALL (~0ull)

/*
 * The system call that a task is in; GD_NO_SYSCALL where an exception or an interrupt brought it
 * into the kernel: arch/x86/entry/entry_64.S stores -1 then.
 */
static __always_inline __u64 syscall_of(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__s64 number = regs ? (__s64)regs->orig_rax : -1;

	return number < 0 ? GD_NO_SYSCALL : (__u64)number;
}

#endif

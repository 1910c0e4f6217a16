/* SPDX-License-Identifier: MIT */
/* The only file of the programs in the kernel that knows the machine: registers and numbers. */
#ifndef GD_BPF_ARCH_H
#define GD_BPF_ARCH_H

#include "kernel_types.h"
#include <asm/unistd_64.h>
#include <bpf/bpf_helpers.h>
#include <gildiag/recording.h>

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

/* It waits for no descriptor: a sleep, as libc and CPython up to 3.10 make it. */
static __always_inline _Bool polls_nothing(struct task_struct *task, __u64 number)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	if (!regs)
		return 0;
	if (number == __NR_select || number == __NR_pselect6)
		return !(__u32)regs->rdi;
	return (number == __NR_poll || number == __NR_ppoll) && !(__u32)regs->rsi;
}

/* What a system call waits on. */
enum gd_waits_on { GD_ON_NOTHING, GD_ON_INPUT, GD_ON_OUTPUT, GD_ON_EPOLL, GD_ON_POLL };

static __always_inline enum gd_waits_on waits_on(__u64 number)
{
	switch (number) {
	case __NR_read:
	case __NR_readv:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
		return GD_ON_INPUT;
	case __NR_write:
	case __NR_writev:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
		return GD_ON_OUTPUT;
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case __NR_epoll_pwait2:
		return GD_ON_EPOLL;
	case __NR_poll:
	case __NR_ppoll:
		return GD_ON_POLL;
	default:
		return GD_ON_NOTHING;
	}
}

/* The first two arguments of the system call that a task is in. */
static __always_inline __u64 first_argument(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	return regs ? regs->rdi : 0;
}

static __always_inline __u64 second_argument(struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	return regs ? regs->rsi : 0;
}

/* Does one that waits on several descriptors end by itself some time? */
static __always_inline _Bool has_timeout(struct task_struct *task, __u64 number)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	if (!regs)
		return 0;
	if (number == __NR_ppoll)
		return regs->rdx != 0;
	if (number == __NR_epoll_pwait2)
		return regs->r10 != 0;
	return (__s32)(number == __NR_poll ? regs->rdx : regs->r10) >= 0;
}

#define SYSCALLS 512

/*
 * What a thread waits for that blocks in a system call, where its descriptors do not tell better
 * (waits.h); 0: nothing that has a name here.
 */
static const __u8 causes_of_syscalls[SYSCALLS] = {
	[__NR_futex] = GD_CAUSE_FUTEX,
	[__NR_nanosleep] = GD_CAUSE_SLEEP,
	[__NR_clock_nanosleep] = GD_CAUSE_SLEEP,
	[__NR_wait4] = GD_CAUSE_CHILD,
	[__NR_waitid] = GD_CAUSE_CHILD,
	[__NR_vfork] = GD_CAUSE_CHILD,
	[__NR_pause] = GD_CAUSE_SIGNAL,
	[__NR_rt_sigsuspend] = GD_CAUSE_SIGNAL,
	[__NR_rt_sigtimedwait] = GD_CAUSE_SIGNAL,
	[__NR_poll] = GD_CAUSE_OTHER,
	[__NR_ppoll] = GD_CAUSE_OTHER,
	[__NR_select] = GD_CAUSE_OTHER,
	[__NR_pselect6] = GD_CAUSE_OTHER,
	[__NR_epoll_wait] = GD_CAUSE_OTHER,
	[__NR_epoll_pwait] = GD_CAUSE_OTHER,
	[__NR_epoll_pwait2] = GD_CAUSE_OTHER,
	[__NR_recvfrom] = GD_CAUSE_OTHER,
	[__NR_recvmsg] = GD_CAUSE_OTHER,
	[__NR_recvmmsg] = GD_CAUSE_OTHER,
	[__NR_sendto] = GD_CAUSE_OTHER,
	[__NR_sendmsg] = GD_CAUSE_OTHER,
	[__NR_sendmmsg] = GD_CAUSE_OTHER,
	[__NR_connect] = GD_CAUSE_CONNECT,
	[__NR_accept] = GD_CAUSE_ACCEPT,
	[__NR_accept4] = GD_CAUSE_ACCEPT,
	[__NR_fsync] = GD_CAUSE_FILE,
	[__NR_fdatasync] = GD_CAUSE_FILE,
	[__NR_sync] = GD_CAUSE_FILE,
	[__NR_syncfs] = GD_CAUSE_FILE,
	[__NR_sync_file_range] = GD_CAUSE_FILE,
	[__NR_open] = GD_CAUSE_FILE,
	[__NR_openat] = GD_CAUSE_FILE,
	[__NR_execve] = GD_CAUSE_FILE,
	[__NR_getdents64] = GD_CAUSE_FILE,
	[__NR_rename] = GD_CAUSE_FILE,
	[__NR_unlink] = GD_CAUSE_FILE,
	[__NR_unlinkat] = GD_CAUSE_FILE,
	[__NR_read] = GD_CAUSE_OTHER,
	[__NR_write] = GD_CAUSE_OTHER,
	[__NR_readv] = GD_CAUSE_OTHER,
	[__NR_writev] = GD_CAUSE_OTHER,
	[__NR_pread64] = GD_CAUSE_FILE,
	[__NR_pwrite64] = GD_CAUSE_FILE,
	[__NR_io_getevents] = GD_CAUSE_FILE,
	[__NR_io_uring_enter] = GD_CAUSE_OTHER,
	[__NR_sendfile] = GD_CAUSE_OTHER,
	[__NR_flock] = GD_CAUSE_OTHER,
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The kernel's types, by hand: the few fields that we touch.  libbpf moves each access to where the
 * running kernel has the field (CO-RE), so that neither the order nor the rest matters.  A field
 * that the kernel does not have is refused when the program is loaded, by name.
 */
#ifndef GD_BPF_KERNEL_TYPES_H
#define GD_BPF_KERNEL_TYPES_H

#include "kernel_files.h"
#include <linux/bpf.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_struct {
	unsigned long fsbase; /* where the thread's own storage is */
};

struct upid {
	int nr;
};

struct pid {
	unsigned int level;     /* depth of its namespace */
	struct upid numbers[1]; /* its number in each, the outermost first */
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
	kuid_t suid;
	kuid_t euid;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live; /* threads that have not begun to end */
};

struct sched_entity {
	__u64 sum_exec_runtime; /* what the thread's CPU clock shows, up to date at its switch */
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_pgoff; /* in the file */
	struct file *vm_file;
};

/* Its flags are a word, or since Linux 6.18 a struct of one (mm_flags_t). */
struct mm_struct {
	unsigned long flags;
};

struct mm_flags_wrapped {
	unsigned long bits[1];
};

struct mm_struct___wrapped {
	struct mm_flags_wrapped flags;
};

struct task_struct {
	int pid;
	int tgid;
	unsigned int __state;
	unsigned int flags;
	int on_cpu;
	unsigned int in_iowait : 1;
	struct sched_entity se;
	struct thread_struct thread;
	struct mm_struct *mm;
	struct files_struct *files;
	struct pid *thread_pid;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	const struct cred *cred;
	char comm[16];
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};

#pragma clang attribute pop

struct linux_binprm;

/* linux/sched.h, which needs headers of libc's. */
#define CLONE_VM     0x00000100ul
#define CLONE_THREAD 0x00010000ul

#define MMF_DUMPABLE   0x3ul /* linux/mm_types.h */
#define SUID_DUMP_USER 1

#define PF_KTHREAD 0x00200000u /* linux/sched.h of the kernel itself */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * All that the agent knows about the machine: its clock, its system calls, its vfork.  Another
 * architecture is a second file of this shape.
 */
#ifndef GD_ARCH_H
#define GD_ARCH_H

#if !defined(__x86_64__) || defined(__ILP32__)
#error "gildiag runs on x86-64 only; another machine needs its own arch_*.h"
#endif

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

static inline uint64_t gd_arch_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* True where the TSC ticks at one rate whatever the CPU does (Intel SDM 17.17.1, AMD APM 15.34). */
static inline bool gd_arch_tsc_is_invariant(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8));
}

/*
 * A system call that leaves errno alone and that no wrapper sees.  Returns the kernel's value,
 * -errno on failure.  Context: anywhere, also in a vfork child and in a signal handler.
 */
static inline long gd_syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define GD_SYSCALL_(n, a, b, c, d, e, f, ...)                                                      \
	gd_syscall6((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define gd_syscall(...) GD_SYSCALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/*
 * Defines a function that does nothing, for a uprobe: on a nop of one byte it costs least, and the
 * longer ones that Linux 6.18 makes calls of overwrite the red zone.
 */
#define GD_ARCH_PROBE_POINT(name)                                                                  \
	__asm__(".text\n"                                                                          \
		".globl " #name "\n"                                                               \
		".protected " #name "\n"                                                           \
		".type " #name ", @function\n" #name ":\n"                                         \
		".cfi_startproc\n"                                                                 \
		".byte 0x90\n"                                                                     \
		"ret\n"                                                                            \
		".cfi_endproc\n"                                                                   \
		".size " #name ", . - " #name "\n")

/*
 * Adds to two neighbouring words at once; they are aligned to 16 bytes.  gcc would call libatomic
 * for this, and the agent links libc only.
 */
static inline void gd_arch_add_pair(void *words, uint64_t first, uint64_t second)
{
	uint64_t *pair = words;
	uint64_t low = __atomic_load_n(&pair[0], __ATOMIC_RELAXED);
	uint64_t high = __atomic_load_n(&pair[1], __ATOMIC_RELAXED);
	bool done;

	do {
		__asm__ volatile("lock cmpxchg16b %1"
				 : "=@ccz"(done), "+m"(*(uint64_t(*)[2])pair), "+a"(low), "+d"(high)
				 : "b"(low + first), "c"(high + second)
				 : "memory");
	} while (!done);
}

/* Reads two neighbouring words as they were at one instant. */
static inline void gd_arch_read_pair(void *words, uint64_t *ret_first, uint64_t *ret_second)
{
	uint64_t low = 0, high = 0;

	__asm__ volatile("lock cmpxchg16b %0"
			 : "+m"(*(uint64_t(*)[2])words), "+a"(low), "+d"(high)
			 : "b"(0ull), "c"(0ull)
			 : "memory", "cc");
	*ret_first = low;
	*ret_second = high;
}

/*
 * A child that shares our memory while we are stopped, on a stack of its own; fn(arg) must not
 * return.  exit_signal 0 makes a child that wait() does not see.  Returns its PID or -errno.
 */
static inline long gd_arch_vfork_on(void *stack_top, int exit_signal, int (*fn)(void *), void *arg)
{
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	register int (*f)(void *) __asm__("r12") = fn;
	register void *a __asm__("r13") = arg;
	long ret;

	/* 56 is clone; 0x4100 is CLONE_VM | CLONE_VFORK. */
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(56L), "D"(0x4100L | exit_signal), "S"(stack_top), "d"(0L), "r"(r10),
			   "r"(r8), "r"(f), "r"(a)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

/*
 * False for what no program can read there: the kernel answers such a pointer with EFAULT, we must
 * not die of it.
 */
static inline bool gd_arch_may_point(const void *pointer)
{
	return (uintptr_t)pointer - 65536 < (1ull << 47) - 65536;
}

/*
 * The stack pointer that a jump restores.  glibc keeps it seventh and mangled (PTR_MANGLE, the same
 * since 2.4); on a libc that does otherwise the result is some number.
 */
static inline uintptr_t gd_arch_jump_target(const long *saved)
{
	uint64_t pointer = (uint64_t)saved[6];
	uint64_t guard;

	__asm__("movq %%fs:0x30, %0" : "=r"(guard));
	return (pointer >> 17 | pointer << 47) ^ guard;
}

/*
 * vfork returns twice, so nothing may wrap it in C: the child would return into a frame that the
 * parent needs.  This one only notes, in the thread's own word, that a child may share our memory,
 * and jumps on.
 */
#define GD_ARCH_VFORK(flag, real)                                                                  \
	__asm__(".text\n"                                                                          \
		".globl vfork\n"                                                                   \
		".type vfork, @function\n"                                                         \
		"vfork:\n"                                                                         \
		"	endbr64\n"                                                                       \
		"	movq " #flag "@gottpoff(%rip), %rax\n"                                     \
		"	movl $1, %fs:(%rax)\n"                                                           \
		"	movq " #real "(%rip), %rax\n"                                              \
		"	testq %rax, %rax\n"                                                              \
		"	jz 1f\n"                                                                         \
		"	jmp *%rax\n"                                                                     \
		"1:	popq %rdi\n" /* before our constructor: the bare system call */            \
		"	movl $58, %eax\n"                                                                \
		"	syscall\n"                                                                       \
		"	pushq %rdi\n"                                                                    \
		"	ret\n"                                                                           \
		".size vfork, . - vfork\n")

#endif

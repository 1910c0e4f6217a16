/* SPDX-License-Identifier: MIT */
/*
 * The real functions behind the wrappers.  gd_real.read is libc's read, or NULL before the first
 * gd_hooks_resolve() and on a libc without it: wrappers call through GD_REAL(), which resolves.
 */
#ifndef GD_HOOKS_H
#define GD_HOOKS_H

#include "visibility.h"
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

/* Fortified forms: glibc exports them, its headers show them only to fortified callers. */
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __pread_chk(int fd, void *buf, size_t n, off_t offset, size_t size);
ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t offset, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags, __SOCKADDR_ARG addr,
		       socklen_t *addr_len);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		const sigset_t *mask, size_t size);
void __longjmp_chk(struct __jmp_buf_tag env[1], int value) __attribute__((noreturn));

struct gd_real {
#define HOOK(name, version) __typeof__(&name) name;
#include "hooks.def"
#undef HOOK
};

extern struct gd_real gd_real GD_INTERNAL;

/* libc's vfork, where the assembler of GD_ARCH_VFORK() finds it. */
extern void *gd_real_vfork GD_INTERNAL;

/*
 * Fills every pointer of gd_real that is still NULL.  Idempotent.
 * Context: any thread; may call the dynamic linker, which may allocate (dlerror state).
 */
void gd_hooks_resolve(void);

#define GD_REAL(name)                                                                              \
	(__builtin_expect(gd_real.name != NULL, 1) ? gd_real.name                                  \
						   : (gd_hooks_resolve(), gd_real.name))

/* A call of a function that this libc does not have fails as the kernel would. */
#define GD_REAL_OR_ENOSYS(name, ...)                                                               \
	(GD_REAL(name) ? gd_real.name(__VA_ARGS__) : (errno = ENOSYS, -1))

/*
 * Symbol versions for our own direct references: the oldest, so that we load with any glibc.
 * Written next to every use of these names; libdl.so.2 is in DT_NEEDED for glibc before 2.34.
 */
#define GD_OLD_SYMBOL(name) __asm__(".symver " #name "," #name "@GLIBC_2.2.5")

#endif

/* SPDX-License-Identifier: MIT */
/*
 * How the real functions are found.  By version first: before glibc 2.36 a plain
 * dlsym(RTLD_NEXT, "pthread_cond_wait") gave the oldest ABI (BZ #14932).  Compiled without sibling
 * calls: as a tail call, dlsym(RTLD_NEXT) would take ld.so for its caller.
 */
#include "hooks.h"
#include <dlfcn.h>
#include <errno.h>

GD_OLD_SYMBOL(dlsym);
GD_OLD_SYMBOL(dlvsym);
GD_OLD_SYMBOL(dlopen);
GD_OLD_SYMBOL(dlerror);

struct gd_real gd_real;
void *gd_real_vfork;

static void *find(const char *name, const char *version)
{
	void *found = dlvsym(RTLD_NEXT, name, version);

	if (!found)
		found = dlsym(RTLD_NEXT,
			      name); /* another libc, or a function younger than version */
	if (!found) {
		/* glibc before 2.34, where libpthread came by dlopen(RTLD_LOCAL): out of
		 * RTLD_NEXT's scope. */
		void *lib = dlopen("libpthread.so.0", RTLD_LAZY | RTLD_NOLOAD);

		if (lib)
			found = dlvsym(lib, name, version);
	}
	return found;
}

void gd_hooks_resolve(void)
{
	int saved_errno = errno;

#define HOOK(name, version)                                                                        \
	if (!gd_real.name)                                                                         \
		*(void *volatile *)&gd_real.name = find(#name, version);
#include "hooks.def"
#undef HOOK
	gd_real_vfork = (void *)gd_real.vfork;
	dlerror(); /* what failed here is not the target's business */
	errno = saved_errno;
}

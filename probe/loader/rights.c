/* SPDX-License-Identifier: MIT */
/* By bare system calls: one less library in a privileged program. */
#include "rights.h"
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORDS _LINUX_CAPABILITY_U32S_3

static int set(const struct __user_cap_data_struct *data)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capset, &header, data) != 0 ? -errno : 0;
}

static int get(struct __user_cap_data_struct *ret_data)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capget, &header, ret_data) != 0 ? -errno : 0;
}

uint32_t gd_rights_owner(void)
{
	return getuid() == 0 ? ~0u : (uint32_t)getuid();
}

int gd_rights_become(uint32_t uid)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setresuid(uid, uid, uid) != 0)
		return -errno;
	return 0;
}

int gd_rights_drop(int (*still_works)(void *arg), void *arg)
{
	struct __user_cap_data_struct data[WORDS], none[WORDS];
	int err = get(data);

	memset(none, 0, sizeof(none));
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		err = -errno;
	for (int i = 0; i < WORDS; i++)
		data[i].effective = data[i].inheritable = 0;
	if (!err)
		err = set(data); /* effective ones first, to see what works without */
	if (err || still_works(arg) == 0)
		return err ? err : set(none);
	none[CAP_TO_INDEX(CAP_BPF)].effective = none[CAP_TO_INDEX(CAP_BPF)].permitted =
		CAP_TO_MASK(CAP_BPF);
	return set(none);
}

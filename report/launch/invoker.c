/* SPDX-License-Identifier: MIT */
/*
 * The state is the process's own: between begin and settle its real user is root, its effective one
 * is not.  Groups change at once and for good: root needs none of them.  The environment stays what
 * sudo made it.
 */
#include "invoker.h"
#include <base/cleanup.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number as sudo writes it. */
static bool read_id(const char *name, unsigned int *ret_id)
{
	const char *text = getenv(name);
	unsigned long id;
	char *end;

	errno = 0;
	id = text && *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : ULONG_MAX;
	if (id >= UINT_MAX || errno || *end)
		return false;
	*ret_id = (unsigned int)id;
	return true;
}

/* A user that no list knows has his one group. */
static int take_groups(const struct passwd *user, gid_t gid)
{
	if ((user ? initgroups(user->pw_name, gid) : setgroups(1, &gid)) != 0 ||
	    setresgid(gid, gid, gid) != 0)
		return -errno;
	return 0;
}

int gd_invoker_begin(struct gd_diag *diag)
{
	const struct passwd *user;
	uid_t uid;
	gid_t gid;
	int err;

	if (geteuid() != 0 || !read_id("SUDO_UID", &uid) || !read_id("SUDO_GID", &gid) || uid == 0)
		return 0;
	user = getpwuid(uid);
	err = take_groups(user, gid);
	if (!err && setresuid(0, uid, 0) != 0)
		err = -errno;
	if (err)
		return gd_diag_set(diag, err, "cannot become user %u, who called sudo: %s", uid,
				   strerror(-err));
	gd_diag_set(diag, 0, "under sudo the target runs as %s (user %u), not as root",
		    user ? user->pw_name : "who called it", uid);
	return 1;
}

int gd_invoker_settle(struct gd_diag *diag)
{
	uid_t uid = geteuid();

	if (getuid() == uid)
		return 0;
	if (setresuid(uid, uid, uid) != 0)
		return gd_diag_set(diag, -errno, "cannot give up root's rights: %s",
				   strerror(errno));
	return 0;
}

bool gd_invoker_leave(uid_t *ret_user)
{
	*ret_user = geteuid();
	return getuid() == 0 && *ret_user != 0 && setresuid(0, 0, 0) == 0;
}

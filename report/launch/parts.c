/* SPDX-License-Identifier: MIT */
/* The agent's path goes into LD_PRELOAD, which separates by blanks and colons. */
#include "parts.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int find_one(const char *folder, const char *const *relative, char *ret_path,
		    size_t size_bytes)
{
	for (; *relative; relative++) {
		char path[PATH_MAX], real[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s/%s", folder, *relative) >= (int)sizeof(path))
			continue;
		if (realpath(path, real) && eaccess(real, R_OK) == 0 && strlen(real) < size_bytes) {
			strcpy(ret_path, real);
			return 0;
		}
	}
	return -ENOENT;
}

int gd_parts_find(struct gd_parts *ret_parts, struct gd_diag *diag)
{
	static const char *const agents[] = { "../lib/gildiag/libgildiag-agent.so",
					      "../" GILDIAG_LIBDIR "/gildiag/libgildiag-agent.so",
					      NULL };
	static const char *const samplers[] = { "../libexec/gildiag/gildiag-sampler", NULL };
	static const char *const probes[] = { "../libexec/gildiag/gildiag-probe", NULL };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return gd_diag_set(diag, -errno, "cannot find myself: %s (is /proc mounted?)",
				   strerror(errno));
	self[n] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	if (find_one(self, agents, ret_parts->agent, sizeof(ret_parts->agent)) != 0)
		return gd_diag_set(
			diag, -ENOENT,
			"libgildiag-agent.so is not beside %s: build or install gildiag whole",
			self);
	if (find_one(self, samplers, ret_parts->sampler, sizeof(ret_parts->sampler)) != 0)
		return gd_diag_set(
			diag, -ENOENT,
			"gildiag-sampler is not beside %s: build or install gildiag whole", self);
	if (find_one(self, probes, ret_parts->probe, sizeof(ret_parts->probe)) != 0)
		ret_parts->probe[0] = 0;
	if (strpbrk(ret_parts->agent, " :"))
		return gd_diag_set(
			diag, -EINVAL,
			"%s has a blank or a colon in its path, which LD_PRELOAD cannot hold: "
			"move gildiag",
			ret_parts->agent);
	return 0;
}

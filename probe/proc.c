/* SPDX-License-Identifier: MIT */
#include "proc.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

size_t gd_proc_read(const char *path, char *buf, size_t size_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, size_bytes - 1) : 0;

	if (fd >= 0)
		close(fd);
	n = n < 0 ? 0 : n;
	buf[n] = 0;
	return (size_t)n;
}

size_t gd_proc_read_task(const struct gd_target *target, int32_t tid, const char *name, char *buf,
			 size_t size_bytes)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", target->pid, tid, name);
	return gd_proc_read(path, buf, size_bytes);
}

bool gd_proc_read_schedstat(const struct gd_target *target, int32_t tid, uint64_t *ret_run_ns,
			    uint64_t *ret_delay_ns)
{
	unsigned long long run, delay;
	char text[96];

	gd_proc_read_task(target, tid, "schedstat", text, sizeof(text));
	if (sscanf(text, "%llu %llu", &run, &delay) != 2)
		return false;
	*ret_run_ns = run;
	*ret_delay_ns = delay;
	return true;
}

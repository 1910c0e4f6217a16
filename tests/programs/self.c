/* SPDX-License-Identifier: MIT */
/*
 * Prints what the kernel gave it: arguments, environment, folder, umask, descriptors, signals,
 * session and group.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		struct stat st;
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == dirfd(folder) || fstat(fd, &st) != 0)
			continue;
		printf("fd %d type %o flags %d\n", fd, st.st_mode & S_IFMT, fcntl(fd, F_GETFL));
	}
	if (folder)
		closedir(folder);
}

/* Blocked, ignored and caught signals, and whether anything is pending. */
static void print_status(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if ((strncmp(line, "Sig", 3) == 0 && line[3] != 'Q') ||
		    strncmp(line, "Shd", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0 ||
		    strncmp(line, "Seccomp:", 8) == 0 || strncmp(line, "Threads", 7) == 0 ||
		    strncmp(line, "Cpus_allowed_list", 17) == 0)
			fputs(line, stdout);
	if (status)
		fclose(status);
}

static void print_limits(void)
{
	for (int i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit limit;

		if (getrlimit(i, &limit) == 0)
			printf("limit %d %llu %llu\n", i, (unsigned long long)limit.rlim_cur,
			       (unsigned long long)limit.rlim_max);
	}
}

static void print_terminal(void)
{
	struct winsize size = { 0 };

	for (int fd = 0; fd < 3; fd++)
		printf("isatty(%d) %d\n", fd, isatty(fd));
	if (ioctl(0, TIOCGWINSZ, &size) == 0)
		printf("terminal %d x %d, foreground %d\n", size.ws_col, size.ws_row,
		       tcgetpgrp(0) == getpgrp());
}

int main(int argc, char **argv, char **envp)
{
	char folder[4096];
	mode_t mask = umask(0);

	umask(mask);
	for (int i = 0; i < argc; i++)
		printf("argument %d <%s>\n", i, argv[i]);
	for (; *envp; envp++)
		printf("environment <%s>\n", *envp);
	printf("folder %s\numask %o\n", getcwd(folder, sizeof(folder)) ? folder : "none", mask);
	printf("leads its session %d, its group %d; ids %d %d %d %d; priority %d\n",
	       getsid(0) == getpid(), getpgrp() == getpid(), getuid(), geteuid(), getgid(),
	       getegid(), getpriority(PRIO_PROCESS, 0));
	print_descriptors();
	print_status();
	print_limits();
	print_terminal();
	return 0;
}

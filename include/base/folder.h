/* SPDX-License-Identifier: MIT */
/* Reading a folder that is known by a descriptor, for the tools. */
#ifndef GD_BASE_FOLDER_H
#define GD_BASE_FOLDER_H

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

/* The folder name in the folder at; no link is followed.  NULL and errno; else to be closed. */
static inline DIR *gd_folder_read(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;

	if (!folder && fd >= 0)
		close(fd);
	return folder;
}

#endif

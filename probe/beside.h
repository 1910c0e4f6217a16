/* SPDX-License-Identifier: MIT */
/* Whole messages on a socket, with a descriptor beside them. */
#ifndef GD_BESIDE_H
#define GD_BESIDE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Sends, without waiting, bytes of size_bytes and fd beside them; fd -1: nothing beside.  The
 * number of bytes, or -1 and errno.
 */
ssize_t gd_beside_send(int socket, const void *bytes, size_t size_bytes, int fd);

/*
 * Takes one message without waiting.  ret_fd: what came beside it, the caller's to close; -1:
 * nothing.  The number of bytes, 0: all who could send are gone, or -1 and errno.
 */
ssize_t gd_beside_receive(int socket, void *buf, size_t size_bytes, int *ret_fd);

#endif

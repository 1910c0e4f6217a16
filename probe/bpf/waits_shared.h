/* SPDX-License-Identifier: MIT */
/* The part of shared.h that is about waits.h. */
#ifndef GD_BPF_WAITS_SHARED_H
#define GD_BPF_WAITS_SHARED_H

#include <stdint.h>

/* What a thread's last waits on descriptors were for, and how they ended. */
struct gd_task_wait {
	uint64_t call; /* the system call and its descriptor */
	uint64_t set;  /* address of its epoll set */
	uint64_t looked_ns;
	uint64_t answered_ns; /* when an answer last ended one; 0: none yet */
	uint32_t operations;
	uint8_t cause;
	uint8_t was;      /* GD_WAS_*: of the open one */
	uint8_t timed;    /* of the last quiet ones so many ended by a timeout; */
	uint8_t answered; /* by what came on a connection */
	uint8_t in_vain;  /* of the last ones with an answer outstanding so many ended otherwise */
	uint8_t padding[7];
};

/* What is to be learnt from its end. */
#define GD_WAS_ELSE   0 /* nothing */
#define GD_WAS_QUIET  1 /* connections, on which nothing was outstanding */
#define GD_WAS_ASKING 2 /* an answer was outstanding */

#endif

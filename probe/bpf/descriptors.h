/* SPDX-License-Identifier: MIT */
/* The descriptors that a system call waits on: how many of which role. */
#ifndef GD_BPF_DESCRIPTORS_H
#define GD_BPF_DESCRIPTORS_H

#include "roles.h"

#define ROLES       16
#define MEMBERS_MAX 128 /* of an epoll set, that are looked at: half a microsecond each */
#define DEPTH       32  /* of its tree: twice the logarithm of the members, at most */
#define POLLED_MAX  16

struct polled {
	__s32 fd;
	__u32 events;
};

/* The descriptors that are waited on. */
struct descriptors {
	__u32 roles[ROLES]; /* how many of each GD_ROLE_* */
	struct gd_traffic traffic;
	__u32 depth; /* nodes that are still to be visited */
	struct rb_node *nodes[DEPTH];
	__u32 polled_count; /* 0: they could not be read */
	struct polled polled[POLLED_MAX];
};

/* At a switch, and while another task is looked at, which a switch may interrupt. */
#define OWN_LOOK   0
#define OTHER_LOOK 1

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct descriptors);
} gd_descriptors SEC(".maps");

/* Who visits them: bpf_loop() hands on what lies on the stack only. */
struct visitor {
	struct descriptors *found;
	struct task_struct *task;
};

static __always_inline struct descriptors *begin_look(__u32 whose)
{
	struct descriptors *found = bpf_map_lookup_elem(&gd_descriptors, &whose);

	if (!found)
		return 0;
	__builtin_memset(found->roles, 0, sizeof(found->roles));
	found->traffic = (struct gd_traffic){ 0, 0 };
	found->depth = 0;
	return found;
}

/* Not static: the verifier sees it once, not at each of its calls.  file: its address, or 0. */
__noinline int gd_add_file(struct descriptors *found, __u64 file)
{
	enum gd_role role = GD_ROLE_UNKNOWN;

	if (!found)
		return 0;
	if (file)
		role = role_of((struct file *)file, &found->traffic);
	found->roles[role & (ROLES - 1)]++;
	return 0;
}

static __always_inline void push(struct descriptors *found, struct rb_node *node)
{
	if (node && found->depth < DEPTH)
		found->nodes[found->depth++ & (DEPTH - 1)] = node;
}

static long visit_member(__u32 i, struct visitor *visitor)
{
	struct descriptors *found = visitor->found;
	struct epitem *member;
	struct rb_node *node;

	if (!found->depth)
		return 1;
	node = found->nodes[--found->depth & (DEPTH - 1)];
	push(found, BPF_CORE_READ(node, rb_left));
	push(found, BPF_CORE_READ(node, rb_right));
	member = (struct epitem *)node;
	gd_add_file(found, (__u64)BPF_CORE_READ(member, ffd.file));
	return 0;
}

static long visit_polled(__u32 i, struct visitor *visitor)
{
	struct descriptors *found = visitor->found;
	__s32 fd = found->polled[i & (POLLED_MAX - 1)].fd;

	if (fd >= 0)
		gd_add_file(found, (__u64)file_of(visitor->task, fd));
	return 0;
}

static __always_inline void look_into_set(struct visitor *visitor, __u32 fd)
{
	struct file *file = file_of(visitor->task, fd);
	struct eventpoll *set = (struct eventpoll *)BPF_CORE_READ(file, private_data);

	push(visitor->found, BPF_CORE_READ(set, rbr.rb_root.rb_node));
	bpf_loop(MEMBERS_MAX, visit_member, visitor, 0);
	if (visitor->found->depth)
		visitor->found->roles[GD_ROLE_UNKNOWN]++; /* the rest may be anything */
}

/* The current thread's. */
static __always_inline void read_polled(struct descriptors *found, __u64 address, __u64 count)
{
	found->polled_count = 0;
	if (count <= POLLED_MAX &&
	    !bpf_probe_read_user(found->polled, count * sizeof(found->polled[0]), (void *)address))
		found->polled_count = count;
}

/* Another task's.  Context: may sleep. */
static __always_inline void read_polled_of(struct task_struct *task, __u64 address, __u64 count)
{
	__u32 whose = OTHER_LOOK;
	struct descriptors *found = bpf_map_lookup_elem(&gd_descriptors, &whose);

	if (!found)
		return;
	found->polled_count = 0;
	if (count <= POLLED_MAX &&
	    !bpf_copy_from_user_task(found->polled, count * sizeof(found->polled[0]),
				     (void *)address, task, 0))
		found->polled_count = count;
}

/* count: as the call has it, of which none or all were read. */
static __always_inline void look_at_polled(struct visitor *visitor, __u64 count)
{
	if (count && !visitor->found->polled_count)
		visitor->found->roles[GD_ROLE_UNKNOWN]++;
	else
		bpf_loop(count, visit_polled, visitor, 0);
}

#endif

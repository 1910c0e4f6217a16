/* SPDX-License-Identifier: MIT */
/* The descriptors that a system call waits on: how many of which role. */
#ifndef GD_BPF_DESCRIPTORS_H
#define GD_BPF_DESCRIPTORS_H

#include "roles.h"

#define ROLES       16
#define MEMBERS_MAX 128 /* of an epoll set, that are looked at: half a microsecond each */
#define DEPTH       32  /* of its tree: twice the logarithm of the members, at most */
#define POLLED_MAX  16
#define READY_MAX   4

#define INTEREST 0x5 /* EPOLLIN, EPOLLOUT; the same for poll */

struct polled {
	__s32 fd;
	__u16 events;
	__u16 returned;
};

/* The descriptors that are waited on. */
struct descriptors {
	__u32 roles[ROLES]; /* how many of each GD_ROLE_* */
	__u32 is_cut;       /* there are more */
	__u32 depth;        /* nodes that are still to be visited */
	struct rb_node *nodes[DEPTH];
	__u32 polled_count; /* 0: they could not be read */
	struct polled polled[POLLED_MAX];
	/* Of all looks on this CPU: */
	__s64 credit_ns; /* time that they may still take */
	__u64 looked_ns;
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

static __always_inline struct descriptors *descriptors_of(__u32 whose)
{
	return bpf_map_lookup_elem(&gd_descriptors, &whose);
}

/* Who visits them: bpf_loop() hands on what lies on the stack only. */
struct visitor {
	struct descriptors *found;
	__u64 files; /* the task's table */
	__u32 limit; /* of it */
};

static __always_inline void begin_visit(struct visitor *visitor, struct descriptors *found,
					struct task_struct *task)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);

	__builtin_memset(found->roles, 0, sizeof(found->roles));
	found->is_cut = found->depth = 0;
	visitor->found = found;
	visitor->files = (__u64)BPF_CORE_READ(table, fd);
	visitor->limit = BPF_CORE_READ(table, max_fds);
}

static __always_inline struct file *file_of(const struct visitor *visitor, __u32 fd)
{
	struct file *file = 0;

	if (fd < visitor->limit)
		bpf_probe_read_kernel(&file, sizeof(file), (struct file **)visitor->files + fd);
	return file;
}

/*
 * Not static: the verifier sees it once, not at each of its calls.  file: its address, or 0; files:
 * the table that fd is an index of.
 */
__noinline int gd_add_file(struct descriptors *found, __u64 file, __u64 files, __u32 fd)
{
	enum gd_role role = GD_ROLE_UNKNOWN;

	if (!found)
		return 0;
	if (file)
		role = role_of((struct file *)file, files, fd);
	found->roles[role & (ROLES - 1)]++;
	return 0;
}

static __always_inline _Bool has_clients(const __u32 *roles)
{
	return roles[GD_ROLE_CLIENT] || roles[GD_ROLE_QUIET] || roles[GD_ROLE_ASKING];
}

static __always_inline void push(struct descriptors *found, struct rb_node *node)
{
	if (node && found->depth < DEPTH)
		found->nodes[found->depth++ & (DEPTH - 1)] = node;
	else if (node)
		found->is_cut = 1;
}

static __always_inline void add_member(struct visitor *visitor, struct epitem *member)
{
	/* One that is asked for nothing ends no wait. */
	if (BPF_CORE_READ(member, event.events) & INTEREST)
		gd_add_file(visitor->found, (__u64)BPF_CORE_READ(member, ffd.file), visitor->files,
			    BPF_CORE_READ(member, ffd.fd));
}

static long visit_member(__u32 i, struct visitor *visitor)
{
	struct descriptors *found = visitor->found;
	struct rb_node *node;

	if (!found->depth)
		return 1;
	node = found->nodes[--found->depth & (DEPTH - 1)];
	push(found, BPF_CORE_READ(node, rb_left));
	push(found, BPF_CORE_READ(node, rb_right));
	add_member(visitor, (struct epitem *)node);
	return 0;
}

static long visit_polled(__u32 i, struct visitor *visitor)
{
	const struct polled *polled = &visitor->found->polled[i & (POLLED_MAX - 1)];
	__s32 fd = polled->fd;

	if (fd >= 0 && polled->events & INTEREST)
		gd_add_file(visitor->found, (__u64)file_of(visitor, fd), visitor->files, fd);
	return 0;
}

static __always_inline void look_into_set(struct visitor *visitor, struct eventpoll *set)
{
	push(visitor->found, BPF_CORE_READ(set, rbr.rb_root.rb_node));
	bpf_loop(MEMBERS_MAX, visit_member, visitor, 0);
	if (visitor->found->depth)
		visitor->found->is_cut = 1;
}

/* Those that are ready, of which there are few when who waits for them is woken. */
static __always_inline void look_at_ready(struct visitor *visitor, struct eventpoll *set)
{
	struct list_head *head =
		(struct list_head *)((__u64)set + bpf_core_field_offset(set->rdllist));
	struct list_head *link = BPF_CORE_READ(head, next);

	for (int i = 0; i < READY_MAX && link && link != head; i++) {
		struct epitem *member = 0;

		member = (struct epitem *)((__u64)link - bpf_core_field_offset(member->rdllink));
		add_member(visitor, member);
		link = BPF_CORE_READ(link, next);
	}
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
	struct descriptors *found = descriptors_of(OTHER_LOOK);

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
		visitor->found->is_cut = 1;
	else
		bpf_loop(count, visit_polled, visitor, 0);
}

#endif

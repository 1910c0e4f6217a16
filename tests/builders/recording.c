/* SPDX-License-Identifier: MIT */
/* The file is laid out here a second time, apart from image.h, so that one checks the other. */
#include "recording.h"
#include <base/cleanup.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SECTIONS 6

void gd_recording_init(struct gd_recording *ret_recording)
{
	struct gd_recording *r = ret_recording;
	struct gd_process *process = &r->process;

	memset(r, 0, sizeof(*r));
	memcpy(r->header.magic, GD_MAGIC, sizeof(GD_MAGIC));
	r->header.abi_major = GD_ABI_MAJOR;
	r->header.abi_minor = GD_ABI_MINOR;
	r->header.header_size = sizeof(r->header);
	r->header.section_count = SECTIONS;
	r->header.arch = GD_ARCH_X86_64;
	r->header.state = GD_STATE_CLOSED;
	r->header.pid = GD_RECORDING_PID;
	r->header.start_ns = GD_RECORDING_NS(GD_RECORDING_START_S);
	r->header.start_realtime_ns = 1764081903ull * 1000000000ull; /* 2025-11-25T14:45:03Z */
	r->header.copied_ns = GD_RECORDING_NS(GD_RECORDING_END_S);
	process->pid = GD_RECORDING_PID;
	process->ppid = 1;
	process->clock = GD_CLOCK_TSC;
	process->end = GD_END_EXIT;
	process->threads_born = 1;
	process->start_ticks = GD_RECORDING_AT(0);
	process->end_ticks = GD_RECORDING_AT(10);
	process->first = (struct gd_clock_pair){ GD_RECORDING_AT(0), r->header.start_ns };
	process->last = (struct gd_clock_pair){ GD_RECORDING_AT(10), r->header.copied_ns };
	strcpy(process->command, "/usr/bin/python3");
	strcpy(process->script, "/home/ada/app.py");
	strcpy(process->runtime, "CPython");
	strcpy(process->runtime_version, "3.11.7");
	gd_recording_add_thread(r, GD_RECORDING_PID);
}

struct gd_thread *gd_recording_add_thread(struct gd_recording *recording, int32_t tid)
{
	struct gd_thread *thread = &recording->threads[recording->thread_count++];

	thread->state = GD_THREAD_LIVE;
	thread->tid = tid;
	thread->cause = thread->cause_prev = GD_CAUSE_CPU_FREE;
	thread->since = thread->since_prev = GD_RECORDING_AT(10);
	thread->born = GD_RECORDING_AT(0);
	return thread;
}

struct gd_joint *gd_recording_add_joint(struct gd_recording *recording, struct gd_joint_key key,
					double weight_s)
{
	struct gd_joint *joint = &recording->joints[recording->joint_count++];
	uint64_t instants = (uint64_t)(weight_s / 0.004);

	*joint = (struct gd_joint){
		.key = key,
		.instants = instants,
		.weight_ns = GD_RECORDING_NS(weight_s),
		.outside_sum = instants * key.outside,
		.locked_sum = instants * key.locked,
		.gil_wait_sum = instants * key.gil_wait,
		.computing_sum = instants * key.computing,
	};
	return joint;
}

void gd_recording_collect(struct gd_recording *recording)
{
	struct gd_process *process = &recording->process;

	process->cpus = process->cpus_online = 2;
	process->samples = 2500;
	process->sampler_cpu_ns = GD_RECORDING_NS(0.02);
	process->sampler_pair = process->last;
	process->cpu_ns = GD_RECORDING_NS(9.9);
	process->steady_ns = GD_RECORDING_NS(GD_RECORDING_START_S + 0.1);
}

/* ---- The bytes ------------------------------------------------------------------------------- */

struct part {
	const void *entries;
	uint32_t entry_size;
	uint32_t used;
};

static void list_parts(const struct gd_recording *r, struct part ret_parts[SECTIONS])
{
	const struct part parts[SECTIONS] = {
		{ &r->process, sizeof(r->process), 1 },
		{ r->joints, sizeof(r->joints[0]), r->joint_count },
		{ r->gils, sizeof(r->gils[0]), r->gil_count },
		{ r->threads, sizeof(r->threads[0]), r->thread_count },
		{ r->locks, sizeof(r->locks[0]), r->lock_count },
		{ r->ended, sizeof(r->ended[0]), r->ended_count },
	};

	memcpy(ret_parts, parts, sizeof(parts));
}

unsigned char *gd_recording_pack(const struct gd_recording *recording, size_t *ret_size)
{
	size_t size = sizeof(recording->header) + SECTIONS * sizeof(struct gd_section);
	struct part parts[SECTIONS];
	unsigned char *bytes;
	size_t offset = size;

	list_parts(recording, parts);
	for (int i = 0; i < SECTIONS; i++)
		size += (size_t)parts[i].entry_size * parts[i].used;
	bytes = malloc(size);
	if (!bytes)
		abort();
	memcpy(bytes, &recording->header, sizeof(recording->header));
	for (uint32_t i = 0; i < SECTIONS; i++) {
		struct gd_section section = {
			.kind = i + 1,
			.entry_size = parts[i].entry_size,
			.offset = offset,
			.used = parts[i].used,
			.capacity = parts[i].used,
			.lost = recording->lost[i + 1],
		};
		size_t part_bytes = (size_t)parts[i].entry_size * parts[i].used;

		memcpy(bytes + sizeof(recording->header) + i * sizeof(section), &section,
		       sizeof(section));
		memcpy(bytes + offset, parts[i].entries, part_bytes);
		offset += part_bytes;
	}
	*ret_size = size;
	return bytes;
}

struct gd_section *gd_recording_section(unsigned char *bytes, uint32_t kind)
{
	return (struct gd_section *)(void *)(bytes + sizeof(struct gd_file_header)) + kind - 1;
}

int gd_recording_write(const struct gd_recording *recording, const char *path)
{
	size_t size;
	gd_autofree unsigned char *bytes = gd_recording_pack(recording, &size);
	gd_autofree char *name = NULL;
	gd_autoclose int fd = -1;

	if (asprintf(&name, "%s/%d.%llu", path, recording->header.pid,
		     (unsigned long long)recording->header.start_ns) < 0)
		return -ENOMEM;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return write(fd, bytes, size) == (ssize_t)size ? 0 : -EIO;
}

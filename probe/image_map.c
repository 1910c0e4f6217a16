/* SPDX-License-Identifier: MIT */
/* The image comes from the target and may be broken or hostile: its size and its seals are checked. */
#include "image_map.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Tables that are indexed here must be as ours are; of the others only bytes are copied. */
static bool is_as_ours(const struct gd_section *section, size_t entry_size, uint32_t capacity)
{
	return section->entry_size == entry_size && section->capacity == capacity &&
	       section->offset % sizeof(uint64_t) == 0;
}

static bool is_image(const struct gd_image_map *map)
{
	const struct gd_file_header *header = &map->layout.header;
	const struct gd_section *sections = map->layout.sections;

	if (memcmp(header->magic, GD_MAGIC, sizeof(GD_MAGIC)) != 0 ||
	    header->abi_major != GD_ABI_MAJOR || header->section_count != GD_IMAGE_SECTIONS)
		return false;
	for (uint32_t i = 0; i < GD_IMAGE_SECTIONS; i++)
		if (sections[i].kind != i + 1 || sections[i].offset > GD_IMAGE_BYTES ||
		    (uint64_t)sections[i].entry_size * sections[i].capacity >
			    GD_IMAGE_BYTES - sections[i].offset)
			return false;
	return is_as_ours(&sections[GD_SECTION_PROCESS - 1], sizeof(struct gd_process), 1) &&
	       is_as_ours(&sections[GD_SECTION_THREADS - 1], sizeof(struct gd_thread),
			  GD_THREAD_CAPACITY) &&
	       is_as_ours(&sections[GD_SECTION_JOINT - 1], sizeof(struct gd_joint),
			  GD_JOINT_CAPACITY) &&
	       is_as_ours(&sections[GD_SECTION_MODULES - 1], sizeof(struct gd_module),
			  GD_MODULE_CAPACITY) &&
	       is_as_ours(&sections[GD_SECTION_PIPES - 1], sizeof(struct gd_pipe),
			  GD_PIPE_CAPACITY);
}

/*
 * Without the seals the target could shrink the memfd under us: SIGBUS.  Writable, as the sampler
 * writes into it, and as the kernel pins what may be written only.
 */
int gd_image_map(int memfd, struct gd_image_map *ret_map)
{
	int need = F_SEAL_SHRINK | F_SEAL_GROW, seals = fcntl(memfd, F_GET_SEALS);
	struct gd_image_map map;
	struct stat st;

	if (fstat(memfd, &st) != 0)
		return -errno;
	if ((uint64_t)st.st_size != GD_IMAGE_BYTES || seals < 0 || (seals & need) != need)
		return -EINVAL;
	map.image = mmap(NULL, GD_IMAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (map.image == MAP_FAILED)
		return -errno;
	memcpy(&map.layout, map.image, sizeof(map.layout));
	if (!is_image(&map)) {
		gd_image_unmap(&map);
		return -EINVAL;
	}
	*ret_map = map;
	return 0;
}

void gd_image_unmap(struct gd_image_map *map)
{
	if (map->image)
		munmap(map->image, GD_IMAGE_BYTES);
	map->image = NULL;
}

void *gd_image_map_rows(const struct gd_image_map *map, uint32_t kind)
{
	return (char *)map->image + map->layout.sections[kind - 1].offset;
}

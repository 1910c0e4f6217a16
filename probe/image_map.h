/* SPDX-License-Identifier: MIT */
/* An agent's image, mapped into a process of ours. */
#ifndef GD_IMAGE_MAP_H
#define GD_IMAGE_MAP_H

#include <gildiag/image.h>

/* layout: the first bytes of the image, copied once and checked: a target may change its own at any time. */
struct gd_image_map {
	void *image; /* GD_IMAGE_BYTES, shared */
	struct {
		struct gd_file_header header;
		struct gd_section sections[GD_IMAGE_SECTIONS];
	} layout;
};

/*
 * Maps memfd, which stays open, and checks that it is an image of ours that cannot shrink.  0 and a
 * map to be given back by gd_image_unmap(), or -errno.
 */
int gd_image_map(int memfd, struct gd_image_map *ret_map);

/* Accepts what is not mapped. */
void gd_image_unmap(struct gd_image_map *map);

/* The table of a kind that the map's checks are about: see is_image(). */
void *gd_image_map_rows(const struct gd_image_map *map, uint32_t kind);

#endif

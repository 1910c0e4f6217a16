/* SPDX-License-Identifier: MIT */
/*
 * A file of the eBPF probe made by hand: a test declares a struct of a header, an array of sections
 * and its rows, and says here which field is which section.
 */
#ifndef GD_BUILDERS_PROBED_H
#define GD_BUILDERS_PROBED_H

#include <gildiag/recording.h>
#include <stddef.h>
#include <string.h>

static inline void gd_probed_begin(struct gd_file_header *ret_header, uint16_t section_count,
				   uint64_t copied_ns)
{
	*ret_header = (struct gd_file_header){ .abi_major = GD_ABI_MAJOR,
					       .header_size = sizeof(*ret_header),
					       .section_count = section_count,
					       .arch = GD_ARCH_X86_64,
					       .writer = GD_WRITER_PROBE,
					       .state = GD_STATE_CLOSED,
					       .copied_ns = copied_ns };
	memcpy(ret_header->magic, GD_MAGIC, sizeof(GD_MAGIC));
}

/* Section i of file is the field, an array of count rows, or one row. */
#define GD_PROBED_SECTION(file, i, section_kind, field, count)                                     \
	((file)->sections[i] =                                                                     \
		 (struct gd_section){ .kind = (section_kind),                                      \
				      .entry_size = sizeof((file)->field) / (count),               \
				      .offset = offsetof(__typeof__(*(file)), field),              \
				      .used = (count),                                             \
				      .capacity = (count) })

#endif

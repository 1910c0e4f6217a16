/* SPDX-License-Identifier: MIT */
/*
 * Offsets up to 3.12 were read from the DWARF of each minor version's builds; within a minor
 * version these fields have not moved (patch releases moved later ones only).  3.13 and later
 * publish theirs.
 */
#include "cpython_offsets.h"

#define NONE GD_OFFSET_NONE

/* clang-format off */
static const struct gd_cpython_offsets table[] = {
	/* version  ft lines                 tstate: frame cframe tid   frame: code back instr unit owner tlbc   code: file name first table adaptive tlbc   str: len state ascii  bytes   type */
	{ 0x0308, 0, GD_LINES_LNOTAB,        24, NONE, 176,             32, 24, 104, 1, NONE, NONE,              104, 112, 40, 120, NONE, NONE,             16, 32, 48,           16, 32, 8 },
	{ 0x0309, 0, GD_LINES_LNOTAB,        24, NONE, 176,             32, 24, 104, 1, NONE, NONE,              104, 112, 40, 120, NONE, NONE,             16, 32, 48,           16, 32, 8 },
	{ 0x030a, 0, GD_LINES_PEP626,        24, NONE, 176,             32, 24,  96, 2, NONE, NONE,              104, 112, 40, 120, NONE, NONE,             16, 32, 48,           16, 32, 8 },
	{ 0x030b, 0, GD_LINES_LOCATIONS,     56, 8,    152,             32, 48,  56, 0, 69,   NONE,              112, 128, 72, 136, 184,  NONE,             16, 32, 48,           16, 32, 8 },
	{ 0x030c, 0, GD_LINES_LOCATIONS,     56, 0,    136,              0,  8,  56, 0, 70,   NONE,              112, 128, 68, 136, 192,  NONE,             16, 32, 40,           16, 32, 8 },
};

/* Where _Py_DebugOffsets has what we need, in bytes from its start; every field is a u64. */
static const struct published {
	uint16_t version;
	uint16_t tstate_frame, tstate_thread_id;
	uint16_t frame_back, frame_code, frame_instr, frame_owner, frame_tlbc_index;
	uint16_t code_filename, code_qualname, code_linetable, code_firstlineno, code_adaptive, code_tlbc;
	uint16_t object_type, bytes_size, bytes_data, str_state, str_length, str_ascii;
} published[] = {
	{ 0x030d, 184, 192,  232, 240, 248, 264, NONE,  280, 296, 304, 312, 344, NONE,  360, 520, 528, 544, 552, 560 },
	{ 0x030e, 208, 216,  256, 264, 272, 288, 304,   320, 336, 344, 352, 384, 392,   408, 600, 608, 624, 632, 640 },
	{ 0x030f, 208, 240,  320, 328, 336, 352, 368,   384, 400, 408, 416, 448, 456,   472, 696, 704, 720, 728, 736 },
};
/* clang-format on */

#define PUBLISHED_BYTES 744
#define STRUCT_MAX      4096 /* none of these fields lies deeper in its structure */

/* One published offset; clears *ok when it is none. */
static uint16_t take(const uint64_t *block, uint16_t at, bool *ok)
{
	uint64_t value;

	if (at == NONE)
		return NONE;
	value = block[at / sizeof(*block)];
	*ok = *ok && value < STRUCT_MAX;
	return (uint16_t)value;
}

static bool read_published(const struct published *from, const uint64_t *block,
			   struct gd_cpython_offsets *ret)
{
	bool is_free_threaded = block[2] != 0;
	bool ok = block[2] <= 1;

	*ret = (struct gd_cpython_offsets){
		.version = from->version,
		.is_free_threaded = is_free_threaded,
		.lines = GD_LINES_LOCATIONS,
		.tstate_frame = take(block, from->tstate_frame, &ok),
		.cframe_frame = NONE,
		.tstate_thread_id = take(block, from->tstate_thread_id, &ok),
		.frame_code = take(block, from->frame_code, &ok),
		.frame_back = take(block, from->frame_back, &ok),
		.frame_instr = take(block, from->frame_instr, &ok),
		.frame_owner = take(block, from->frame_owner, &ok),
		.frame_tlbc_index =
			is_free_threaded ? take(block, from->frame_tlbc_index, &ok) : NONE,
		.code_filename = take(block, from->code_filename, &ok),
		.code_name = take(block, from->code_qualname, &ok),
		.code_firstlineno = take(block, from->code_firstlineno, &ok),
		.code_linetable = take(block, from->code_linetable, &ok),
		.code_adaptive = take(block, from->code_adaptive, &ok),
		.code_tlbc = is_free_threaded ? take(block, from->code_tlbc, &ok) : NONE,
		.str_length = take(block, from->str_length, &ok),
		.str_state = take(block, from->str_state, &ok),
		.str_ascii = take(block, from->str_ascii, &ok),
		.bytes_size = take(block, from->bytes_size, &ok),
		.bytes_data = take(block, from->bytes_data, &ok),
		.object_type = take(block, from->object_type, &ok),
	};
	return ok;
}

bool gd_cpython_offsets_find(uint16_t version, const struct gd_memory *memory, uint64_t runtime,
			     struct gd_cpython_offsets *ret_offsets)
{
	uint64_t block[PUBLISHED_BYTES / sizeof(uint64_t)];

	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].version == version) {
			*ret_offsets = table[i];
			return true;
		}
	if (!runtime || !gd_memory_read(memory, runtime, block, sizeof(block)) ||
	    block[0] != 0x7970677562656478ull /* "xdebugpy" */ ||
	    (block[1] >> 16 & 0xffff) != version)
		return false;
	for (unsigned int i = 0; i < sizeof(published) / sizeof(published[0]); i++)
		if (published[i].version == version)
			return read_published(&published[i], block, ret_offsets);
	return false;
}

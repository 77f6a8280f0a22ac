/* SPDX-License-Identifier: MIT */
/* Reads the header of an arm64 kernel Image, trusting none of its bytes. */
#include "image.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

struct image_header {
	uint32_t code[2];
	uint64_t text_offset;
	uint64_t image_size;
	uint64_t flags;
	uint64_t reserved[3];
	uint8_t magic[4];
	uint32_t pe_offset;
};
_Static_assert(sizeof(struct image_header) == ARM_IMAGE_HEADER, "as the protocol has it");

#define FLAG_BIG_ENDIAN  UINT64_C(1)
#define FLAG_PAGE_SHIFT  1
#define INSTRUCTION_SIZE 4

static const uint8_t magic[4] = { 'A', 'R', 'M', 0x64 };

bool arm_image_is(const void *bytes, size_t length)
{
	const size_t offset = offsetof(struct image_header, magic);

	return length >= ARM_IMAGE_HEADER &&
	       memcmp((const uint8_t *)bytes + offset, magic, sizeof(magic)) == 0;
}

bool arm_image_parse(struct arm_image *image, const void *bytes, size_t length,
		     struct failure *failure)
{
	static const uint64_t page_sizes[4] = { 0, 4096, 16384, 65536 };
	struct image_header header;
	uint64_t flags;

	memcpy(&header, bytes, sizeof(header));
	flags = le64toh(header.flags);
	image->text_offset = le64toh(header.text_offset);
	image->size = le64toh(header.image_size);
	image->page_size = page_sizes[(flags >> FLAG_PAGE_SHIFT) & 3];
	if (flags & FLAG_BIG_ENDIAN)
		return fail(failure, STATUS_USAGE,
			    "Image flags 0x%" PRIx64
			    ": a big-endian kernel; expected little-endian",
			    flags);
	if (image->size == 0)
		return fail(failure, STATUS_USAGE,
			    "Image size 0, as kernels before Linux 3.17 have it; expected the size "
			    "in memory");
	if (image->size < length)
		return fail(failure, STATUS_USAGE,
			    "Image size 0x%" PRIx64 "; expected at least the file's 0x%zx bytes",
			    image->size, length);
	if (image->text_offset % INSTRUCTION_SIZE != 0)
		return fail(failure, STATUS_USAGE,
			    "Image text offset 0x%" PRIx64 "; expected a multiple of 4",
			    image->text_offset);
	return true;
}

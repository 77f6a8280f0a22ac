/* SPDX-License-Identifier: MIT */
/* The header of an arm64 Image: what is taken from it, and what is refused. */
#include <criterion/criterion.h>
#include <string.h>

#include "image.h"

/* Laid out by hand from Documentation/arch/arm64/booting.rst. */
static const uint8_t good[80] = {
	[0] = 0x10,  [3] = 0x14,            /* b */
	[8] = 0x00,  [9] = 0x00,  [10] = 8, /* text_offset 0x80000 */
	[16] = 0x00, [17] = 0x10,           /* image_size 0x1000 */
	[24] = 0x0a,                        /* 4K pages, anywhere */
	[56] = 0x41, [57] = 0x52, [58] = 0x4d, [59] = 0x64,
};

static struct arm_image image;
static struct failure failure;

Test(arm_image, taken)
{
	cr_assert(arm_image_is(good, sizeof(good)));
	cr_assert(arm_image_parse(&image, good, sizeof(good), &failure), "%s", failure.text);
	cr_expect_eq(image.text_offset, 0x80000);
	cr_expect_eq(image.size, 0x1000);
	cr_expect_eq(image.page_size, 4096);
}

Test(arm_image, claims)
{
	uint8_t bytes[80];

	cr_expect(!arm_image_is(good, 63));
	cr_expect(arm_image_is(good, 64));
	for (unsigned int i = 56; i < 60; i++) {
		memcpy(bytes, good, sizeof(bytes));
		bytes[i] ^= 0x20;
		cr_expect(!arm_image_is(bytes, sizeof(bytes)), "byte %u", i);
	}
}

Test(arm_image, page_sizes)
{
	static const uint64_t sizes[] = { 0, 4096, 16384, 65536 };
	uint8_t bytes[80];

	memcpy(bytes, good, sizeof(bytes));
	for (uint8_t i = 0; i < 4; i++) {
		bytes[24] = (uint8_t)(i << 1);
		cr_assert(arm_image_parse(&image, bytes, sizeof(bytes), &failure));
		cr_expect_eq(image.page_size, sizes[i]);
	}
}

static void refused(unsigned int offset, uint8_t value, const char *message)
{
	uint8_t bytes[80];

	memcpy(bytes, good, sizeof(bytes));
	bytes[offset] = value;
	cr_expect(!arm_image_parse(&image, bytes, sizeof(bytes), &failure));
	cr_expect_eq(failure.status, STATUS_USAGE);
	cr_expect_str_eq(failure.text, message);
}

Test(arm_image, refused)
{
	refused(24, 0x0b, "Image flags 0xb: a big-endian kernel; expected little-endian");
	refused(17, 0x00,
		"Image size 0, as kernels before Linux 3.17 have it; expected the size in memory");
	refused(8, 0x02, "Image text offset 0x80002; expected a multiple of 4");
}

Test(arm_image, smaller_than_the_file)
{
	uint8_t bytes[80];

	memcpy(bytes, good, sizeof(bytes));
	bytes[17] = 0;
	bytes[16] = 79;
	cr_expect(!arm_image_parse(&image, bytes, sizeof(bytes), &failure));
	cr_expect_str_eq(failure.text, "Image size 0x4f; expected at least the file's 0x50 bytes");
	bytes[16] = 80;
	cr_expect(arm_image_parse(&image, bytes, sizeof(bytes), &failure));
}

/* SPDX-License-Identifier: MIT */
/*
 * The header of an arm64 kernel Image (Linux: Documentation/arch/arm64/booting.rst). A pure
 * function of the bytes.
 */
#ifndef VMM_ARM_IMAGE_H
#define VMM_ARM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define ARM_IMAGE_HEADER 64 /* bytes */

struct arm_image {
	uint64_t text_offset; /* from a 2 MiB aligned place; the entry is there */
	uint64_t size;        /* in memory, at least the file's bytes */
	uint64_t page_size;   /* that the CPU must have; 0: not said */
};

/* Whether the bytes claim to be an Image. */
bool arm_image_is(const void *bytes, size_t length);

/* Checks the header of one that does. */
bool arm_image_parse(struct arm_image *image, const void *bytes, size_t length,
		     struct failure *failure);

#endif

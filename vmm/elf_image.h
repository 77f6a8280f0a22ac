/* SPDX-License-Identifier: MIT */
/*
 * Reads an ELF64 image. A pure function of the bytes: it trusts none of them, allocates nothing and
 * touches nothing else, so a fuzzer can drive it.
 */
#ifndef VMM_ELF_IMAGE_H
#define VMM_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define ELF_MAX_SEGMENTS 64

/* A PT_LOAD that is not empty. [offset, offset + file_size) is within the file, file_size is at
 * most memory_size, and address + (memory_size - 1) does not wrap. */
struct elf_segment {
	uint64_t offset;
	uint64_t file_size;
	uint64_t address; /* physical */
	uint64_t virtual_address;
	uint64_t memory_size;
};

struct elf_image {
	const uint8_t *bytes;
	size_t length;
	uint64_t entry;
	uint64_t phoff;
	unsigned int phnum;
	struct elf_segment segments[ELF_MAX_SEGMENTS]; /* no two overlap */
	unsigned int segment_count;                    /* at least 1 */
};

/* An executable for `machine` (EM_*). */
bool elf_image_parse(struct elf_image *image, const void *bytes, size_t length, uint16_t machine,
		     struct failure *failure);

struct elf_note {
	const uint8_t *content; /* inside the image; no alignment */
	uint32_t size;
};

/*
 * The first note with this owner and type. A note that does not fit in its segment is a failure;
 * not found is none, and note->content is NULL then.
 */
bool elf_image_note(const struct elf_image *image, const char *owner, uint32_t type,
		    struct elf_note *note, struct failure *failure);

/* The segment that holds `address`, or NULL. */
const struct elf_segment *elf_image_segment_at(const struct elf_image *image, uint64_t address);

/*
 * Where the entry is in physical memory. ELF has it a virtual address, and that is tried first;
 * where no segment has that, it may be a physical one, as of a kernel that is linked high and
 * entered with the MMU off. false if no segment has it either way.
 */
bool elf_image_entry(const struct elf_image *image, uint64_t *address);

/* A segment that touches [address, address + length), or NULL. */
const struct elf_segment *elf_image_overlap(const struct elf_image *image, uint64_t address,
					    uint64_t length);

#endif

/* SPDX-License-Identifier: MIT */
/* The files that a guest starts from: read, checked, and loaded into its memory. */
#ifndef VMM_KERNEL_H
#define VMM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "elf_image.h"
#include "failure.h"
#include "guest_memory.h"

struct kernel {
	const char *path;
	void *bytes; /* the whole file, until kernel_release */
	size_t length;
	/* What of the bytes goes where; an image that is no ELF file has one segment of its own. */
	struct elf_image elf;
	const char *segment_name; /* for messages: "ELF segment" */
	uint64_t page_size;       /* that the CPU must have, if not 0 */
	uint64_t entry;
	const char *command_line; /* never NULL */

	const char *initrd_path; /* NULL: none */
	int initrd_fd;
	uint64_t initrd_address;
	uint64_t initrd_size;
};

/* Reads and checks the image, opens the initrd. Needs no machine. */
bool kernel_open(struct kernel *kernel, const struct config *config, struct failure *failure);

/* The same for a machine that gets no image and no initrd. */
void kernel_none(struct kernel *kernel, const struct config *config);

/* Puts segments and initrd into memory, after regions_load. */
bool kernel_load(struct kernel *kernel, const struct guest_memory *memory,
		 const struct config *config, struct failure *failure);

/*
 * The highest place for `size` bytes (of pages) within arch_initrd_window that is memory and free
 * of image, initrd and contents. false: there is none.
 */
bool kernel_find_place(const struct kernel *kernel, const struct guest_memory *memory,
		       const struct config *config, uint64_t size, uint64_t *address);
/* Whether [address, address + size) is. */
bool kernel_is_free(const struct kernel *kernel, const struct guest_memory *memory,
		    const struct config *config, uint64_t address, uint64_t size);

/* The contents of the configuration's memory regions. */
bool regions_load(const struct guest_memory *memory, const struct config *config,
		  struct failure *failure);

/* Gives back the file's bytes; entry and addresses stay. */
void kernel_release(struct kernel *kernel);

#endif

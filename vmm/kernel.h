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
	struct elf_image elf;
	uint64_t entry;
	const char *command_line; /* never NULL */

	const char *initrd_path; /* NULL: none */
	int initrd_fd;
	uint64_t initrd_address;
	uint64_t initrd_size;
};

/* Reads and checks the image, opens the initrd. Needs no machine. */
bool kernel_open(struct kernel *kernel, const struct config *config, struct failure *failure);

/* Puts segments and initrd into memory, after regions_load. */
bool kernel_load(struct kernel *kernel, const struct guest_memory *memory,
		 const struct config *config, struct failure *failure);

/* The contents of the configuration's memory regions. */
bool regions_load(const struct guest_memory *memory, const struct config *config,
		  struct failure *failure);

/* Gives back the file's bytes; entry and addresses stay. */
void kernel_release(struct kernel *kernel);

#endif

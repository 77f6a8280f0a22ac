/* SPDX-License-Identifier: MIT */
/* PVH: what the loader leaves for a guest, Xen's hvm_start_info. */
#ifndef ARCH_X86_64_GUEST_PVH_H
#define ARCH_X86_64_GUEST_PVH_H

#include <stddef.h>

#include "guest/memory_map.h"

/*
 * Reads the start information by the boot tables' direct map: adds to `map` what RAM there is and
 * which parts of it the loader's data are in, and copies the command line. Panics, naming what is
 * wrong, if it cannot be used.
 */
void pvh_read(phys_addr start_info, struct memory_map *map, char *command_line, size_t size);

/* The other way: start information at `page`, which its reader finds at physical address `phys`,
 * for a machine with this RAM. One page holds it. */
void pvh_write(void *page, phys_addr phys, const struct memory_range *ram,
	       const char *command_line);

#endif

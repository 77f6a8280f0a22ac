/* SPDX-License-Identifier: MIT */
/* The PVH boot protocol: the structures of Xen's public interface (start_info.h), version 1. */
#ifndef VMM_PVH_H
#define VMM_PVH_H

#include <stdint.h>

#define PVH_NOTE_OWNER "Xen"
#define PVH_NOTE_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY */

#define PVH_MAGIC 0x336ec578

#define PVH_MEMORY_RAM      1
#define PVH_MEMORY_RESERVED 2

struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "as the protocol has it");

struct pvh_module {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};
_Static_assert(sizeof(struct pvh_module) == 32, "as the protocol has it");

struct pvh_memory {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_memory) == 24, "as the protocol has it");

#endif

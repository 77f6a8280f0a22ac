/* SPDX-License-Identifier: MIT */
/* The kernel's own memory: what there is, who has it, and the tables it is seen through. */
#ifndef GUEST_KERNEL_H
#define GUEST_KERNEL_H

#include "guest/arch.h"
#include "guest/memory_map.h"
#include "twofold/frame_pool.h"
#include "twofold/page_table.h"

/* Device registers that the kernel maps: whole pages of physical addresses. */
struct device {
	const char *name;
	phys_addr start;
	uint64_t size;
};

#define KERNEL_DEVICES_MAX 4

struct kernel {
	/* Filled by the architecture before guest_main. */
	struct memory_map memory;
	struct device devices[KERNEL_DEVICES_MAX];
	size_t device_count;
	phys_addr memory_control; /* where its register may be; 0: there is none */

	struct arch_mmu mmu;
	struct frame_pool pool;
	struct page_table tables[2]; /* mmu.tables of them */
	bool live;                   /* the CPU walks them */
};

extern struct kernel kernel;

/* The image, by the linker script; all are whole pages. */
extern char image_start[], image_end[];
extern char image_text_start[], image_text_end[];
extern char image_user_start[]; /* the part of text that user code may be given */
extern char image_rodata_start[], image_rodata_end[];
extern char image_data_start[], image_data_end[]; /* what is after that is zero at first */
extern char image_data_copy[];                    /* room for as much as data is */

/* Keeps data as the loader left it, for an inner guest that is this image again: the first thing
 * that C does. */
static inline void image_keep_data(void)
{
	for (size_t i = 0; i < (size_t)(image_data_end - image_data_start); i++)
		image_data_copy[i] = image_data_start[i];
}

/* Builds the tables and makes the CPU walk them. */
void kernel_start(void);

void kernel_dump(void);

/* Reads a byte of each page of RAM: a hypervisor that maps it when it is touched has then mapped it
 * all. */
void kernel_touch(void);

/* Says what the kernel's tables have at an address. */
void kernel_explain_address(virt_addr address);

/*
 * Adds to kernel.devices, rounded to the largest page; not if what is there already has it. Panics
 * if there are too many.
 */
void kernel_add_device(const char *name, phys_addr start, uint64_t size);

/* The table that an address is in. */
static inline struct page_table *kernel_table(virt_addr virt)
{
	return &kernel.tables[kernel.mmu.tables == 2 ? virt >> 63 : 0];
}

/* page_table_query of that table. */
static inline enum paging_status kernel_query(virt_addr virt, struct page_mapping *mapping)
{
	return page_table_query(kernel_table(virt), virt, mapping);
}

/* The lower and the upper half of the address space. */
void kernel_halves(struct input_range halves[2]);

static inline phys_addr image_phys(const void *in_image)
{
	return (virt_addr)(uintptr_t)in_image - arch_layout.kernel_offset;
}

/* Where RAM is seen. */
static inline void *direct(phys_addr phys)
{
	return (void *)(uintptr_t)(phys + arch_layout.direct_base);
}

/*
 * Operations on the live table. kernel_map uses leaves of one size, or with 0 the largest; the
 * others invalidate what the library asks for before they return.
 */
enum paging_status kernel_map(virt_addr virt, phys_addr phys, uint64_t size,
			      struct page_flags flags, uint64_t leaf);
enum paging_status kernel_unmap(virt_addr virt, uint64_t size, uint32_t mode);
enum paging_status kernel_protect(virt_addr virt, uint64_t size, struct page_flags flags,
				  uint32_t mode);

#endif

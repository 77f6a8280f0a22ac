/* SPDX-License-Identifier: MIT */
/*
 * Addresses. A table translates an input address to an output address, and both are plain 64-bit
 * numbers: the typedefs say which one a function wants, they do not make the compiler check it.
 */
#ifndef TWOFOLD_ADDRESS_H
#define TWOFOLD_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Input of a table: a virtual address at stage 1, a guest-physical address (IPA) at stage 2. */
typedef uint64_t virt_addr;
/* Output of a table, and where a table itself lies: a physical address. */
typedef uint64_t phys_addr;

#define PAGE_SIZE_4K  (UINT64_C(1) << 12)
#define PAGE_SIZE_16K (UINT64_C(1) << 14)
#define PAGE_SIZE_64K (UINT64_C(1) << 16)
#define PAGE_SIZE_2M  (UINT64_C(1) << 21)
#define PAGE_SIZE_1G  (UINT64_C(1) << 30)

/* `size` is a power of two in all three. addr_align_up wraps to 0 past the last multiple. */
static inline bool addr_is_aligned(uint64_t addr, uint64_t size)
{
	return (addr & (size - 1)) == 0;
}

static inline uint64_t addr_align_down(uint64_t addr, uint64_t size)
{
	return addr & ~(size - 1);
}

static inline uint64_t addr_align_up(uint64_t addr, uint64_t size)
{
	return (addr + size - 1) & ~(size - 1);
}

#ifdef __cplusplus
}
#endif

#endif

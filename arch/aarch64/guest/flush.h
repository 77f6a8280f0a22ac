/* SPDX-License-Identifier: MIT */
/* Telling the TLB of changes. arch_flush is what the kernel uses. */
#ifndef ARCH_AARCH64_GUEST_FLUSH_H
#define ARCH_AARCH64_GUEST_FLUSH_H

#include "twofold/page_table.h"
#include "twofold/tlb_gather.h"

/* Does what a gather of that table asks for and nothing more. Of a second stage: with its VMID in
 * VTTBR_EL2, and HCR_EL2.TGE 0. */
void flush_table(const struct tlb_gather *gather, const struct page_table *table);
/* The same for the kernel's own. */
void flush_exactly(const struct tlb_gather *gather, void *context);
/* Only on the CPU that executes it, where no hypervisor makes more of it (HCR_EL2.FB). */
void flush_here(const struct tlb_gather *gather, void *context);

/* Drops what is cached for one address, of any address space, with both halves of them; and
 * everything of the kernel's level. */
void flush_address(virt_addr address);
void flush_everything(void);

#endif

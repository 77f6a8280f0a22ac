/* SPDX-License-Identifier: MIT */
/* Telling the TLB of changes. arch_flush is what the kernel uses. */
#ifndef ARCH_AARCH64_GUEST_FLUSH_H
#define ARCH_AARCH64_GUEST_FLUSH_H

#include "twofold/tlb_gather.h"

/* Does what the gather asks for and nothing more. */
void flush_exactly(const struct tlb_gather *gather, void *context);

/* Drops what is cached for one address, of any address space; and everything. */
void flush_address(virt_addr address);
void flush_everything(void);

#endif

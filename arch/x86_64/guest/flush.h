/* SPDX-License-Identifier: MIT */
/* Telling the TLB of changes. arch_flush is what the kernel uses. */
#ifndef ARCH_X86_64_GUEST_FLUSH_H
#define ARCH_X86_64_GUEST_FLUSH_H

#include "twofold/tlb_gather.h"

/* Does what the gather asks for and nothing more. */
void flush_exactly(const struct tlb_gather *gather, void *context);

/* That, and what QEMU wants besides; arch_flush also has the second CPU do it. */
void flush_here(const struct tlb_gather *gather, void *context);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What is to be known before the kernel is anywhere: with the MMU off, where the image was loaded.
 * Memory is Device memory then: nothing may be accessed unaligned, and libfdt may not be asked.
 */
#ifndef ARCH_AARCH64_GUEST_EARLY_H
#define ARCH_AARCH64_GUEST_EARLY_H

#include <stdbool.h>

#include "twofold/address.h"

/*
 * Whether the kernel stays at EL2, where a loader left it: mode=hypervisor on the command line or,
 * on a CPU with FEAT_VHE, el=2. The device tree is one, by its first words. What else is wrong with
 * it or with the command line is found when they are read again.
 */
bool early_keeps_el2(phys_addr dtb, bool vhe);

/* Makes the pointers that stand in the image's data those of an image at `base`, by what the linker
 * left of them (kernel.ld); false if it left something else. May be called again. */
bool early_relocate(uint64_t base);

#endif

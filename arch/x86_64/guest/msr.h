/* SPDX-License-Identifier: MIT */
/* Model-specific registers that may be missing: where the instruction faults these are false. */
#ifndef ARCH_X86_64_GUEST_MSR_H
#define ARCH_X86_64_GUEST_MSR_H

#include <stdbool.h>
#include <stdint.h>

bool msr_read(uint32_t msr, uint64_t *value);
bool msr_write(uint32_t msr, uint64_t value);

#endif

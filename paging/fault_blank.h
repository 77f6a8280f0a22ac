/* SPDX-License-Identifier: MIT */
/* Where every explanation starts: nothing is known yet. */
#ifndef PAGING_FAULT_BLANK_H
#define PAGING_FAULT_BLANK_H

#include "twofold/fault.h"

/* Member by member: a compound literal of this size may take a call of memset. */
static inline void fault_blank(struct page_fault *fault, uint8_t stage)
{
	fault->cause = FAULT_UNKNOWN;
	fault->access = 0;
	fault->stage = stage;
	fault->walk = false;
	fault->privilege_known = false;
	fault->user = false;
	fault->level = FAULT_NO_LEVEL;
	fault->virt = 0;
	fault->phys = 0;
	fault->virt_exact = 0;
	fault->phys_exact = 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/* For compile-matrix: the headers that hold instructions, each on its own architecture. */
#if defined(__x86_64__)
#include "twofold/x86_64_tlb_execute.h"

void flush_here(const struct tlb_gather *gather, void *context);

void flush_here(const struct tlb_gather *gather, void *context)
{
	x86_64_tlb_plan(context, gather, x86_64_tlb_execute, NULL);
}
#elif defined(__aarch64__)
#include "twofold/aarch64_tlb_execute.h"

void flush_here(const struct tlb_gather *gather, void *context);

void flush_here(const struct tlb_gather *gather, void *context)
{
	aarch64_tlb_plan(context, gather, aarch64_tlb_execute, NULL);
}
#else
extern int nothing_for_this_architecture;
#endif

/* SPDX-License-Identifier: MIT */
/*
 * The second CPU: started by INIT and SIPI, on the tables that the first one runs on. It sleeps
 * until it is given a watch, and takes part in each TLB shoot-down.
 */
#ifndef ARCH_X86_64_GUEST_SECOND_CPU_H
#define ARCH_X86_64_GUEST_SECOND_CPU_H

#include "guest/second_cpu.h"
#include "guest/stack.h"

/* It turns interrupts off until a shoot-down is asked for, and for a while after; returns when they
 * are off. */
void second_cpu_deafen(void);
/* Whether that while is over. */
bool second_cpu_hears(void);

/*
 * The shoot-down: it executes what the gather asks for, and this returns when it has said so.
 * Nothing is done if it does not run. The caller does its own part.
 */
void second_cpu_flush(const struct tlb_gather *gather);

/* second_cpu_entry.S */
extern struct stack second_cpu_stack;
extern const char second_cpu_page_fault[], second_cpu_flush_entry[], second_cpu_wake_entry[];
extern const char second_cpu_spurious_entry[];

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The second CPU: started by INIT and SIPI, on the tables that the first one runs on. It sleeps
 * until it is given a watch, and takes part in each TLB shoot-down.
 */
#ifndef ARCH_X86_64_GUEST_SECOND_CPU_H
#define ARCH_X86_64_GUEST_SECOND_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/stack.h"
#include "twofold/tlb_gather.h"

/* Whether CPUID says that there is one (leaf 1, EBX bits 23 to 16). */
bool second_cpu_exists(void);

/* Starts it, if it does not run yet. False if it does not come within a second or so. */
bool second_cpu_start(void);

/* The CR3 that it runs on. */
uint64_t second_cpu_cr3(void);

/* What an access of its came to: the byte that it read, 0 for a write, or this. */
#define SECOND_CPU_FAULT UINT32_MAX

/*
 * A watch: it reads a byte at `address` (and writes it), says so, goes on with interrupts on until
 * it is told to, and then does the same access there again. Nothing enters or leaves the CPU
 * between, so it keeps what its TLB has. second_cpu_watch returns what the first read came to,
 * second_cpu_look what the last access did.
 */
uint32_t second_cpu_watch(virt_addr address, bool write);
uint32_t second_cpu_look(void);

/*
 * It reads the 64-bit word at `address` over and over; second_cpu_look ends that, and returns how
 * often there was something else than at first, or 0: never.
 */
void second_cpu_stare(virt_addr address);

/* It turns interrupts off until a shoot-down is asked for, and for a while after; returns when they
 * are off. */
void second_cpu_deafen(void);
/* Whether that while is over. */
bool second_cpu_hears(void);
/* Returns when it sleeps again. */
void second_cpu_join(void);

/*
 * The shoot-down: it executes what the gather asks for, and this returns when it has said so.
 * Nothing is done if it does not run. The caller does its own part.
 */
void second_cpu_flush(const struct tlb_gather *gather);

/* second_cpu_entry.S */
extern struct stack second_cpu_stack;
extern const char second_cpu_page_fault[], second_cpu_flush_entry[], second_cpu_wake_entry[];
extern const char second_cpu_spurious_entry[];
uint32_t second_cpu_read(virt_addr address);
uint32_t second_cpu_write(virt_addr address);

#endif

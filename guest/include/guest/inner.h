/* SPDX-License-Identifier: MIT */
/*
 * Guests of this kernel when it is told mode=hypervisor: the contract between the common part
 * (guest/hypervisor) and the way that a CPU runs a guest (arch/<isa>/guest/hypervisor: SVM, VMX,
 * EL2). A guest's memory is a `struct page_table` of the second stage, which the common part fills
 * and which the CPU walks; what the CPU says about it comes back as exits in terms of no
 * architecture.
 *
 * Addresses of a guest's own memory are inner-physical: they are the input of its second stage.
 */
#ifndef GUEST_INNER_H
#define GUEST_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/memory_map.h"
#include "twofold/fault.h"
#include "twofold/page_table.h"

/* What this CPU has for a hypervisor; filled in by inner_backend.start. */
struct inner_cpu {
	/* For second stages, with all that the CPU has: format, widths, leaf sizes, features. All
	 * but `access`. The common part may take away from it (fewer leaf sizes, a smaller width)
	 * for one guest. */
	struct page_table_config config;
	/* For the tables that an inner guest walks by itself (INNER_PAGED). All but `access`. */
	struct page_table_config own;
	uint32_t spaces;   /* address space identifiers (ASID, VPID, VMID), 0 among them */
	bool write_only;   /* the format can say: writable, not readable */
	bool execute_only; /* executable, not readable */
	bool no_execute;   /* not executable */
	bool hardware_accessed, hardware_dirty; /* the CPU marks second-stage leaves */
	/* The guest's own walk, when it only reads a table, asks the second stage for a write. */
	bool walk_writes;
	/*
	 * It does so only to mark an entry, and emulators do not refuse that (Bochs 2.7, EPT
	 * without A/D): nothing is asserted of tables that it may only read.
	 */
	bool walk_unsure;
	bool page_log;   /* inner_backend.set_log and drain work */
	bool never_bare; /* no guest can start with its MMU off: no INNER_BARE */
	bool break_before_make;
};

/* One guest: a second stage and an identifier for the TLB. */
struct inner_guest {
	struct page_table table;
	/* 1 to inner_cpu.spaces - 1. A guest has its own among those that exist at one time. */
	uint32_t space;
	void *state; /* the backend's; NULL if it needs none */
};

/* How an inner CPU starts. */
enum inner_entry {
	/*
	 * As a boot loader enters this kernel's own image: its MMU off, at inner-physical `entry`;
	 * `argument` is where the loader's information is. x86_64: PVH (32-bit flat segments, EBX);
	 * AArch64: EL1, x0. `stack` and `root` are of no account.
	 */
	INNER_BARE,
	/* At its highest privilege (CPL 0, EL1), 64-bit, interrupts off, walking its own tables of
	 * inner_cpu.own's format at inner-physical `root`. `entry` and `stack` are virtual. */
	INNER_PAGED,
};

struct inner_start {
	enum inner_entry how;
	uint64_t entry;
	uint64_t stack;
	uint64_t argument; /* also in arguments[0] if INNER_PAGED */
	/* The table, so that the backend can make the register value (x86_64_cr3, TTBR0). */
	const struct page_table *own;
};

#define INNER_ARGUMENTS 4

/* One CPU of a guest. */
struct inner_vcpu {
	struct inner_guest *guest;
	/* As they are at the last exit, and as the next inner_run gives them to the guest. */
	uint64_t pc;
	/* x86_64: RDI, RSI, RDX, RCX; AArch64: x0 to x3. What hypercalls and probes are made of. */
	uint64_t arguments[INNER_ARGUMENTS];
	void *state; /* the backend's */
};

enum inner_reason {
	/* The second stage refused an access; nothing of the instruction has happened. Running on
	 * makes it again. inner_backend.explain says what it was. */
	INNER_FAULT,
	/*
	 * The guest asked for something: arguments[0] is enum inner_call, the rest its arguments.
	 * pc is behind the instruction; what is put into arguments[0] is the answer. The
	 * instruction is `out %al, $INNER_PORT` on x86_64 (SVM and VMX alike), `hvc #0` on AArch64.
	 */
	INNER_HYPERCALL,
	/* It wants nothing until an interrupt, which will not come: HLT, WFI. */
	INNER_HALT,
	/* The CPU gave up on the guest: a triple fault. AArch64 has no such thing. */
	INNER_SHUTDOWN,
	/* The log of written pages is full (PML): drain it and run on. */
	INNER_LOG_FULL,
	/* Anything else. That is a mistake somewhere: `raw` is for people. */
	INNER_OTHER,
};

#define INNER_PORT 0xe0

/* An exit. `raw` is as the CPU has it:
 *	SVM	EXITCODE, EXITINFO1, EXITINFO2
 *	VMX	exit reason, exit qualification, guest-physical address, guest-linear address
 *	EL2	ESR_EL2, FAR_EL2, HPFAR_EL2, PAR_EL1 by AT S1E1R of an abort's FAR_EL2
 */
struct inner_exit {
	enum inner_reason reason;
	uint64_t raw[4];
};

/* Hypercalls. The answer to one that is not known is UINT64_MAX. */
enum inner_call {
	/* The probe guest waits for a command (struct inner_command), which the answer is. */
	INNER_CALL_READY = 1,
	/* Text for the console: up to 24 bytes, in arguments[1] to [3], the first one lowest, 0
	 * where it ends before that. */
	INNER_CALL_TEXT = 2,
	/* The end: arguments[1] is enum guest_outcome. */
	INNER_CALL_END = 3,
};

/*
 * The probe guest: position-independent instructions in the image, from inner_probe_start up to
 * inner_probe_end, entered at the start. For ever, it makes INNER_CALL_READY and does what is then
 * in its arguments:
 *
 *	[0] enum inner_order  [1] address  [2] value
 *
 * and makes the next INNER_CALL_READY, with what a read found (one byte) in arguments[1]. It uses
 * no stack, and touches no memory by itself.
 *
 * To give up on an order that faulted, set pc to what it was at the last INNER_CALL_READY.
 */
enum inner_order {
	INNER_READ,     /* one byte */
	INNER_WRITE,    /* one byte */
	INNER_FETCH,    /* calls the address, where inner_landing_write has left a return */
	INNER_MODIFY,   /* reads, then writes, in one instruction if there is one: adds `value` */
	INNER_SET_ROOT, /* own tables: the register value is `value`; drops the own TLB */
	INNER_FLUSH,    /* its own TLB's entry for the address */
	INNER_SWEEP,    /* from the address up to `value` stores to each its address; [3]: how far
			 * apart */
	INNER_ORDERS,   /* how many there are */
};

extern const char inner_probe_start[], inner_probe_end[];

/* Writes an instruction that returns to where INNER_FETCH came from: up to 8 bytes, aligned to 8.
 * The first byte may be overwritten by itself. Makes it visible to instruction fetches. */
void inner_landing_write(void *where);

/* Makes what was written to a guest's memory visible to its instruction fetches, and to a guest
 * that does not look into the caches yet (AArch64, its MMU off). */
void inner_memory_ready(const void *where, uint64_t size);

/*
 * A descriptor that the format has reserved bits or values in: what to do to the leaf that the
 * library wrote. The common part does it to the memory of the table and expects that any access is
 * refused as misconfigured, where the backend says so.
 */
struct inner_misconfiguration {
	const char *name;
	uint64_t set, clear;
	uint32_t levels;        /* bit n: in leaves of level n */
	enum fault_cause cause; /* what such a leaf is to the CPU; 0: FAULT_MISCONFIGURED */
	/* Only where output addresses have fewer bits; 0: everywhere. */
	unsigned int output_below;
	uint32_t unless; /* not where tables have one of these features */
};

/* A way to run guests. All of it is called on one CPU, with interrupts off. */
struct inner_backend {
	const char *name; /* "SVM", "VMX", "EL2" */
	/* Whether the CPU can do it. False: *why is a phrase for people ("CPUID has no SVM"). */
	bool (*present)(const char **why);
	/* Switches it on; called once. Frames for good come from kernel.pool. Panics if the CPU
	 * does not do what it said. */
	void (*start)(struct inner_cpu *cpu);
	/* `guest->table` and `space` are set. Takes what frames it needs (FRAME_PAGE) from
	 * `frames`: false if there are none. */
	bool (*guest_create)(struct inner_guest *guest, struct frame_allocator *frames);
	void (*guest_destroy)(struct inner_guest *guest, struct frame_allocator *frames);
	bool (*vcpu_create)(struct inner_vcpu *vcpu, const struct inner_start *start,
			    struct frame_allocator *frames);
	void (*vcpu_destroy)(struct inner_vcpu *vcpu, struct frame_allocator *frames);
	/* Runs it until something happens. */
	void (*run)(struct inner_vcpu *vcpu, struct inner_exit *exit);
	/* An INNER_FAULT in the library's words. */
	struct page_fault (*explain)(const struct inner_vcpu *vcpu, const struct inner_exit *exit);
	/* tlb_gather.flush: `context` is the struct inner_guest. */
	void (*flush)(const struct tlb_gather *gather, void *context);
	/* With inner_cpu.page_log the CPU writes the pages that it marks dirty into a log, if this
	 * has switched that on. The log is empty then. */
	void (*set_log)(struct inner_vcpu *vcpu, bool on);
	/* Moves up to `capacity` pages from the log to `pages`, and returns how many. Called until
	 * it returns 0. */
	size_t (*drain)(struct inner_vcpu *vcpu, phys_addr *pages, size_t capacity);
	/* The register value that INNER_SET_ROOT takes for these tables. */
	uint64_t (*own_root)(const struct page_table *own);
	const struct inner_misconfiguration *misconfigurations;
	size_t misconfiguration_count;
};

/*
 * This kernel's own image as a guest (INNER_BARE): it lies at the same inner-physical addresses as
 * it does here at physical ones, and is entered at inner_image_entry(). What a loader would tell it
 * is written to `page`, INNER_BOOT_SIZE bytes that are zero and will be at `inner`, which is
 * inner_start.argument.
 */
#define INNER_BOOT_SIZE UINT64_C(0x10000)
phys_addr inner_image_entry(void);
void inner_boot_information(void *page, phys_addr inner, const struct memory_range *ram,
			    const char *command_line);

/* The architecture's, in the order in which they are to be tried; ends with NULL. */
extern const struct inner_backend *const inner_backends[];

#endif

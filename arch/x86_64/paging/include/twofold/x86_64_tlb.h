/* SPDX-License-Identifier: MIT */
/*
 * From a gather to the instructions that invalidate what it asks for. Planning is a pure function;
 * x86_64_tlb_execute.h has what executes an instruction on the CPU. All of these are local to the
 * logical processor: each one that may hold the translations runs the plan itself, for its own
 * state (SDM vol. 3A 4.10.5, APM vol. 2 5.5.3).
 *
 * A gather that asks for nothing gives no instruction. Each of these is told whose gather it is, as
 * an address of one stage means nothing to another: REGISTER_WRONG_TABLE, and nothing is emitted,
 * if the table is of a format that is not the function's.
 */
#ifndef TWOFOLD_X86_64_TLB_H
#define TWOFOLD_X86_64_TLB_H

#include "twofold/page_table.h"
#include "twofold/register_status.h"
#include "twofold/tlb_gather.h"

#ifdef __cplusplus
extern "C" {
#endif

enum x86_64_tlb_operation {
	/* The current PCID's translations of `address`, global ones too, and all that is cached of
	 * the current PCID's tables. `address` is any in the leaf. */
	X86_64_INVLPG,
	/* Write CR3 with its own value and bit 63 clear: the current PCID, but not global
	 * translations. */
	X86_64_RELOAD_CR3,
	/* Change CR4.PGE, and change it back: everything of all PCIDs. */
	X86_64_TOGGLE_PGE,
	X86_64_INVPCID, /* `type` is enum x86_64_invpcid; `id` the PCID */
	X86_64_INVVPID, /* `type` is enum x86_64_invvpid; `id` the VPID */
	X86_64_INVEPT,  /* `type` is enum x86_64_invept; `id` the EPTP */
};

/* Types of the three, as the instructions take them. */
enum x86_64_invpcid {
	INVPCID_ADDRESS = 0,    /* `address` of PCID `id`, not global */
	INVPCID_SINGLE = 1,     /* PCID `id`, not global */
	INVPCID_ALL = 2,        /* everything */
	INVPCID_NOT_GLOBAL = 3, /* all PCIDs, not global */
};

enum x86_64_invvpid {
	INVVPID_ADDRESS = 0,           /* `address` of VPID `id` */
	INVVPID_SINGLE = 1,            /* VPID `id` */
	INVVPID_ALL = 2,               /* all VPIDs but 0 */
	INVVPID_SINGLE_NOT_GLOBAL = 3, /* VPID `id`, not global */
};

enum x86_64_invept {
	INVEPT_SINGLE = 1, /* EPTP `id` */
	INVEPT_ALL = 2,    /* all EPTPs */
};

struct x86_64_tlb_instruction {
	enum x86_64_tlb_operation operation;
	uint32_t type;
	uint64_t id;
	uint64_t address;
};

/* Given the instructions in the order in which they are to be executed. */
typedef void (*x86_64_tlb_emit)(void *context, const struct x86_64_tlb_instruction *instruction);

/* Beyond so many single addresses all is invalidated, where the caller does not say otherwise. */
#define X86_64_TLB_THRESHOLD 32

/* Whose translations the gather is about. */
enum x86_64_tlb_space {
	X86_64_TLB_CURRENT, /* the address space that CR3 points to now */
	X86_64_TLB_OTHER,   /* another one, which has been on this processor */
	X86_64_TLB_SHARED,  /* the part is in every address space: a kernel's half */
};

struct x86_64_tlb {
	const struct page_table *table; /* whose gather it is: of x86_64_stage1 */
	enum x86_64_tlb_space space;
	bool pcid_enabled;  /* CR4.PCIDE is set */
	bool invpcid;       /* INVPCID may be used: CPUID.07H:EBX bit 10 */
	uint16_t pcid;      /* the address space's; for X86_64_TLB_OTHER */
	uint32_t threshold; /* 0: X86_64_TLB_THRESHOLD */
};

/*
 * Stage 1 (SDM vol. 3A 4.10.4.2; APM vol. 2 5.5.3). One address is enough for a leaf of any size
 * and for a table. REGISTER_WRONG_TABLE.
 *
 * Another address space's translations without PCIDs are gone since CR3 was loaded, but for global
 * ones. With PCIDs and without INVPCID they take X86_64_TOGGLE_PGE, as do shared ones.
 */
enum register_status x86_64_tlb_plan(const struct x86_64_tlb *tlb, const struct tlb_gather *gather,
				     x86_64_tlb_emit emit, void *context);

/*
 * EPT (SDM vol. 3C 28.4.3.1, 28.4.3.3): one INVEPT, for this EPTP if IA32_VMX_EPT_VPID_CAP has the
 * type, else for all. It drops guest-physical and combined mappings, so no INVVPID is needed.
 * REGISTER_WRONG_TABLE; REGISTER_MISSING, and nothing is emitted, if the CPU has neither type.
 */
enum register_status x86_64_ept_tlb_plan(const struct page_table *table, uint64_t ept_vpid_cap,
					 uint64_t eptp, const struct tlb_gather *gather,
					 x86_64_tlb_emit emit, void *context,
					 struct register_refusal *refusal);

/*
 * A table of stage 1 that a guest walks without its own INVLPG telling the processor: a shadow
 * table of the hypervisor's (28.4.3.2). `vpid` is 1 to 65535; `threshold` as above.
 * REGISTER_WRONG_TABLE; REGISTER_ARGUMENT for VPID 0; REGISTER_MISSING if the CPU lacks every type
 * that would do.
 */
enum register_status x86_64_vpid_tlb_plan(const struct page_table *table, uint64_t ept_vpid_cap,
					  uint16_t vpid, uint32_t threshold,
					  const struct tlb_gather *gather, x86_64_tlb_emit emit,
					  void *context, struct register_refusal *refusal);

/* The VMCB's TLB_CONTROL (APM vol. 2 15.16.1, offset 0x5c), obeyed by the next VMRUN. */
enum x86_64_tlb_control {
	TLB_CONTROL_NOTHING = 0,
	TLB_CONTROL_ALL = 1,   /* every ASID's */
	TLB_CONTROL_GUEST = 3, /* this ASID's, global too */
};

/*
 * Nested paging: what the gather takes on each processor that has run the guest since it got its
 * ASID. `flush_by_asid` is CPUID.8000000AH:EDX bit 6. (To give the guest an ASID that nothing is
 * cached for does as well.) REGISTER_WRONG_TABLE, with *control as it was.
 */
enum register_status x86_64_npt_tlb_control(const struct page_table *table,
					    const struct tlb_gather *gather, bool flush_by_asid,
					    enum x86_64_tlb_control *control);

#ifdef __cplusplus
}
#endif

#endif

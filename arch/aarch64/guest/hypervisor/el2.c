/* SPDX-License-Identifier: MIT */
/*
 * Guests at EL1 by stage 2, from EL2 (Arm ARM DDI 0487, D8.3, D13; HCR_EL2 in D19.2).
 *
 * The kernel's own registers of that level are EL2's, so those of EL1 may stay a guest's until
 * another one runs. With HCR_EL2.E2H, where the kernel is EL2&0, all that a run changes is
 * HCR_EL2.TGE; without, nothing. HCR_EL2.VM is on throughout; it is of no effect on the kernel.
 */
#include "el2.h"

#include "../cpu.h"
#include "../flush.h"
#include "../level.h"
#include "../mmu.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/sabotage.h"
#include "guest/text.h"
#include "twofold/aarch64.h"
#include "twofold/aarch64_fault.h"

#define HCR_VM  (UINT64_C(1) << 0)
#define HCR_TWI (UINT64_C(1) << 13)
#define HCR_TSC (UINT64_C(1) << 19)
#define HCR_TGE (UINT64_C(1) << 27)
#define HCR_RW  (UINT64_C(1) << 31)

#define MMFR1_VMID_SHIFT 4
#define MMFR1_VMID_16    2

#define SCTLR_NO_TRAP_WFI (UINT64_C(1) << 16) /* to EL1, of EL0's */
#define CPACR_FP          (UINT64_C(3) << 20)

#define NO_PAR PAR_FAULT

#define STATE_SIZE arch_leaf_size(LEAF_PAGE) /* of a guest, of a CPU */

#define STAGE_PAGE PAGE_SIZE_4K /* a guest's state, a CPU's state */

static struct {
	const struct inner_guest *guest; /* whose VTTBR_EL2 there is */
	struct inner_vcpu *vcpu;         /* whose registers of EL1 */
	uint64_t hcr;                    /* while it runs */
	uint64_t own;                    /* what HCR_EL2 has more while the kernel does */
} now;

/* EL1's registers by the names that EL2 has for them: with E2H another one than EL1. */
#define SAVE(name, encoding) __asm__ volatile("mrs %0, " encoding : "=r"(system->name));
#define LOAD(name, encoding) __asm__ volatile("msr " encoding ", %0" : : "r"(system->name));
static void system_save(struct el2_system *system)
{
	if (cpu_has_upper_half()) {
		EL2_RENAMED_REGISTERS(SAVE, EL2_NAMES_E2H)
	} else {
		EL2_RENAMED_REGISTERS(SAVE, EL2_NAMES_EL1)
	}
	EL2_OTHER_REGISTERS(SAVE)
}

static void system_load(const struct el2_system *system)
{
	if (cpu_has_upper_half()) {
		EL2_RENAMED_REGISTERS(LOAD, EL2_NAMES_E2H)
	} else {
		EL2_RENAMED_REGISTERS(LOAD, EL2_NAMES_EL1)
	}
	EL2_OTHER_REGISTERS(LOAD)
	__asm__ volatile("isb" : : : "memory");
}
#undef SAVE
#undef LOAD

static bool el2_present(const char **why)
{
	return level_is_2(why);
}

static void el2_start(struct inner_cpu *cpu)
{
	const struct aarch64_cpu *id = mmu_cpu();

	now.hcr = (read_hcr_el2() & HCR_E2H) | HCR_RW | HCR_VM | HCR_TWI | HCR_TSC;
	now.own = cpu_has_upper_half() ? HCR_TGE : 0;
	write_hcr_el2(now.hcr | now.own);
	mmu_stage2(&cpu->config);
	/* Marks of the inner guest's own tables are of no interest here, and would be writes. */
	cpu->own = kernel.mmu.config;
	cpu->own.features &= ~(AARCH64_HARDWARE_DIRTY | AARCH64_EL2);
	cpu->spaces =
		(id->id_aa64mmfr1 >> MMFR1_VMID_SHIFT & 15) == MMFR1_VMID_16 ? 1u << 16 : 1u << 8;
	cpu->write_only = cpu->execute_only = cpu->no_execute = true;
	cpu->hardware_accessed = mmu_walk()->accessed;
	cpu->hardware_dirty = (cpu->config.features & AARCH64_HARDWARE_DIRTY) != 0;
	cpu->break_before_make = true;
}

/* The state of a guest or a CPU: a page, by its address in the direct map; zero. */
static void *take_state(struct frame_allocator *frames)
{
	struct frame frame;

	if (!frames->allocate(frames, FRAME_PAGE, STATE_SIZE, &frame))
		return NULL;
	memset(direct(frame.start), 0, STATE_SIZE);
	return direct(frame.start);
}

static void give_state(struct frame_allocator *frames, const void *state)
{
	phys_addr start = (virt_addr)(uintptr_t)state - arch_layout.direct_base;

	frames->free(frames, FRAME_PAGE, (struct frame){ start, STATE_SIZE });
}

static void use_guest(const struct inner_guest *guest)
{
	const struct el2_guest *state = guest->state;

	if (now.guest == guest)
		return;
	now.guest = guest;
	now.hcr |= state->registers.hcr;
	write_hcr_el2(now.hcr | now.own);
	write_vtcr_el2(state->registers.vtcr);
	write_vttbr_el2(state->registers.vttbr);
}

static void use_vcpu(struct inner_vcpu *vcpu)
{
	struct el2_vcpu *state = vcpu->state;

	use_guest(vcpu->guest);
	if (now.vcpu == vcpu)
		return;
	if (now.vcpu)
		system_save(&((struct el2_vcpu *)now.vcpu->state)->system);
	system_load(&state->system);
	now.vcpu = vcpu;
}

struct el2_vcpu *el2_take(struct inner_vcpu *vcpu)
{
	struct el2_vcpu *state = vcpu->state;

	if (now.vcpu == vcpu) {
		system_save(&state->system);
		now.vcpu = NULL;
	}
	return state;
}

struct aarch64_stage2_registers *el2_take_tables(struct inner_guest *guest)
{
	struct el2_guest *state = guest->state;

	if (now.guest == guest)
		now.guest = NULL;
	return &state->registers;
}

uint64_t el2_translate(struct inner_vcpu *vcpu, virt_addr address)
{
	uint64_t guests, par;

	use_vcpu(vcpu);
	write_hcr_el2(now.hcr);
	guests = read_par_el1();
	__asm__ volatile("at s12e1r, %0\n\tisb" : : "r"(address) : "memory");
	par = read_par_el1();
	write_par_el1(guests);
	write_hcr_el2(now.hcr | now.own);
	return par;
}

static void el2_flush(const struct tlb_gather *gather, void *context)
{
	const struct inner_guest *guest = context;

	if (sabotage_omits(SABOTAGE_FLUSH))
		return;
	use_guest(guest);
	write_hcr_el2(now.hcr);
	flush_table(gather, &guest->table);
	write_hcr_el2(now.hcr | now.own);
}

/* What is cached under the identifier may be of the guest that had it before. */
static bool el2_guest_create(struct inner_guest *guest, struct frame_allocator *frames)
{
	struct tlb_gather everything = { .everything = true };
	struct el2_guest *state = take_state(frames);
	struct register_refusal refusal;
	enum register_status status;

	if (!state)
		return false;
	status = aarch64_stage2_registers(mmu_cpu(), &guest->table, (uint16_t)guest->space,
					  mmu_walk(), &state->registers, &refusal);
	if (status != REGISTER_OK)
		panic("stage 2: %s.%s is %s, wanted 0x%lx, has 0x%lx", refusal.name, refusal.field,
		      register_status_text(status), refusal.wanted, refusal.has);
	guest->state = state;
	el2_flush(&everything, guest);
	return true;
}

static void el2_guest_destroy(struct inner_guest *guest, struct frame_allocator *frames)
{
	if (now.guest == guest)
		now.guest = NULL;
	give_state(frames, guest->state);
	guest->state = NULL;
}

static void own_registers(const struct page_table *own, struct aarch64_stage1_registers *registers)
{
	static const struct aarch64_walk walk;
	struct register_refusal refusal;
	enum register_status status =
		aarch64_stage1_registers(mmu_cpu(), own, NULL, 0, &walk, registers, &refusal);

	if (status != REGISTER_OK)
		panic("inner tables: %s.%s is %s", refusal.name, refusal.field,
		      register_status_text(status));
}

static uint64_t el2_own_root(const struct page_table *own)
{
	struct aarch64_stage1_registers registers;

	own_registers(own, &registers);
	return registers.ttbr0;
}

static bool el2_vcpu_create(struct inner_vcpu *vcpu, const struct inner_start *start,
			    struct frame_allocator *frames)
{
	struct el2_vcpu *state = take_state(frames);

	if (!state)
		return false;
	state->registers.pstate = PSTATE_EL1H;
	state->system.sctlr = SCTLR_OFF;
	if (start->how == INNER_PAGED) {
		struct aarch64_stage1_registers registers;

		own_registers(start->own, &registers);
		state->system.ttbr0 = registers.ttbr0;
		state->system.tcr = registers.tcr;
		state->system.mair = registers.mair;
		state->system.sctlr = SCTLR_ON | SCTLR_NO_TRAP_WFI;
		state->system.cpacr = CPACR_FP;
		state->registers.pstate = PSTATE_EL1T;
		state->registers.sp = start->stack;
	}
	vcpu->pc = start->entry;
	vcpu->arguments[0] = start->argument;
	vcpu->state = state;
	return true;
}

static void el2_vcpu_destroy(struct inner_vcpu *vcpu, struct frame_allocator *frames)
{
	if (now.vcpu == vcpu)
		now.vcpu = NULL;
	give_state(frames, vcpu->state);
	vcpu->state = NULL;
}

/* The guest's translation by its own tables of an address that it read; PAR_EL1. */
static uint64_t translate(virt_addr address)
{
	uint64_t guests = read_par_el1(), par;

	__asm__ volatile("at s1e1r, %0\n\tisb" : : "r"(address) : "memory");
	par = read_par_el1();
	write_par_el1(guests);
	return par;
}

static bool is_abort(uint64_t esr)
{
	unsigned int class = (unsigned int)(esr >> ESR_CLASS_SHIFT) & 0x3f;

	return class == CLASS_FETCH_LOWER || class == CLASS_DATA_LOWER;
}

static enum inner_reason reason_of(uint64_t vector, uint64_t esr)
{
	if (vector != 0)
		return INNER_OTHER; /* an interrupt, or SError */
	if (is_abort(esr))
		return INNER_FAULT;
	switch (esr >> ESR_CLASS_SHIFT & 0x3f) {
	case CLASS_WAIT:
		return INNER_HALT;
	case CLASS_HVC:
		return (esr & 0xffff) == 0 ? INNER_HYPERCALL : INNER_OTHER;
	default:
		return INNER_OTHER;
	}
}

static void el2_run(struct inner_vcpu *vcpu, struct inner_exit *exit)
{
	struct el2_vcpu *state = vcpu->state;
	uint64_t vector;

	use_vcpu(vcpu);
	state->registers.pc = vcpu->pc;
	memcpy(state->registers.x, vcpu->arguments, sizeof(vcpu->arguments));
	write_hcr_el2(now.hcr);
	vector = el2_enter(&state->registers);
	exit->raw[0] = read_esr_el2();
	exit->raw[1] = read_far_el2();
	exit->raw[2] = read_hpfar_el2();
	exit->raw[3] = is_abort(exit->raw[0]) ? translate(exit->raw[1]) : NO_PAR;
	write_hcr_el2(now.hcr | now.own);
	vcpu->pc = state->registers.pc;
	memcpy(vcpu->arguments, state->registers.x, sizeof(vcpu->arguments));
	exit->reason = reason_of(vector, exit->raw[0]);
}

/* HPFAR_EL2 is not written by a permission fault, unless it was the guest's own walk that met it.
 */
static struct page_fault el2_explain(const struct inner_vcpu *vcpu, const struct inner_exit *exit)
{
	struct page_fault fault;

	(void)vcpu;
	if (!aarch64_explain_stage2(exit->raw[0], exit->raw[1], exit->raw[2], &fault))
		panic("no abort: ESR_EL2 0x%lx", exit->raw[0]);
	if (fault.phys_exact == 0 && fault.virt_exact != 0 && (exit->raw[3] & PAR_FAULT) == 0) {
		fault.phys = (exit->raw[3] & PAR_ADDRESS) | (fault.virt & (PAGE_SIZE_4K - 1));
		fault.phys_exact = UINT64_MAX;
	}
	return fault;
}

static const struct inner_misconfiguration misconfigurations[] = {
	{ .name = "bits 1:0 of a page are 01", .clear = 2, .levels = 1, .cause = FAULT_NOT_MAPPED },
	{ .name = "address bit 47",
	  .set = UINT64_C(1) << 47,
	  .levels = 7,
	  .output_below = 48,
	  .cause = FAULT_ADDRESS_SIZE },
};

const struct inner_backend inner_el2 = {
	.name = "EL2",
	.present = el2_present,
	.start = el2_start,
	.guest_create = el2_guest_create,
	.guest_destroy = el2_guest_destroy,
	.vcpu_create = el2_vcpu_create,
	.vcpu_destroy = el2_vcpu_destroy,
	.run = el2_run,
	.explain = el2_explain,
	.flush = el2_flush,
	.own_root = el2_own_root,
	.misconfigurations = misconfigurations,
	.misconfiguration_count = sizeof(misconfigurations) / sizeof(misconfigurations[0]),
};

/* SPDX-License-Identifier: MIT */
/* What a VMCS is filled in with: SDM vol. 3C 24.4 to 24.8; what entries demand of it: 26.2, 26.3.
 */
#include "vmx.h"

#include "../cpu.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/sabotage.h"
#include "twofold/x86_64.h"

#define RIGHTS_CODE_64  0xa09b
#define RIGHTS_CODE_32  0xc09b
#define RIGHTS_DATA     0xc093
#define RIGHTS_TSS      0x8b
#define RIGHTS_UNUSABLE 0x10000
#define MSR_FS_BASE     UINT32_C(0xc0000100)
#define MSR_GS_BASE     UINT32_C(0xc0000101)
#define SELECTOR_INDEX  0xfff8

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

uint64_t vmx_own_cr3(const struct page_table *own)
{
	struct register_refusal refusal;
	uint64_t cr3;
	enum register_status status = x86_64_cr3(&vmx.cpu, own, 0, false, &cr3, &refusal);

	if (status != REGISTER_OK)
		panic("inner tables: %s.%s is %s", refusal.name, refusal.field,
		      register_status_text(status));
	return cr3;
}

static void write_controls(const struct inner_guest *guest)
{
	const struct vmx_guest *state = guest->state;

	vmcs_write(VMCS_PIN_CONTROLS, vmx.controls.pin);
	vmcs_write(VMCS_CPU_CONTROLS, vmx.controls.cpu);
	vmcs_write(VMCS_CPU_CONTROLS2, vmx.controls.cpu2);
	vmcs_write(VMCS_EXIT_CONTROLS, vmx.controls.exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, vmx.controls.entry);
	vmcs_write(VMCS_EXCEPTION_BITMAP, 0);
	vmcs_write(VMCS_CR3_TARGETS, 0);
	vmcs_write(VMCS_EXIT_MSR_STORES, 0);
	vmcs_write(VMCS_EXIT_MSR_LOADS, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOADS, 0);
	if (!sabotage_omits(SABOTAGE_ROOT))
		vmcs_write(VMCS_EPTP, state->eptp);
	if ((vmx.controls.cpu2 & CPU2_VPID) != 0)
		vmcs_write(VMCS_VPID, guest->space);
}

/* A segment's base in the GDT: of a system segment of 64-bit mode (vol. 3A 7.2.3). */
static uint64_t system_base(uint64_t table, uint16_t selector)
{
	const uint64_t *entry = (const uint64_t *)(uintptr_t)(table + (selector & SELECTOR_INDEX));

	return (entry[0] >> 16 & 0xffffff) | (entry[0] >> 56) << 24 | entry[1] << 32;
}

#define WRITE_SELECTOR(name, segment)                                                \
	do {                                                                         \
		uint16_t selector;                                                   \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(selector));            \
		vmcs_write(VMCS_HOST_ES + 2 * (segment), selector & SELECTOR_INDEX); \
	} while (0)

/* As it is now. An exit makes the limits of GDTR and IDTR the largest there are, which is no matter
 * here. */
static void write_host(void)
{
	struct table_register gdt, idt;
	uint16_t task;

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	__asm__ volatile("sidt %0" : "=m"(idt));
	__asm__ volatile("str %0" : "=r"(task));
	WRITE_SELECTOR(es, VMCS_ES);
	WRITE_SELECTOR(cs, VMCS_CS);
	WRITE_SELECTOR(ss, VMCS_SS);
	WRITE_SELECTOR(ds, VMCS_DS);
	WRITE_SELECTOR(fs, VMCS_FS);
	WRITE_SELECTOR(gs, VMCS_GS);
	vmcs_write(VMCS_HOST_ES + 2 * 6, task);
	vmcs_write(VMCS_HOST_CR0, read_cr0());
	vmcs_write(VMCS_HOST_CR3, read_cr3());
	vmcs_write(VMCS_HOST_CR4, read_cr4());
	vmcs_write(VMCS_HOST_EFER, read_msr(MSR_EFER));
	vmcs_write(VMCS_HOST_PAT, read_msr(MSR_PAT));
	vmcs_write(VMCS_HOST_FS_BASE, read_msr(MSR_FS_BASE));
	vmcs_write(VMCS_HOST_GS_BASE, read_msr(MSR_GS_BASE));
	vmcs_write(VMCS_HOST_TR_BASE, system_base(gdt.base, task));
	vmcs_write(VMCS_HOST_GDTR_BASE, gdt.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, idt.base);
	vmcs_write(VMCS_HOST_SYSENTER_CS, read_msr(MSR_SYSENTER_CS));
	vmcs_write(VMCS_HOST_SYSENTER_ESP, read_msr(MSR_SYSENTER_ESP));
	vmcs_write(VMCS_HOST_SYSENTER_EIP, read_msr(MSR_SYSENTER_EIP));
	vmcs_write(VMCS_HOST_RIP, (uint64_t)(uintptr_t)vmx_exited);
}

static void write_segment(enum vmcs_segment segment, uint32_t rights, uint64_t limit)
{
	vmcs_write(VMCS_GUEST_ES + 2 * segment, 0);
	vmcs_write(VMCS_GUEST_ES_BASE + 2 * segment, 0);
	vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * segment, limit);
	vmcs_write(VMCS_GUEST_ES_RIGHTS + 2 * segment, rights);
}

static void write_segments(bool wide)
{
	for (unsigned int i = VMCS_ES; i <= VMCS_GS; i++)
		write_segment((enum vmcs_segment)i, RIGHTS_DATA, UINT32_MAX);
	write_segment(VMCS_CS, wide ? RIGHTS_CODE_64 : RIGHTS_CODE_32, UINT32_MAX);
	write_segment(VMCS_LDTR, RIGHTS_UNUSABLE, 0);
	write_segment(VMCS_TR, RIGHTS_TSS, 0x67);
	for (unsigned int i = VMCS_TR + 1; i <= VMCS_TR + 2; i++) { /* GDTR, IDTR */
		vmcs_write(VMCS_GUEST_ES_BASE + 2 * i, 0);
		vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * i, 0);
	}
}

/* VMX wants CR0.NE and CR4.VMXE set; to the guest they are as it wrote them. */
static void write_modes(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	vmcs_write(VMCS_CR0_MASK, CR0_NE);
	vmcs_write(VMCS_CR0_SHADOW, cr0 & ~CR0_NE);
	vmcs_write(VMCS_GUEST_CR0, cr0 | CR0_NE);
	vmcs_write(VMCS_CR4_MASK, CR4_VMXE);
	vmcs_write(VMCS_CR4_SHADOW, cr4 & ~CR4_VMXE);
	vmcs_write(VMCS_GUEST_CR4, cr4 | CR4_VMXE);
	vmcs_write(VMCS_GUEST_EFER, efer);
}

void vmx_write_state(const struct inner_vcpu *vcpu, const struct inner_start *start)
{
	bool paged = start->how == INNER_PAGED;

	write_controls(vcpu->guest);
	write_host();
	write_segments(paged);
	if (paged)
		write_modes(read_cr0(), read_cr4(), read_msr(MSR_EFER) | EFER_LMA);
	else
		write_modes(CR0_PE | CR0_ET, 0, 0);
	vmcs_write(VMCS_GUEST_CR3, paged ? vmx_own_cr3(start->own) : 0);
	vmcs_write(VMCS_GUEST_PAT, paged ? vmx.cpu.pat : X86_64_PAT_RESET);
	vmcs_write(VMCS_GUEST_RSP, paged ? start->stack : 0);
	vmcs_write(VMCS_GUEST_RFLAGS, 2);
	vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_GUEST_DR7, 0x400);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, VMX_ACTIVE);
	if (!sabotage_omits(SABOTAGE_LINK))
		vmcs_write(VMCS_LINK, UINT64_MAX);
}

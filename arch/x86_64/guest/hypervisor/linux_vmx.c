/* SPDX-License-Identifier: MIT */
/* Linux as a guest by VMX: SDM vol. 3C 24.6, 24.7.2, 24.8.2. */
#include "linux_cpu.h"

#include "../cpu.h"
#include "guest/kernel.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "hypervisor/hypervisor.h"
#include "vmx.h"

#define MSR_MAP_WRITES \
	0x800 /* 24.6.9: of reads before; each first those from 0 on, then the rest */
#define MSR_MAP_UPPER 0x400
#define PORT_IN       (UINT64_C(1) << 3) /* qualification, table 27-5; bits 2:0: bytes - 1 */
#define PORT_STRING   (UINT64_C(1) << 4)

/* A register in the VMCS's areas, table 24-12. */
struct area_entry {
	uint32_t msr, reserved;
	uint64_t value;
};

/*
 * Those of linux_msrs that neither an entry nor an exit exchanges with fields of the VMCS are
 * exchanged by areas: the guest's, which exits store to and entries load from, and ours.
 */
static const uint32_t exchanged[] = {
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102,
};
#define EXCHANGED (sizeof(exchanged) / sizeof(exchanged[0]))

static struct {
	struct frame msr_map, guest_area, own_area;
} machine;

static bool vmx_possible(const char **why)
{
	if (hypervisor.cpu.never_bare)
		*why = "VMX without unrestricted guests, and Linux starts with its paging off";
	else if ((vmx.may_be.cpu & CPU_PORT_MAPS) == 0)
		*why = "VMX without I/O bitmaps";
	else if ((vmx.may_be.cpu & CPU_MSR_MAPS) == 0)
		*why = "VMX without MSR bitmaps";
	else if ((vmx.may_be.pin & PIN_INTERRUPTS) == 0)
		*why = "VMX without exits by interrupts";
	else
		return true;
	return false;
}

static void pass(uint8_t *map, uint32_t msr)
{
	uint32_t byte = (msr >> 31) * MSR_MAP_UPPER + (msr & 0x1fff) / 8;

	map[byte] &= (uint8_t) ~(1u << msr % 8);
	map[MSR_MAP_WRITES + byte] &= (uint8_t) ~(1u << msr % 8);
}

/* With what is in the registers now: the guest's begin with zero. */
static struct frame make_area(bool own)
{
	struct frame frame = test_frame(PAGE_SIZE_4K);
	struct area_entry *area = direct(frame.start);

	for (size_t i = 0; i < EXCHANGED; i++)
		area[i] = (struct area_entry){
			.msr = exchanged[i],
			.value = own ? read_msr(exchanged[i]) : 0,
		};
	return frame;
}

static void write_areas(void)
{
	machine.guest_area = make_area(false);
	machine.own_area = make_area(true);
	vmcs_write(VMCS_EXIT_MSR_STORE_AREA, machine.guest_area.start);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_AREA, machine.guest_area.start);
	vmcs_write(VMCS_EXIT_MSR_LOAD_AREA, machine.own_area.start);
	vmcs_write(VMCS_EXIT_MSR_STORES, EXCHANGED);
	vmcs_write(VMCS_ENTRY_MSR_LOADS, EXCHANGED);
	vmcs_write(VMCS_EXIT_MSR_LOADS, EXCHANGED);
}

static void vmx_linux_start(struct inner_vcpu *vcpu, phys_addr port_map)
{
	struct vmx_vcpu *state = vcpu->state;

	machine.msr_map = test_frame(PAGE_SIZE_4K);
	memset(frame_bytes(machine.msr_map), 0xff, PAGE_SIZE_4K);
	for (size_t i = 0; i < LINUX_MSRS; i++)
		pass(frame_bytes(machine.msr_map), linux_msrs[i]);
	vmcs_select(state);
	vmcs_write(VMCS_CPU_CONTROLS, vmx.controls.cpu | CPU_PORT_MAPS | CPU_MSR_MAPS);
	vmcs_write(VMCS_PORT_MAP_A, port_map);
	vmcs_write(VMCS_PORT_MAP_B, port_map + PAGE_SIZE_4K);
	vmcs_write(VMCS_MSR_MAP, machine.msr_map.start);
	write_areas();
	state->cpuid_exits = true;
}

static void vmx_linux_end(void)
{
	test_frame_free(machine.msr_map);
	test_frame_free(machine.guest_area);
	test_frame_free(machine.own_area);
}

static struct linux_exit vmx_look(const struct inner_vcpu *vcpu, const struct inner_exit *exit)
{
	struct vmx_vcpu *state = vcpu->state;
	struct linux_exit look = {
		.kind = LINUX_OTHER,
		.rax = &state->registers.rax,
		.rbx = &state->registers.rbx,
		.rflags = vmcs_read(VMCS_GUEST_RFLAGS),
		.cr4 = vmcs_read(VMCS_GUEST_CR4),
	};

	if (exit->raw[0] == VMX_EXIT_CPUID)
		look.kind = LINUX_CPUID;
	if (exit->raw[0] == VMX_EXIT_PORT && (exit->raw[1] & PORT_STRING) == 0) {
		look.kind = LINUX_PORT;
		look.in = (exit->raw[1] & PORT_IN) != 0;
		look.bytes = (exit->raw[1] & 7) + 1;
	}
	return look;
}

/* With exits by interrupts and none by HLT the guest is halted at the exit, and behind the HLT
 * (27.3.4); where the interrupt was there before it is not. */
static bool vmx_wait(struct inner_vcpu *vcpu, struct inner_exit *exit)
{
	uint64_t next = vcpu->pc + vmcs_read(VMCS_INSTRUCTION_LENGTH);
	uint64_t cpu = vmcs_read(VMCS_CPU_CONTROLS);

	vmcs_write(VMCS_CPU_CONTROLS, cpu & ~(uint64_t)CPU_HLT);
	vmcs_write(VMCS_PIN_CONTROLS, vmx.controls.pin | PIN_INTERRUPTS);
	vmx_run(vcpu, exit);
	vmcs_write(VMCS_CPU_CONTROLS, cpu);
	vmcs_write(VMCS_PIN_CONTROLS, vmx.controls.pin);
	if (exit->raw[0] != VMX_EXIT_INTERRUPT)
		return false;
	vcpu->pc = next;
	vmcs_write(VMCS_GUEST_ACTIVITY, VMX_ACTIVE);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	return true;
}

const struct linux_cpu linux_by_vmx = {
	.backend = &inner_vmx,
	.possible = vmx_possible,
	.start = vmx_linux_start,
	.end = vmx_linux_end,
	.look = vmx_look,
	.advance = vmx_advance,
	.wait = vmx_wait,
};

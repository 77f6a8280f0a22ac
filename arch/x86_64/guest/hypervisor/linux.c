/* SPDX-License-Identifier: MIT */
/*
 * Linux as a guest by SVM, started by the 32-bit protocol of Linux's
 * Documentation/arch/x86/boot.rst. The console, the interrupt controllers (8259) and the timer
 * (8254) of the machine are its own, and the CPU gives it their interrupts; no other port is there,
 * and nothing that could reach memory by itself. It has no local APIC by what CPUID says, and there
 * is no ACPI: it ends by an answer of its init, and then stops.
 */
#include "hypervisor/linux.h"

#include "../cpu.h"
#include "../uart.h"
#include "guest/kernel.h"
#include "guest/outside.h"
#include "guest/panic.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "svm.h"

#define RAM_SIZE       UINT64_C(0x10000000)
#define ZERO_PAGE      UINT64_C(0x7000) /* and the command line behind it */
#define COMMAND_OFFSET UINT64_C(0x1000)
#define INFORMATION    UINT64_C(0x2000)   /* bytes from ZERO_PAGE on */
#define LOW_END        UINT64_C(0x9f000)  /* no RAM from here */
#define HIGH_START     UINT64_C(0x100000) /* up to here */
#define INITRD         (RAM_SIZE / 2)

#define COMMAND_LINE "console=ttyS0 quiet panic=-1 reboot=t acpi=off cryptomgr.notests=1"

/* The setup header and the zero page: offsets of both are the same. */
#define SETUP_SECTORS        0x1f1
#define HEADER_END           0x201 /* of the header from 0x202 on, in one byte */
#define MAGIC_OFFSET         0x202
#define MAGIC                UINT32_C(0x53726448) /* "HdrS" */
#define VERSION              0x206
#define VERSION_NEEDED       0x20a /* the first with init_size, pref_address */
#define LOADER_TYPE          0x210
#define INITRD_START         0x218
#define INITRD_SIZE          0x21c
#define COMMAND_LINE_POINTER 0x228
#define PREFERRED            0x258
#define INIT_SIZE            0x260
#define E820_COUNT           0x1e8
#define E820_TABLE           0x2d0
#define E820_RAM             1
#define SECTOR               512

#define PORT_MAP_SIZE UINT64_C(0x4000) /* APM vol. 2 15.10.1, as svm.c's */
#define MSR_MAP_SIZE  UINT64_C(0x2000) /* 15.11 */
#define RFLAGS_IF     (UINT64_C(1) << 9)
#define CR4_OSXSAVE   (UINT64_C(1) << 18)
#define CPUID_LENGTH  2
#define HLT_LENGTH    1

/* The bits of CPUID that are not the guest's to see: what it has not. */
#define EDX_MCE_APIC_MTRR_MCA \
	(UINT32_C(1) << 7 | UINT32_C(1) << 9 | UINT32_C(1) << 12 | UINT32_C(1) << 14)
#define ECX_X2APIC_DEADLINE (UINT32_C(1) << 3 | UINT32_C(1) << 21 | UINT32_C(1) << 24)
#define ECX_OSXSAVE         (UINT32_C(1) << 27)
#define ECX_SVM_EXTAPIC     (UINT32_C(1) << 2 | UINT32_C(1) << 3)
#define CPUID_SVM           UINT32_C(0x8000000a)

struct port_range {
	uint16_t first, last;
};

static const struct port_range passed[] = {
	{ 0x20, 0x21 },   { 0xa0, 0xa1 }, { 0x4d0, 0x4d1 }, /* 8259 */
	{ 0x40, 0x43 },   { 0x61, 0x61 },                   /* 8254, and its gate */
	{ 0x70, 0x71 },                                     /* clock */
	{ 0x3f8, 0x3ff },                                   /* console */
};

/* SYSENTER; EFER's friends: what VMLOAD and VMSAVE exchange. */
static const uint32_t passed_msrs[] = {
	0x174,      0x175,      0x176,      0xc0000081, 0xc0000082,
	0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102,
};

static struct {
	struct frame information, ports, msrs, ones;
	bool done; /* its init says so */
} machine;

bool arch_linux_possible(const char **why)
{
	*why = "Linux is run by SVM only";
	return hypervisor.backend == &inner_svm;
}

static uint64_t get(const uint8_t *from, unsigned int offset, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, from + offset, bytes);
	return value;
}

static void put(uint8_t *to, unsigned int offset, uint64_t value, unsigned int bytes)
{
	memcpy(to + offset, &value, bytes);
}

static void put_range(uint8_t *zero_page, unsigned int index, phys_addr start, phys_addr end)
{
	put(zero_page, E820_TABLE + index * 20, start, 8);
	put(zero_page, E820_TABLE + index * 20 + 8, end - start, 8);
	put(zero_page, E820_TABLE + index * 20 + 16, E820_RAM, 4);
	put(zero_page, E820_COUNT, index + 1, 1);
}

static void write_information(const uint8_t *header, uint64_t initrd_size)
{
	uint8_t *zero_page;

	machine.information = test_frame(INFORMATION);
	zero_page = frame_bytes(machine.information);
	memset(zero_page, 0, INFORMATION);
	memcpy(zero_page + SETUP_SECTORS, header + SETUP_SECTORS,
	       MAGIC_OFFSET + header[HEADER_END] - SETUP_SECTORS);
	put(zero_page, LOADER_TYPE, 0xff, 1);
	put(zero_page, INITRD_START, INITRD, 4);
	put(zero_page, INITRD_SIZE, initrd_size, 4);
	put(zero_page, COMMAND_LINE_POINTER, ZERO_PAGE + COMMAND_OFFSET, 4);
	put_range(zero_page, 0, 0, LOW_END);
	put_range(zero_page, 1, HIGH_START, RAM_SIZE);
	memcpy(zero_page + COMMAND_OFFSET, COMMAND_LINE, sizeof(COMMAND_LINE));
}

void arch_linux_prepare(struct linux_guest *linux, const struct memory_range *image,
			const struct memory_range *initrd, struct inner_start *start)
{
	const uint8_t *header = direct(image->start);
	uint64_t size = image->end - image->start, setup;

	if (size < PAGE_SIZE_4K || get(header, MAGIC_OFFSET, 4) != MAGIC ||
	    get(header, VERSION, 2) < VERSION_NEEDED)
		panic("linux=0x%lx: there is no bzImage of protocol 2.10 or later", image->start);
	setup = (get(header, SETUP_SECTORS, 1) + 1) * SECTOR;
	start->entry = get(header, PREFERRED, 8);
	if (setup >= size || start->entry < HIGH_START || start->entry >= INITRD ||
	    get(header, INIT_SIZE, 4) > INITRD - start->entry ||
	    size - setup > INITRD - start->entry || initrd->end - initrd->start > RAM_SIZE - INITRD)
		panic("linux=0x%lx: bzImage or initramfs is too large", image->start);
	write_information(header, initrd->end - initrd->start);
	linux->ram = (struct memory_range){ 0, RAM_SIZE };
	linux->parts[0] = (struct linux_part){ start->entry, header + setup, size - setup };
	linux->parts[1] =
		(struct linux_part){ INITRD, direct(initrd->start), initrd->end - initrd->start };
	linux->parts[2] =
		(struct linux_part){ ZERO_PAGE, frame_bytes(machine.information), INFORMATION };
}

static struct frame filled(uint64_t size)
{
	struct frame frame = test_frame(size);

	memset(frame_bytes(frame), 0xff, size);
	return frame;
}

/* A bit for each port: one that is clear is the guest's. */
static void pass_ports(uint8_t *map)
{
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		for (unsigned int port = passed[i].first; port <= passed[i].last; port++)
			map[port / 8] &= (uint8_t) ~(1u << port % 8);
	}
}

/* Two bits for each MSR; those from 0xc0000000 on have theirs from 0x800 on. */
static void pass_msrs(uint8_t *map)
{
	for (size_t i = 0; i < sizeof(passed_msrs) / sizeof(passed_msrs[0]); i++) {
		uint32_t msr = passed_msrs[i];
		uint32_t bit = (msr & 0x1fff) * 2;

		map[(msr >> 31) * 0x800 + bit / 8] &= (uint8_t) ~(3u << bit % 8);
	}
}

void arch_linux_start(struct linux_guest *linux)
{
	struct svm_vmcb *vmcb = svm_vmcb(&linux->vcpu);

	machine.ports = filled(PORT_MAP_SIZE);
	machine.msrs = filled(MSR_MAP_SIZE);
	machine.ones = filled(page_size());
	machine.done = false;
	pass_ports(frame_bytes(machine.ports));
	pass_msrs(frame_bytes(machine.msrs));
	vmcb->ports = machine.ports.start;
	vmcb->msrs = machine.msrs.start;
	vmcb->intercepts[0] |= SVM_INTERCEPT_CPUID;
	linux->vcpu.arguments[1] = ZERO_PAGE; /* ESI */
}

/* Where a PC has its firmware: ones, to be read. */
bool arch_linux_device(const struct linux_guest *linux, phys_addr page, phys_addr *phys,
		       struct page_flags *flags)
{
	(void)linux;
	*phys = machine.ones.start;
	*flags = (struct page_flags){ .read = 1 };
	return page >= LOW_END && page < HIGH_START;
}

/* CPUID: the CPU's answer, but for what the guest has not, and what depends on its own CR4. */
static enum linux_state identify(struct linux_guest *linux, struct svm_vmcb *vmcb)
{
	struct svm_registers *registers = svm_registers(&linux->vcpu);
	uint32_t leaf = (uint32_t)vmcb->rax;
	struct cpuid answer = cpuid_sub(leaf, (uint32_t)linux->vcpu.arguments[3]);

	if (leaf == 1) {
		answer.edx &= ~EDX_MCE_APIC_MTRR_MCA;
		answer.ecx &= ~(ECX_X2APIC_DEADLINE | ECX_OSXSAVE);
		answer.ecx |= (vmcb->cr4 & CR4_OSXSAVE) != 0 ? ECX_OSXSAVE : 0;
	} else if (leaf == UINT32_C(0x80000001)) {
		answer.edx &= ~EDX_MCE_APIC_MTRR_MCA;
		answer.ecx &= ~ECX_SVM_EXTAPIC;
	} else if (leaf == CPUID_SVM) {
		answer = (struct cpuid){ 0 };
	}
	vmcb->rax = answer.eax;
	registers->rbx = answer.ebx;
	linux->vcpu.arguments[2] = answer.edx;
	linux->vcpu.arguments[3] = answer.ecx;
	linux->vcpu.pc += CPUID_LENGTH;
	return LINUX_RUNS;
}

/* A port that nothing is at: reads as ones. EXITINFO1: bit 0: IN, bits 6:4: bytes. */
static enum linux_state no_port(struct linux_guest *linux, struct svm_vmcb *vmcb)
{
	unsigned int bits = 8 * (vmcb->exit_info1 >> 4 & 7);
	uint64_t mask = (UINT64_C(1) << bits) - 1;

	if ((vmcb->exit_info1 & 1) != 0)
		vmcb->rax = bits == 32 ? mask : vmcb->rax | mask;
	linux->vcpu.pc = vmcb->exit_info2;
	return LINUX_RUNS;
}

/*
 * HLT. With interrupts off it is the end. Else it is made again, as the guest would have made it,
 * but that the interrupt it ends by comes to us; it stays pending, and the guest takes it next.
 */
static enum linux_state wait(struct linux_guest *linux, struct svm_vmcb *vmcb)
{
	uint64_t next = linux->vcpu.pc + HLT_LENGTH;
	uint32_t intercepts = vmcb->intercepts[0];
	struct inner_exit exit;

	if ((vmcb->rflags & RFLAGS_IF) == 0)
		return machine.done ? LINUX_OFF : LINUX_RESET;
	linux->waits++;
	vmcb->intercepts[0] = (intercepts & ~(uint32_t)SVM_INTERCEPT_HLT) | SVM_INTERCEPT_INTR;
	hypervisor.backend->run(&linux->vcpu, &exit);
	vmcb->intercepts[0] = intercepts;
	if (exit.raw[0] != SVM_EXIT_INTR) {
		complain_exit("Linux, while it waits", &linux->vcpu, &exit);
		return LINUX_LOST;
	}
	linux->vcpu.pc = next;
	vmcb->interrupt_shadow = 0;
	return LINUX_RUNS;
}

/* Its init has a hypercall, to say that all was well. */
static enum linux_state hypercall(struct linux_guest *linux)
{
	uint64_t *arguments = linux->vcpu.arguments;

	machine.done = arguments[0] == INNER_CALL_END && arguments[1] == GUEST_PASSED;
	arguments[0] = machine.done ? 0 : UINT64_MAX;
	return LINUX_RUNS;
}

enum linux_state arch_linux_exit(struct linux_guest *linux, const struct inner_exit *exit)
{
	struct svm_vmcb *vmcb = svm_vmcb(&linux->vcpu);

	if (exit->reason == INNER_HALT)
		return wait(linux, vmcb);
	if (exit->reason == INNER_SHUTDOWN)
		return LINUX_RESET; /* reboot=t */
	linux->calls++;
	if (exit->reason == INNER_HYPERCALL)
		return hypercall(linux);
	if (exit->raw[0] == SVM_EXIT_CPUID)
		return identify(linux, vmcb);
	/* Bit 2: of a string, which no driver of a port that is not there makes. */
	if (exit->raw[0] == SVM_EXIT_PORT && (exit->raw[1] & 4) == 0)
		return no_port(linux, vmcb);
	complain_exit("Linux", &linux->vcpu, exit);
	return LINUX_LOST;
}

void arch_linux_end(struct linux_guest *linux)
{
	(void)linux;
	uart_again();
	test_frame_free(machine.information);
	test_frame_free(machine.ports);
	test_frame_free(machine.msrs);
	test_frame_free(machine.ones);
}

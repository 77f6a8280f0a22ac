/* SPDX-License-Identifier: MIT */
/*
 * Linux as a guest, started by the 32-bit protocol of Linux's Documentation/arch/x86/boot.rst. The
 * console, the interrupt controllers (8259) and the timer (8254) of the machine are its own, and
 * the CPU gives it their interrupts; no other port is there, and nothing that could reach memory by
 * itself. It has no local APIC by what CPUID says, and there is no ACPI: it ends by an answer of
 * its init, and then stops. Its CPU is run by SVM or VMX: linux_cpu.h.
 */
#include "hypervisor/linux.h"

#include "../cpu.h"
#include "../uart.h"
#include "guest/kernel.h"
#include "guest/panic.h"
#include "guest/selftest.h"
#include "guest/text.h"
#include "linux_cpu.h"

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

#define ECX_XSAVE (UINT32_C(1) << 26)
#define RFLAGS_IF (UINT64_C(1) << 9)
#define MARK      UINT64_C(0x1000)

struct port_range {
	uint16_t first, last;
};

static const struct port_range passed[] = {
	{ 0x20, 0x21 },   { 0xa0, 0xa1 }, { 0x4d0, 0x4d1 }, /* 8259 */
	{ 0x40, 0x43 },   { 0x61, 0x61 },                   /* 8254, and its gate */
	{ 0x70, 0x71 },                                     /* clock */
	{ 0x3f8, 0x3ff },                                   /* console */
};

const uint32_t linux_msrs[LINUX_MSRS] = {
	0x174,      0x175,      0x176,      0xc0000081, 0xc0000082,
	0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102,
};

static struct {
	const struct linux_cpu *cpu;
	struct frame information, ports, ones;
	uint64_t own[LINUX_MSRS]; /* what we have there */
	uint64_t xcr0;            /* ours: nothing exchanges it */
	bool done;                /* its init says so */
} machine;

bool arch_linux_possible(const char **why)
{
	machine.cpu = hypervisor.backend == linux_by_svm.backend ? &linux_by_svm : &linux_by_vmx;
	return machine.cpu->possible(why);
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

static bool has_xsave(void)
{
	return (cpuid(1).ecx & ECX_XSAVE) != 0;
}

/* What of ours no guest may change: marked, since it is not used. */
static void mark_own(void)
{
	for (size_t i = 0; i < LINUX_MSRS; i++) {
		machine.own[i] = read_msr(linux_msrs[i]);
		write_msr(linux_msrs[i], MARK + i);
	}
	if (has_xsave())
		machine.xcr0 = read_xcr0();
}

static void check_own(void)
{
	for (size_t i = 0; i < LINUX_MSRS; i++) {
		expect_equal("a register that is ours, after the guest", read_msr(linux_msrs[i]),
			     MARK + i);
		write_msr(linux_msrs[i], machine.own[i]);
	}
	if (has_xsave())
		write_xcr0(machine.xcr0);
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
	mark_own();
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

void arch_linux_start(struct linux_guest *linux)
{
	machine.ports = filled(LINUX_PORT_MAP_SIZE);
	machine.ones = filled(page_size());
	machine.done = false;
	pass_ports(frame_bytes(machine.ports));
	machine.cpu->start(&linux->vcpu, machine.ports.start);
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

static void identify(struct inner_vcpu *vcpu, const struct linux_exit *look)
{
	struct cpuid answer = linux_cpuid((uint32_t)*look->rax, (uint32_t)vcpu->arguments[3],
					  (look->cr4 & CR4_OSXSAVE) != 0);

	*look->rax = answer.eax;
	*look->rbx = answer.ebx;
	vcpu->arguments[2] = answer.edx;
	vcpu->arguments[3] = answer.ecx;
	machine.cpu->advance(vcpu);
}

/* A port that nothing is at: reads as ones. */
static void no_port(struct inner_vcpu *vcpu, const struct linux_exit *look)
{
	unsigned int bits = 8 * look->bytes;
	uint64_t mask = (UINT64_C(1) << bits) - 1;

	if (look->in)
		*look->rax = bits == 32 ? mask : *look->rax | mask;
	machine.cpu->advance(vcpu);
}

/* HLT. With interrupts off it is the end. */
static enum linux_state wait(struct linux_guest *linux, const struct linux_exit *look)
{
	struct inner_exit exit;

	if ((look->rflags & RFLAGS_IF) == 0)
		return machine.done ? LINUX_OFF : LINUX_RESET;
	linux->waits++;
	if (machine.cpu->wait(&linux->vcpu, &exit))
		return LINUX_RUNS;
	complain_exit("Linux, while it waits", &linux->vcpu, &exit);
	return LINUX_LOST;
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
	struct linux_exit look = machine.cpu->look(&linux->vcpu, exit);

	if (exit->reason == INNER_HALT)
		return wait(linux, &look);
	if (exit->reason == INNER_SHUTDOWN)
		return LINUX_RESET; /* reboot=t */
	linux->calls++;
	if (exit->reason == INNER_HYPERCALL)
		return hypercall(linux);
	if (look.kind == LINUX_CPUID) {
		identify(&linux->vcpu, &look);
		return LINUX_RUNS;
	}
	/* No driver of a port that is not there moves strings to it. */
	if (look.kind == LINUX_PORT) {
		no_port(&linux->vcpu, &look);
		return LINUX_RUNS;
	}
	complain_exit("Linux", &linux->vcpu, exit);
	return LINUX_LOST;
}

void arch_linux_end(struct linux_guest *linux)
{
	(void)linux;
	uart_again();
	check_own();
	machine.cpu->end();
	test_frame_free(machine.information);
	test_frame_free(machine.ports);
	test_frame_free(machine.ones);
}

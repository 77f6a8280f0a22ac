/* SPDX-License-Identifier: MIT */
/* An x86_64 vCPU: its registers at the PVH entry, its CPUID, its own exits. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch.h"
#include "board.h"

#define CPUID_ENTRIES 256
#define CR0_PROTECTED 0x1
#define CR0_ET        0x10
#define RFLAGS_FIXED  0x2
#define RFLAGS_IF     0x200

/* CPUID: which bits are this vCPU's and not the host CPU's that KVM happened to ask. */
static void adjust_cpuid(struct kvm_cpuid_entry2 *entry)
{
	switch (entry->function) {
	case 1:
		/* APIC id 0 of 1 logical processor; "a hypervisor is present" */
		entry->ebx = (entry->ebx & 0x0000ffff) | 1u << 16;
		entry->ecx |= 1u << 31;
		break;
	case 0xb:
	case 0x1f:
		entry->edx = 0; /* x2APIC id */
		break;
	default:
		break;
	}
}

static bool set_cpuid(struct machine *machine, struct failure *failure)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	bool good;

	if (!cpuid)
		return fail(failure, STATUS_HOST, "out of memory");
	cpuid->nent = CPUID_ENTRIES;
	good = ioctl(machine->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) == 0;
	for (uint32_t i = 0; good && i < cpuid->nent; i++)
		adjust_cpuid(&cpuid->entries[i]);
	good = good && ioctl(machine->vcpu_fd, KVM_SET_CPUID2, cpuid) == 0;
	if (!good)
		(void)fail(failure, STATUS_HOST, "KVM refused the vCPU's CPUID: %s",
			   strerror(errno));
	free(cpuid);
	return good;
}

static struct kvm_segment flat_segment(uint8_t type, uint16_t selector)
{
	return (struct kvm_segment){ .base = 0,
				     .limit = 0xffffffff,
				     .selector = selector,
				     .type = type,
				     .present = 1,
				     .db = 1,
				     .s = 1,
				     .g = 1 };
}

/* 32-bit protected mode, flat, paging and interrupts off; the guest has no descriptor table yet. */
static bool set_system_registers(struct machine *machine, struct failure *failure)
{
	struct kvm_sregs sregs;

	if (ioctl(machine->vcpu_fd, KVM_GET_SREGS, &sregs) != 0)
		return fail(failure, STATUS_HOST, "KVM did not give the vCPU's registers: %s",
			    strerror(errno));
	sregs.cs = flat_segment(0xb, 0x08);
	sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = flat_segment(0x3, 0x10);
	sregs.tr = (struct kvm_segment){ .limit = 0x67, .type = 0xb, .present = 1 };
	sregs.ldt = (struct kvm_segment){ .type = 0x2, .unusable = 1 };
	sregs.gdt = (struct kvm_dtable){ .base = 0 };
	sregs.idt = (struct kvm_dtable){ .base = 0 };
	sregs.cr0 = CR0_PROTECTED | CR0_ET;
	sregs.cr3 = sregs.cr4 = sregs.efer = 0;
	if (ioctl(machine->vcpu_fd, KVM_SET_SREGS, &sregs) != 0)
		return fail(failure, STATUS_HOST, "KVM refused the vCPU's system registers: %s",
			    strerror(errno));
	return true;
}

static bool set_registers(struct machine *machine, const struct kernel *kernel,
			  struct failure *failure)
{
	struct kvm_regs regs = { .rip = kernel->entry,
				 .rbx = machine->boot_info,
				 .rflags = RFLAGS_FIXED };

	if (ioctl(machine->vcpu_fd, KVM_SET_REGS, &regs) != 0)
		return fail(failure, STATUS_HOST, "KVM refused the vCPU's registers: %s",
			    strerror(errno));
	return true;
}

bool arch_vcpu_init(struct machine *machine, const struct kernel *kernel, struct failure *failure)
{
	return set_cpuid(machine, failure) && set_system_registers(machine, failure) &&
	       set_registers(machine, kernel, failure);
}

static void triple_fault(struct machine *machine)
{
	char where[512];

	arch_vcpu_where(machine, where, sizeof(where));
	machine_end(machine, STATUS_FAULT, "triple-fault", "triple fault%s%s", where[0] ? "; " : "",
		    where);
}

bool arch_vcpu_exit(struct machine *machine)
{
	switch (machine->run->exit_reason) {
	case KVM_EXIT_IO:
		board_port_io(machine);
		return true;
	case KVM_EXIT_SHUTDOWN:
		triple_fault(machine);
		return true;
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_IOAPIC_EOI:
		/* Split controllers tell what the part in the kernel did; nothing waits for it. */
		return true;
	default:
		return false;
	}
}

/* The instruction at RIP as KVM saw it, or else as it is in memory now. Returns how many bytes. */
static unsigned int instruction_bytes(struct machine *machine, uint64_t rip, uint8_t bytes[15])
{
	struct kvm_translation translation = { .linear_address = rip };
	struct guest_fault fault;
	unsigned int count;

	if (machine->run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    machine->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION &&
	    machine->run->emulation_failure.ndata >= 3 &&
	    (machine->run->emulation_failure.flags &
	     KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
		count = machine->run->emulation_failure.insn_size;
		if (count > 15)
			count = 15;
		memcpy(bytes, machine->run->emulation_failure.insn_bytes, count);
		return count;
	}
	if (ioctl(machine->vcpu_fd, KVM_TRANSLATE, &translation) != 0 || !translation.valid)
		return 0;
	/* The page's rest: what follows may be elsewhere in memory. */
	count = (unsigned int)(GUEST_PAGE - (rip & (GUEST_PAGE - 1)));
	if (count > 15)
		count = 15;
	if (!guest_memory_read(&machine->memory, translation.physical_address, bytes, count,
			       &fault))
		return 0;
	return count;
}

void arch_vcpu_where(struct machine *machine, char *text, size_t size)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint8_t bytes[15];
	unsigned int count;
	size_t used;

	text[0] = '\0';
	if (ioctl(machine->vcpu_fd, KVM_GET_REGS, &regs) != 0 ||
	    ioctl(machine->vcpu_fd, KVM_GET_SREGS, &sregs) != 0)
		return;
	/* Linear: in protected mode a code segment may have a base. */
	count = instruction_bytes(machine, sregs.cs.base + regs.rip, bytes);
	(void)snprintf(text, size,
		       "interrupts %s, RIP 0x%llx, CR0 0x%llx, CR2 0x%llx, CR3 0x%llx, instruction",
		       regs.rflags & RFLAGS_IF ? "on" : "off", regs.rip, sregs.cr0, sregs.cr2,
		       sregs.cr3);
	for (unsigned int i = 0; i < count; i++) {
		used = strlen(text);
		(void)snprintf(text + used, size - used, " %02x", bytes[i]);
	}
	used = strlen(text);
	(void)snprintf(text + used, size - used, "%s (%s)", count ? "" : " unreadable",
		       arch_kvm_flavour());
}

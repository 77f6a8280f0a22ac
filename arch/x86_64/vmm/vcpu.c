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

/* How many bits tell so many vCPUs apart. */
static unsigned int id_bits(unsigned int vcpus)
{
	unsigned int bits = 0;

	while (1u << bits < vcpus)
		bits++;
	return bits;
}

/* Leaves 0xb and 0x1f: a thread in each core, all cores in the package (SDM vol. 3A 9.9.1). */
static void describe_level(struct kvm_cpuid_entry2 *entry, unsigned int id, unsigned int vcpus)
{
	const uint32_t level_types[] = { 1, 2 }; /* threads, cores */

	entry->eax = entry->index == 1 ? id_bits(vcpus) : 0;
	entry->ebx = entry->index == 0 ? 1 : entry->index == 1 ? vcpus : 0;
	entry->ecx = entry->index | (entry->index < 2 ? level_types[entry->index] << 8 : 0);
	entry->edx = id; /* x2APIC id */
}

/* Leaf 4: who shares a cache, and how many cores the package has. */
static void describe_cache(struct kvm_cpuid_entry2 *entry, unsigned int vcpus)
{
	uint32_t cores = (1u << id_bits(vcpus)) - 1;
	uint32_t level = entry->eax >> 5 & 7;

	if ((entry->eax & 0x1f) == 0)
		return;
	entry->eax &= 0x3fff;
	entry->eax |= (cores < 63 ? cores : 63) << 26 | (level > 2 ? cores : 0) << 14;
}

/* CPUID: which bits are this vCPU's and not the host CPU's that KVM happened to ask. */
static void adjust_cpuid(struct kvm_cpuid_entry2 *entry, unsigned int id, unsigned int vcpus)
{
	switch (entry->function) {
	case 1:
		/* APIC id, logical processors; "a hypervisor is present" */
		entry->ebx = (entry->ebx & 0x0000ffff) | id << 24 | vcpus << 16;
		entry->ecx |= 1u << 31;
		if (vcpus > 1)
			entry->edx |= 1u << 28; /* that number means something */
		break;
	case 4:
		describe_cache(entry, vcpus);
		break;
	case 0xb:
	case 0x1f:
		describe_level(entry, id, vcpus);
		break;
	case 0x80000008:
		/* AMD: width of a core's id, and cores less one */
		entry->ecx = (entry->ecx & ~0xf0ffu) | id_bits(vcpus) << 12 | (vcpus - 1);
		break;
	case 0x8000001e:
		/* AMD: x2APIC id, core, one thread in it; one node */
		entry->eax = id;
		entry->ebx = id;
		entry->ecx = 0;
		break;
	default:
		break;
	}
}

static bool set_cpuid(struct vcpu *vcpu, struct failure *failure)
{
	struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	bool good;

	if (!cpuid)
		return fail(failure, STATUS_HOST, "out of memory");
	cpuid->nent = CPUID_ENTRIES;
	good = ioctl(vcpu->machine->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) == 0;
	for (uint32_t i = 0; good && i < cpuid->nent; i++)
		adjust_cpuid(&cpuid->entries[i], vcpu->index, vcpu->machine->vcpus.count);
	good = good && ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) == 0;
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
static bool set_system_registers(struct vcpu *vcpu, struct failure *failure)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) != 0)
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
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) != 0)
		return fail(failure, STATUS_HOST, "KVM refused the vCPU's system registers: %s",
			    strerror(errno));
	return true;
}

static bool set_registers(struct vcpu *vcpu, const struct kernel *kernel, struct failure *failure)
{
	struct kvm_regs regs = { .rip = kernel->entry,
				 .rbx = vcpu->machine->boot_info,
				 .rflags = RFLAGS_FIXED };

	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) != 0)
		return fail(failure, STATUS_HOST, "KVM refused the vCPU's registers: %s",
			    strerror(errno));
	return true;
}

/* All but the first wait for INIT and SIPI, as KVM makes them where it has the local APICs. */
bool arch_vcpu_init(struct vcpu *vcpu, const struct kernel *kernel, struct failure *failure)
{
	if (!set_cpuid(vcpu, failure))
		return false;
	return vcpu->index != 0 ||
	       (set_system_registers(vcpu, failure) && set_registers(vcpu, kernel, failure));
}

bool arch_vcpus_ready(struct machine *machine, struct failure *failure)
{
	(void)machine;
	(void)failure;
	return true;
}

static void triple_fault(struct vcpu *vcpu)
{
	char where[512];

	arch_vcpu_where(vcpu, where, sizeof(where));
	machine_end(vcpu->machine, STATUS_FAULT, "triple-fault", "triple fault%s%s",
		    where[0] ? "; " : "", where);
}

bool arch_vcpu_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		board_port_io(vcpu);
		return true;
	case KVM_EXIT_SHUTDOWN:
		triple_fault(vcpu);
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
static unsigned int instruction_bytes(struct vcpu *vcpu, uint64_t rip, uint8_t bytes[15])
{
	struct kvm_translation translation = { .linear_address = rip };
	struct guest_fault fault;
	unsigned int count;

	if (vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    vcpu->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION &&
	    vcpu->run->emulation_failure.ndata >= 3 &&
	    (vcpu->run->emulation_failure.flags &
	     KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
		count = vcpu->run->emulation_failure.insn_size;
		if (count > 15)
			count = 15;
		memcpy(bytes, vcpu->run->emulation_failure.insn_bytes, count);
		return count;
	}
	if (ioctl(vcpu->fd, KVM_TRANSLATE, &translation) != 0 || !translation.valid)
		return 0;
	/* The page's rest: what follows may be elsewhere in memory. */
	count = (unsigned int)(GUEST_PAGE - (rip & (GUEST_PAGE - 1)));
	if (count > 15)
		count = 15;
	if (!guest_memory_read(&vcpu->machine->memory, translation.physical_address, bytes, count,
			       &fault))
		return 0;
	return count;
}

void arch_vcpu_where(struct vcpu *vcpu, char *text, size_t size)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint8_t bytes[15];
	unsigned int count;
	size_t used;

	text[0] = '\0';
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) != 0 ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) != 0)
		return;
	/* Linear: in protected mode a code segment may have a base. */
	count = instruction_bytes(vcpu, sregs.cs.base + regs.rip, bytes);
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

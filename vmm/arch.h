/* SPDX-License-Identifier: MIT */
/* What each architecture supplies (arch/<isa>/vmm), and all that common code knows of it. */
#ifndef VMM_ARCH_H
#define VMM_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <twofold/page_table.h>

#include "failure.h"

#include "config.h"

struct machine;
struct vcpu;
struct kernel;

/* Where this architecture's machine differs from the others' in what a configuration says. */
struct arch_board {
	enum irqchip irqchip; /* of one vCPU, if none is asked for */
	unsigned int vcpus_max;
	uint64_t debug_exit_iobase;   /* if none is asked for */
	uint64_t debug_exit_last;     /* highest address that the register can have */
	const char *debug_exit_units; /* what one counts there: ports, bytes */
};
extern const struct arch_board arch_board;

/* Refuse what a configuration can say and this architecture does not have. */
bool arch_has_irqchip(enum irqchip irqchip, struct failure *failure);
bool arch_has_device_tree(struct failure *failure);

/* How many bits a guest-physical address has; kvm_fd is -1 if there is no KVM to ask. */
uint8_t arch_address_bits(int kvm_fd);

/* The format of the guest memory's table and its widths; `access` is the caller's. */
void arch_guest_memory_format(struct page_table_config *config, uint8_t address_bits);

/* Where the register of --memory-control is. */
uint64_t arch_memory_control(void);

/* Where `size` bytes of RAM go, from the lowest address up. Returns how many ranges. */
#define ARCH_RAM_RANGES 2
struct arch_ram {
	uint64_t base;
	uint64_t size;
};
unsigned int arch_ram_ranges(uint64_t size, struct arch_ram ranges[ARCH_RAM_RANGES]);

/*
 * The image formats that this architecture boots. Checks all of `bytes` without a machine, so that
 * a bad image is reported where there is no KVM too.
 */
bool arch_kernel_parse(struct kernel *kernel, const void *bytes, size_t length,
		       struct failure *failure);

/*
 * Puts what the kernel is told at its start (command line, memory map, initrd) into memory; writes
 * the device tree to a file, if that is wanted. The kernel may be one without an image.
 */
bool arch_boot_data(struct machine *machine, const struct kernel *kernel, struct failure *failure);

/* [*start, *start + *size) is taken by arch_boot_data. false: that takes what is free. */
bool arch_boot_area(uint64_t *start, uint64_t *size);

/* Places an initrd should not pass: it ends at or below the one and is not below the other. */
void arch_initrd_window(const struct config *config, uint64_t *lowest, uint64_t *end);

/* What KVM_CREATE_VM is given. */
unsigned long arch_vm_type(int kvm_fd);

/* After KVM_CREATE_VM, before there is memory or any vCPU. */
bool arch_vm_init(struct machine *machine, struct failure *failure);
/* The devices of the board, on the machine's buses. */
bool arch_devices_init(struct machine *machine, struct failure *failure);
/* Input for the console's device: takes as much as there is room for, returns how much. */
size_t arch_console_input(struct machine *machine, const uint8_t *bytes, size_t count);
/* After all of KVM_CREATE_VCPU, for each: the first has the registers that `kernel` wants at its
 * entry, the others wait to be started by it. */
bool arch_vcpu_init(struct vcpu *vcpu, const struct kernel *kernel, struct failure *failure);
/* After that, once. */
bool arch_vcpus_ready(struct machine *machine, struct failure *failure);

/* An exit that is the architecture's own. false: not mine either. */
bool arch_vcpu_exit(struct vcpu *vcpu);

/* One line on where the vCPU is, for a message about its end; "" if KVM cannot say. */
void arch_vcpu_where(struct vcpu *vcpu, char *text, size_t size);

/* Whether this machine's KVM runs guests by an interpreter; and a few words on what it is. */
bool arch_kvm_interprets(void);
const char *arch_kvm_flavour(void);

/* `vmm doctor`: the part on this architecture. kvm_fd is -1 if there is no KVM. */
void arch_doctor(int kvm_fd);
/* ... and what to do where there is no KVM. */
void arch_doctor_no_kvm(void);

#endif

/* SPDX-License-Identifier: MIT */
/* One virtual machine: what it is made of, and how its run ends. */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "config.h"
#include "console.h"
#include "debug_exit.h"
#include "dirty_log.h"
#include "failure.h"
#include "guest_memory.h"
#include "kernel.h"
#include "memory_control.h"
#include "memory_slots.h"
#include "stats.h"
#include "vcpu.h"

struct supervisor;

/* Nothing but the end of the run makes `ending` true; who sets it first decides how it ends. */
struct ending {
	atomic_bool decided; /* somebody has the right to fill in the rest */
	atomic_bool done;    /* ... and has done so */
	int status;          /* enum exit_status, or a debug-exit status */
	int signal;          /* die of this instead, if not 0 */
	const char *name;    /* for statistics */
	char text[1024];     /* for stderr; "" says nothing */
};

struct machine {
	const struct config *config;
	int kvm_fd, vm_fd;
	struct vcpus vcpus;
	struct guest_memory memory;
	struct memory_slots slots;
	struct dirty_log dirty_log;
	struct bus io, mmio;
	struct console console;
	struct debug_exit debug_exit;
	struct memory_control memory_control;
	uint64_t boot_info; /* where arch_boot_data put what the kernel is pointed to */
	bool rom_write_reported;
	struct supervisor *supervisor; /* while it runs */
	struct ending ending;
	struct stats stats;
};

/* Shape and memory of a machine that will not run, on the KVM that it would have if there is one.
 * After a failure too, machine_destroy cleans up. */
bool machine_describe(struct machine *machine, const struct config *config,
		      struct failure *failure);

/* Everything up to the first instruction. After a failure too, machine_destroy cleans up. */
bool machine_init(struct machine *machine, const struct config *config, struct kernel *kernel,
		  struct failure *failure);
void machine_destroy(struct machine *machine);

/* Runs the guest until something ends it; machine->ending says what. */
bool machine_run(struct machine *machine, struct failure *failure);

/*
 * Ends the run: the first call counts, later ones are ignored. Any thread may call it; vCPUs notice
 * when they next leave the guest, which the supervisor sees to once it knows.
 */
void machine_end(struct machine *machine, int status, const char *name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same, to die of a signal. */
void machine_end_by_signal(struct machine *machine, int signal);
bool machine_ending(const struct machine *machine);

#endif

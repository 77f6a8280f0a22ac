/* SPDX-License-Identifier: MIT */
/*
 * The vCPUs, each with a thread; the first has the main one. All that happens outside the guest
 * (devices, console, memory, statistics) happens under one lock, so that nothing there knows that
 * there are several.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "failure.h"

/* How soon a kick that found nobody is repeated. */
#define KICK_AGAIN_MS 10

struct machine;
struct kernel;

struct vcpu {
	struct machine *machine;
	unsigned int index; /* also KVM's: the APIC id */
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	atomic_bool has_thread; /* there is somebody to kick */
	bool inside;            /* it may be in the guest; changed under the lock */
};

struct vcpus {
	struct vcpu *all;
	unsigned int count;
	size_t run_size;
	pthread_mutex_t lock;
	/* With the lock: somebody left the guest, or the loop, or a standstill is over. */
	pthread_cond_t moved;
	unsigned int running; /* loops, besides the first one's */
	bool still;           /* nobody enters the guest, or acts on why it left */
};

/* After a failure too, vcpus_destroy cleans up. */
bool vcpus_init(struct vcpus *vcpus, struct machine *machine, const struct kernel *kernel,
		struct failure *failure);
void vcpus_destroy(struct vcpus *vcpus);

/* Runs all of them, until machine_ending() and each has noticed. */
void vcpus_run(struct vcpus *vcpus);
/* After vcpus_run, when nobody kicks any more. */
void vcpus_join(struct vcpus *vcpus);

/* Once, before the first kick. */
void vcpus_catch_kicks(void);
/* Gets each vCPU out of the guest, or out of a system call, once. Any thread may call it. */
void vcpus_kick(struct vcpus *vcpus);

/* For a vCPU that acts on an exit: when this returns no other is in the guest or enters it, until
 * vcpus_go_on. */
void vcpus_stand_still(struct vcpus *vcpus);
void vcpus_go_on(struct vcpus *vcpus);

#endif

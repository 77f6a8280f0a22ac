/* SPDX-License-Identifier: MIT */
/*
 * KVM's memory slots, derived from the guest memory's table: each run of it (memory_runs.h) is one
 * slot, or some if it is larger than KVM takes. When the table has changed the slots follow, by the
 * fewest calls: a slot that is still a run is left alone, and since KVM lets no slot change its
 * size or its right to be written, the others are deleted and made again. vCPUs must be out of
 * KVM_RUN meanwhile.
 */
#ifndef VMM_MEMORY_SLOTS_H
#define VMM_MEMORY_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest_memory.h"
#include "vmm/memory_control.h"

#define MEMORY_SLOTS_MAX MEMORY_CONTROL_PIECES

struct memory_slot {
	struct memory_run run;
	uint32_t number; /* KVM's */
};

struct memory_slots {
	int vm_fd;
	/* ioctl, but for tests. */
	int (*call)(int fd, unsigned long request, void *argument);
	bool log;           /* KVM notes the pages that vCPUs write to */
	bool clear_by_hand; /* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: reading the log leaves it as it is
			     */
	struct memory_slot slots[MEMORY_SLOTS_MAX]; /* ascending by address */
	uint32_t count;
	uint32_t limit; /* of this KVM, at most MEMORY_SLOTS_MAX */
};

/* No slots yet. */
void memory_slots_init(struct memory_slots *slots, int vm_fd, bool log);

enum slots_result {
	SLOTS_DONE,
	SLOTS_REFUSED, /* KVM has the slots that it had, and its log is not lost */
	SLOTS_LOST,    /* it did not take back what it had: the machine cannot go on */
};

/* Makes KVM's slots what the table says. What was in the log of a slot that goes is then in the
 * table. *failure says what was refused. */
enum slots_result memory_slots_update(struct memory_slots *slots, struct guest_memory *memory,
				      struct failure *failure);

/* Takes KVM's dirty log over into the table; afterwards KVM's is empty. */
bool memory_slots_take_log(struct memory_slots *slots, struct guest_memory *memory,
			   struct failure *failure);

#endif

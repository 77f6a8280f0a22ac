/* SPDX-License-Identifier: MIT */
/* What the checks of mode=hypervisor share: guests, their memory, and what is counted. */
#ifndef GUEST_HYPERVISOR_H
#define GUEST_HYPERVISOR_H

#include "guest/check.h"
#include "guest/inner.h"

struct hypervisor {
	const struct inner_backend *backend;
	struct inner_cpu cpu;
	uint32_t spaces_in_use; /* bit n: identifier n + 1 is some guest's */
};

extern struct hypervisor hypervisor;

/* Picks the backend; panics with each one's reason if there is none. Before the plan. */
void hypervisor_choose(void);
/* Switches it on. */
void hypervisor_start(void);

/* Hands over to guest/check.h all checks of mode=hypervisor; with faults=ROUNDS only that. */
void hypervisor_use_checks(void);

extern const struct check_list hypervisor_own_checks;
extern const struct check_list hypervisor_probe_checks, hypervisor_itself_checks;
extern const struct check_list hypervisor_itself_log_checks;
extern const struct check_list hypervisor_change_checks, hypervisor_sharing_checks;
extern const struct check_list hypervisor_isolation_checks, hypervisor_linux_checks;
extern const struct check_list hypervisor_fault_checks;
/* The architecture's: what only its second stages have. May be empty. */
extern const struct check_list arch_hypervisor_checks;

/* A guest with an empty second stage, `leaf_sizes` of it (0: all). Panics where frames lack. */
void guest_create(struct inner_guest *guest, uint64_t leaf_sizes);
void guest_destroy(struct inner_guest *guest);

/* Second-stage operations with everything allowed, that flush before they return. guest_map uses
 * leaves of one size, or with 0 the largest. */
enum paging_status guest_map(struct inner_guest *guest, phys_addr inner, phys_addr phys,
			     uint64_t size, struct page_flags flags, uint64_t leaf);
/* The same, and what is mapped there gives way. */
enum paging_status guest_replace(struct inner_guest *guest, phys_addr inner, phys_addr phys,
				 uint64_t size, struct page_flags flags);
enum paging_status guest_unmap(struct inner_guest *guest, phys_addr inner, uint64_t size);
enum paging_status guest_protect(struct inner_guest *guest, phys_addr inner, uint64_t size,
				 struct page_flags flags);
enum paging_status guest_write_protect(struct inner_guest *guest, phys_addr inner, uint64_t size);
enum paging_status guest_split(struct inner_guest *guest, phys_addr inner, uint64_t size,
			       uint64_t leaf);
enum paging_status guest_collapse(struct inner_guest *guest, phys_addr inner, uint64_t size);
enum paging_status guest_harvest(struct inner_guest *guest, phys_addr inner, uint64_t size,
				 unsigned int marks, page_visitor visitor, void *context);

/* The CPU has forgotten all that it cached of the guest's second stage. */
void guest_forget(struct inner_guest *guest);

/* Says what an exit that nobody expected was. */
void complain_exit(const char *what, const struct inner_vcpu *vcpu, const struct inner_exit *exit);

#endif

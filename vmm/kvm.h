/* SPDX-License-Identifier: MIT */
/* The door to KVM. */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include "failure.h"

#define KVM_DEVICE "/dev/kvm"

/* An open KVM device that has what this VMM needs, or -1. */
int kvm_open(const char *path, struct failure *failure);

int kvm_create_vm(int kvm_fd, struct failure *failure);

/* KVM_CHECK_EXTENSION; 0 if it has none. */
int kvm_capability(int fd, unsigned long capability);

#endif

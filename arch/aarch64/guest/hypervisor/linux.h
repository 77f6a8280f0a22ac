/* SPDX-License-Identifier: MIT */
#ifndef ARCH_AARCH64_GUEST_LINUX_H
#define ARCH_AARCH64_GUEST_LINUX_H

#include <stdbool.h>

/* linux=START+SIZE, initrd=START+SIZE: memory that a loader has left them in, which is reserved by
 * this. False for any other key. */
bool linux_option(const char *key, const char *value);

#endif

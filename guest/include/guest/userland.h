/* SPDX-License-Identifier: MIT */
/* The page of the image's text that user code may run, at its own address. */
#ifndef GUEST_USERLAND_H
#define GUEST_USERLAND_H

#include "twofold/address.h"

/* Maps it, if there can be user code. */
void userland_start(void);

/* Where user code finds what lies at `text` in the image's user part. */
virt_addr userland_address(const void *text);

#endif

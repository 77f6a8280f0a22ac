/* SPDX-License-Identifier: MIT */
/* What all ways of running a guest share on x86_64. */
#include "guest/inner.h"

#include "svm.h"

#define JMP_RBX_FIRST  0xff
#define JMP_RBX_SECOND 0xe3

const struct inner_backend *const inner_backends[] = { &inner_svm, NULL };

/* probe_guest.S has left the way back in RBX. */
void inner_landing_write(void *where)
{
	volatile uint8_t *bytes = where;

	bytes[0] = JMP_RBX_FIRST;
	bytes[1] = JMP_RBX_SECOND;
}

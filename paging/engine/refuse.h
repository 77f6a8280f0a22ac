/* SPDX-License-Identifier: MIT */
/* How the register helpers say no. */
#ifndef PAGING_ENGINE_REFUSE_H
#define PAGING_ENGINE_REFUSE_H

#include <stddef.h>

#include "twofold/register_status.h"

/* Returns the status; `refusal` may be NULL. */
static inline enum register_status refuse(struct register_refusal *refusal,
					  enum register_status status, const char *name,
					  const char *field, uint64_t wanted, uint64_t has)
{
	if (refusal != NULL) {
		refusal->name = name;
		refusal->field = field;
		refusal->wanted = wanted;
		refusal->has = has;
	}
	return status;
}

#endif

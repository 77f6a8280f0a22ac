/* SPDX-License-Identifier: MIT */
/*
 * Running out of memory at each single allocation of an operation: atomic, nothing has changed and
 * every frame is back; resumable, exactly `done` bytes are done and a retry does the rest.
 */
#ifndef TESTS_SHORTAGE_H
#define TESTS_SHORTAGE_H

#include "world.h"

/* An operation that the model does not know. */
struct shortage_way {
	/* `op` is filled in but for what the operation has of its own, and gets the results. */
	enum paging_status (*call)(struct world *world, const struct model_op *what,
				   struct page_table_op *op);
	/* What the first `bytes` of it come to. */
	void (*apply)(struct model *model, const struct model_op *what, uint64_t bytes);
};

/* An operation, on a table that holds the mappings of a preparation. */
struct shortage {
	struct model_op before[3]; /* size 0: none */
	struct model_op op;
	const struct shortage_way *way; /* NULL: op is what the model knows */
	bool live;                      /* with a gather that flushes */
};

/* Lets it fail at every allocation, of which there are `at_least` so many: alone and with all that
 * follow; in a way of its own or in a parallel table, alone, or with all that follow if live. */
void shortage_in_mode(const struct format_case *format, const struct shortage *shortage,
		      uint32_t mode, uint64_t at_least);
/* All or nothing, and resumable if there is such a thing. */
void shortage_in_every_mode(const struct format_case *format, const struct shortage *shortage,
			    uint64_t at_least);

#endif

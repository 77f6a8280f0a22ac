/* SPDX-License-Identifier: MIT */
/*
 * A trial: a table, and one operation after the other on it as the dice fall, each checked against
 * the model. The random tests and the fuzz target are both made of these.
 */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include "dice.h"
#include "flush_watch.h"
#include "world.h"

struct trial {
	struct world world;
	struct dice dice;
	struct flush_watch watch;
};

/* One that the model knows, with whatever circumstances: failing memory, any gather. */
void trial_operation(struct trial *trial);
/* An operation with other rules: replace, write-protect, split, collapse, harvest.
 */
void trial_reshape(struct trial *trial);
/* A cursor that is opened somewhere, some calls of it, and its end. */
void trial_cursor(struct trial *trial);
/* A batch of pages that are mapped, and one that is translated. */
void trial_batch(struct trial *trial);
/* Queries, at addresses of any kind. */
void trial_queries(struct trial *trial);

/* The parts of an operation. */
virt_addr trial_virt(struct trial *trial);
uint64_t trial_size(struct trial *trial);
phys_addr trial_phys(struct trial *trial, virt_addr virt);
struct page_flags trial_flags(struct trial *trial);
/* A mode that every operation has, with PAGING_TELL at times. */
uint32_t trial_mode(struct trial *trial, bool may_tell);
/* Makes it a part of a large leaf, if there is one: what splits. */
void trial_aim_at_a_part(struct trial *trial, struct model_op *what);

/* An operation that would add more leaves than this takes too long to check. */
#define TRIAL_COST_MAX 700

#endif

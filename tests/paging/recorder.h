/* SPDX-License-Identifier: MIT */
/*
 * What walkers make of some addresses after every single store of an operation: each translates as
 * before or as afterwards, never to anything half made, and never back again.
 */
#ifndef TESTS_RECORDER_H
#define TESTS_RECORDER_H

#include "world.h"

#define RECORDER_PROBES 48

/* The addresses that are looked at. */
struct recorder_probes {
	virt_addr virt[RECORDER_PROBES];
	size_t count;
};

/* Borders and insides of the range at every scale, and of what is mapped already. */
void recorder_choose(struct recorder_probes *probes, const struct world *world, virt_addr virt,
		     uint64_t size);

struct recorder_call {
	enum paging_status (*call)(void *context);
	void *context;
	bool breaks; /* it may make an entry invalid on the way to something else */
};

struct recording {
	enum paging_status status;
	uint64_t stores; /* that a walker may see */
	size_t states;   /* that differ; 1: nothing ever showed */
};

/* Makes the call with every store watched. */
struct recording recorder_watch(struct world *world, const struct recorder_probes *probes,
				const struct recorder_call *call);

#endif

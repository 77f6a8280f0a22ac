/* SPDX-License-Identifier: MIT */
/* The command line: words of the form key=value. A word that is not known ends the run. */
#ifndef GUEST_OPTIONS_H
#define GUEST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define FAULT_ROUNDS_MAX 100000

struct guest_options {
	bool dump;        /* dump=1: print the kernel's tables */
	bool hypervisor;  /* mode=hypervisor: run guests of its own, in place of the self-test */
	bool hypercalls;  /* hypercalls=1: console and verdict are the hypervisor's (outside.h) */
	bool touch;       /* touch=1: read a byte of each page of RAM first */
	uint64_t faults;  /* faults=ROUNDS: in place of the checks, measure faults (faults.c); 0: no
			   */
	const char *test; /* test=PREFIX: only checks whose name begins so (_ stands for a space) */
};

extern struct guest_options guest_options;

/* Cuts the line into words in place; values point into it. */
void options_parse(char *command_line);

#endif

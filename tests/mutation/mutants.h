/* SPDX-License-Identifier: MIT */
/* Included before each source of a library that has many mutants (together.py). */
#ifndef TESTS_MUTANTS_H
#define TESTS_MUTANTS_H

/* Which one is there now; 0: none. A byte for each that the program has come upon. */
extern unsigned int mutant_now;
extern unsigned char *mutants_seen;

#define MUTANT(number) (mutants_seen[number] = 1, mutant_now == (number))

#endif

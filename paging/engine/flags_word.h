/* SPDX-License-Identifier: MIT */
/*
 * struct page_flags as the word that it travels in: decoders move descriptor bits to their places
 * in it, several at a time where they lie alike. The places follow from the order of the struct's
 * bit fields, as both compilers lay them out for little-endian CPUs (AAPCS64 5.9, System V ABI for
 * AMD64 3.1.2).
 */
#ifndef PAGING_ENGINE_FLAGS_WORD_H
#define PAGING_ENGINE_FLAGS_WORD_H

#include "encoder.h"

#define FLAG_READ               0
#define FLAG_WRITE              1
#define FLAG_EXECUTE            2
#define FLAG_EXECUTE_PRIVILEGED 3
#define FLAG_EXECUTE_USER       4
#define FLAG_USER               5
#define FLAG_GLOBAL             6
#define FLAG_IDLE               7
#define FLAG_DIRTY              8
#define FLAG_TYPE               9
#define FLAG_SHARE              12
#define FLAG_IGNORE_PAT         14
#define FLAG_SUPPRESS_VE        15
#define FLAG_KEY                16
#define FLAG_GUARDED            20
#define FLAG_MODIFIED           21
#define FLAG_SOFTWARE           32

/* Bit `from` of the word, at place `to`. */
static ALWAYS_INLINE uint64_t move_bit(uint64_t word, unsigned int from, unsigned int to)
{
	return (word >> from & 1) << to;
}

static ALWAYS_INLINE uint64_t word_of_flags(struct page_flags flags)
{
	union {
		struct page_flags flags;
		uint64_t word;
	} both = { .flags = flags };

	return both.word;
}

static ALWAYS_INLINE struct page_flags flags_of_word(uint64_t word)
{
	union {
		uint64_t word;
		struct page_flags flags;
	} both = { .word = word };

	return both.flags;
}

#endif

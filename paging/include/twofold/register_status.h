/* SPDX-License-Identifier: MIT */
/*
 * What the register helpers of twofold/<isa>_registers.h answer. They compute and compare numbers
 * that the caller read from the CPU; no instruction is executed by any of them.
 */
#ifndef TWOFOLD_REGISTER_STATUS_H
#define TWOFOLD_REGISTER_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum register_status {
	REGISTER_OK = 0,
	REGISTER_WRONG_TABLE, /* the table is not of the format that `field` names */
	REGISTER_ARGUMENT,    /* an argument does not fit its field: `has` is the next that does */
	REGISTER_MISSING,     /* the CPU does not have it, or it is not switched on */
	REGISTER_TOO_SMALL,   /* the CPU has less of it: `has` is how much */
	REGISTER_MISMATCH,    /* two that must be equal are not */
	REGISTER_UNALIGNED, /* the root is not aligned as the register wants: `wanted` is to what */
};

/*
 * The first thing that is in the way. `name` is a register, a CPUID leaf, or a structure of the
 * caller's, `field` a field of it, both as the manual or the header spells them; where a table is
 * not what that register takes, `field` is the format, or the feature, that it is to have. Neither
 * is NULL.
 */
struct register_refusal {
	const char *name;
	const char *field;
	uint64_t wanted; /* what the table needs of the field */
	uint64_t has;    /* what is there */
};

/* A lower-case English phrase without a full stop, e.g. "too small". Never NULL. */
const char *register_status_text(enum register_status status);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where in a JSON text a value stands: parsed values have lost that, and a message about one should
 * name the line.
 */
#ifndef VMM_JSON_POSITION_H
#define VMM_JSON_POSITION_H

#include <stddef.h>

/* A value's place, from the inside out: a member of an object, or an element of an array. */
struct json_place {
	const struct json_place *parent; /* NULL: the top */
	const char *key;                 /* NULL: an element */
	size_t index;
};

/*
 * The line (from 1) of the member's key, or of the element's first character. `text` must be valid
 * JSON without duplicate keys, and have the place in it.
 */
unsigned int json_position_line(const char *text, size_t length, const struct json_place *place);

#endif

/* SPDX-License-Identifier: MIT */
/* The line of a value in a JSON text. */
#include <criterion/criterion.h>
#include <string.h>

#include "json_position.h"

static unsigned int line_of(const char *text, const struct json_place *place)
{
	return json_position_line(text, strlen(text), place);
}

static const char text[] = "\n{ \"one\": 1, \"two\":\n"              /* 2 */
			   "  [ \"}]\\\"\", {\"x\\\\\": [[], {}],\n" /* 3 */
			   "    \"in\\u006eer\"\n"                   /* 4 */
			   "    : -1.5e3 } ,\n"                      /* 5 */
			   "    null\n"                              /* 6 */
			   "  ],\n"
			   "  \"three\": {}, \"\": {\"\":\n" /* 8 */
			   "true}}";

Test(json_position, members)
{
	struct json_place one = { .key = "one" }, two = { .key = "two" },
			  three = { .key = "three" };
	struct json_place none = { .key = "" }, inside = { .parent = &none, .key = "" };

	cr_expect_eq(line_of(text, &one), 2);
	cr_expect_eq(line_of(text, &two), 2);
	cr_expect_eq(line_of(text, &three), 8);
	cr_expect_eq(line_of(text, &none), 8);
	cr_expect_eq(line_of(text, &inside), 8);
}

Test(json_position, elements)
{
	struct json_place two = { .key = "two" };
	struct json_place first = { .parent = &two, .index = 0 };
	struct json_place second = { .parent = &two, .index = 1 };
	struct json_place third = { .parent = &two, .index = 2 };
	struct json_place inner = { .parent = &second, .key = "inner" };

	cr_expect_eq(line_of(text, &first), 3);
	cr_expect_eq(line_of(text, &second), 3);
	cr_expect_eq(line_of(text, &third), 6);
	cr_expect_eq(line_of(text, &inner), 4);
}

/* A place that is not there must not make it read past the end. */
Test(json_position, absent)
{
	struct json_place absent = { .key = "absent" };
	struct json_place inside = { .parent = &absent, .index = 7 };

	for (size_t length = 0; length < sizeof(text); length++) {
		char *copy = malloc(length ? length : 1);

		memcpy(copy, text, length);
		(void)json_position_line(copy, length, &absent);
		(void)json_position_line(copy, length, &inside);
		free(copy);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Usage: bench time|count|sizes|threads|tables [--runs N] [--scale N] [--formats A,B]
 *	[--workloads A,B] [--subjects A,B]
 *
 * One part of `make bench`, as lines of JSON (count: as callgrind's files). tests/bench/run-bench
 * puts them together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../paging/require.h"
#include "bench.h"

#define GIB (UINT64_C(1) << 30)

_Noreturn void require_stop(const char *heading, const char *file, int line, const char *text)
{
	(void)heading, (void)file, (void)line;
	(void)fprintf(stderr, "bench: %s\n", text);
	_Exit(1);
}

bool request_has(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (list != NULL) {
		size_t item = strcspn(list, ",");

		if (item == length && memcmp(list, name, length) == 0)
			return true;
		if (list[item] == '\0')
			return false;
		list += item + 1;
	}
	return true;
}

int request_status(unsigned int done)
{
	if (done != 0)
		return 0;
	(void)fprintf(stderr, "bench: nothing has these formats, workloads and subjects\n");
	return 2;
}

static const struct {
	const char *name;
	int (*run)(const struct request *request);
} commands[] = {
	{ "time", bench_time },       { "count", bench_count },   { "sizes", bench_sizes },
	{ "threads", bench_threads }, { "tables", bench_tables },
};

static int usage(void)
{
	(void)fprintf(stderr, "usage: bench time|count|sizes|threads|tables [--runs 1..1000]\n"
			      "	[--scale 1|2|4|...|64] [--formats A,B] [--workloads A,B]\n"
			      "	[--subjects library,vector,naive,floor]\n");
	return 2;
}

static bool number_of(const char *text, unsigned long last, unsigned long *number)
{
	char *end;

	*number = strtoul(text, &end, 10);
	return end != text && *end == '\0' && *number >= 1 && *number <= last;
}

static bool read_option(struct request *request, const char *option, const char *value,
			unsigned long *scale)
{
	unsigned long number;

	if (strcmp(option, "--formats") == 0) {
		request->formats = value;
	} else if (strcmp(option, "--workloads") == 0) {
		request->workloads = value;
	} else if (strcmp(option, "--subjects") == 0) {
		request->subjects = value;
	} else if (strcmp(option, "--runs") == 0 && number_of(value, 1000, &number)) {
		request->runs = (unsigned int)number;
	} else if (strcmp(option, "--scale") == 0) {
		return number_of(value, 64, scale) && (*scale & (*scale - 1)) == 0;
	} else {
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct request request = { .runs = 5 };
	unsigned long scale = 1;

	if (argc < 2)
		return usage();
	for (int i = 2; i < argc; i += 2)
		if (i + 1 == argc || !read_option(&request, argv[i], argv[i + 1], &scale))
			return usage();
	request.sizes = (struct sizes){
		.bytes = GIB / scale,
		.large = 64 * GIB, /* few leaves as it is */
		.span = 256 * GIB / scale,
		.random = (UINT64_C(1) << 18) / scale,
	};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(&request);
	return usage();
}

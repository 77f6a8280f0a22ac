/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdbool.h>

#include "config.h"
#include "failure.h"

enum action {
	ACTION_RUN,
	ACTION_PRINT_CONFIG,
	ACTION_HELP,
	ACTION_VERSION,
	ACTION_DOCTOR
};

#define OPTION_COUNT 24

/* What was typed, not yet what it means: a configuration file comes before it. */
struct options {
	enum action action;
	const char *values[OPTION_COUNT]; /* by option; NULL: not given */
	char **arguments;                 /* after --, NULL-terminated */
};

bool options_parse(struct options *options, int argc, char **argv, struct failure *failure);

/* Defaults, then the file that --config names, then the command line. */
bool options_configure(const struct options *options, struct config *config,
		       struct failure *failure);

/* Return the exit status. */
int options_help(void);
int options_version(void);

#endif

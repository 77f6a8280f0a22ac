/* SPDX-License-Identifier: MIT */
/* The command line. */
#include "guest/options.h"

#include <stddef.h>

#include "guest/arch.h"
#include "guest/panic.h"
#include "guest/sabotage.h"
#include "guest/text.h"
#include "hypervisor/linux.h"

struct guest_options guest_options = { .dump = true, .test = "" };

static bool parse_switch(const char *key, const char *value)
{
	if (text_equal(value, "0"))
		return false;
	if (!text_equal(value, "1"))
		panic("command line: %s=%s: expected 0 or 1", key, value);
	return true;
}

static void option(const char *key, char *value)
{
	if (text_equal(key, "dump")) {
		guest_options.dump = parse_switch(key, value);
	} else if (text_equal(key, "hypercalls")) {
		guest_options.hypercalls = parse_switch(key, value);
	} else if (text_equal(key, "touch")) {
		guest_options.touch = parse_switch(key, value);
	} else if (text_equal(key, "faults")) {
		if (*text_number(value, &guest_options.faults) != '\0' ||
		    guest_options.faults == 0 || guest_options.faults > FAULT_ROUNDS_MAX)
			panic("command line: faults=%s: expected 1 to %u", value, FAULT_ROUNDS_MAX);
	} else if (text_equal(key, "mode")) {
		if (!text_equal(value, "selftest") && !text_equal(value, "hypervisor"))
			panic("command line: mode=%s: expected selftest or hypervisor", value);
		guest_options.hypervisor = text_equal(value, "hypervisor");
	} else if (text_equal(key, "test")) {
		for (char *c = value; *c != '\0'; c++) {
			if (*c == '_')
				*c = ' ';
		}
		guest_options.test = value;
	} else if (!linux_option(key, value) && !arch_option(key, value) &&
		   !sabotage_option(key, value)) {
		panic("command line: unknown option %s=%s: known are dump=0|1, "
		      "faults=ROUNDS, hypercalls=0|1, initrd=START+SIZE, linux=START+SIZE, "
		      "mode=selftest|hypervisor, touch=0|1 and test=PREFIX%s",
		      key, value, arch_options_text);
	}
}

static void parse_word(char *word)
{
	char *equals = word;

	while (*equals != '\0' && *equals != '=')
		equals++;
	if (*equals == '\0')
		panic("command line: \"%s\" is not of the form key=value", word);
	*equals = '\0';
	option(word, equals + 1);
}

void options_parse(char *command_line)
{
	char *line = command_line;
	char *word = NULL;

	for (;; line++) {
		bool blank = *line == ' ' || *line == '\t' || *line == '\n' || *line == '\0';
		bool end = *line == '\0';

		if (!blank && !word)
			word = line;
		if (blank && word) {
			*line = '\0';
			parse_word(word);
			word = NULL;
		}
		if (end)
			break;
	}
	if (guest_options.faults != 0 && !guest_options.hypervisor)
		panic("command line: faults=%lu: only with mode=hypervisor", guest_options.faults);
}

/* SPDX-License-Identifier: MIT */
/* The command line: which options there are, and what each sets. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "config_json.h"

enum option_id {
	OPT_KERNEL,
	OPT_APPEND,
	OPT_INITRD,
	OPT_DTB,
	OPT_MEMORY,
	OPT_SMP,
	OPT_CONFIG,
	OPT_PRINT_CONFIG,
	OPT_TIMEOUT,
	OPT_STATS,
	OPT_DIRTY_LOG,
	OPT_MEMORY_CONTROL,
	OPT_DUMP_STAGE2,
	OPT_DUMP_DTB,
	OPT_DEVICE,
	OPT_IRQCHIP,
	OPT_ROM_WRITE,
	OPT_SERIAL,
	OPT_ESCAPE,
	OPT_KVM_DEVICE,
	OPT_NOGRAPHIC,
	OPT_NO_REBOOT,
	OPT_HELP,
	OPT_VERSION,
	OPTIONS,
};
_Static_assert((int)OPTIONS == OPTION_COUNT, "struct options has a value for each");

enum option_kind {
	FLAG,
	VALUE,
	OPTIONAL
};

struct option {
	const char *short_name;
	const char *name;
	enum option_kind kind;
	const char *value; /* as --help shows it; what is expected */
	const char *help;
	bool (*set)(struct config *config, const char *text, struct failure *failure);
};

static bool set_kernel(struct config *config, const char *text, struct failure *failure)
{
	return config_set_path(&config->kernel, text, failure);
}

static bool set_append(struct config *config, const char *text, struct failure *failure)
{
	config_set_string(&config->command_line, text);
	return config_check_command_line(config, failure);
}

static bool set_initrd(struct config *config, const char *text, struct failure *failure)
{
	return config_set_path(&config->initrd, text, failure);
}

static bool set_dtb(struct config *config, const char *text, struct failure *failure)
{
	return config_set_path(&config->dtb, text, failure) && arch_has_device_tree(failure);
}

static bool set_dump_dtb(struct config *config, const char *text, struct failure *failure)
{
	return config_set_path(&config->dump_dtb, text, failure) && arch_has_device_tree(failure);
}

static bool set_kvm_device(struct config *config, const char *text, struct failure *failure)
{
	return config_set_path(&config->kvm_device, text, failure);
}

static bool set_memory_control(struct config *config, const char *text, struct failure *failure)
{
	(void)text;
	(void)failure;
	config->memory_control = true;
	return true;
}

static bool set_dump_stage2(struct config *config, const char *text, struct failure *failure)
{
	(void)text;
	(void)failure;
	config->dump_stage2 = true;
	return true;
}

static const struct option options_table[OPTIONS] = {
	[OPT_KERNEL] = { "k", "kernel", VALUE, "FILE",
			 "the kernel: ELF64 (x86_64: with a PVH note) or arm64 Image", set_kernel },
	[OPT_APPEND] = { "p", "append", VALUE, "STRING", "the kernel's command line", set_append },
	[OPT_INITRD] = { "i", "initrd", VALUE, "FILE", "initial ramdisk, handed to the kernel",
			 set_initrd },
	[OPT_DTB] = { NULL, "dtb", VALUE, "FILE",
		      "device tree instead of the one that is made (AArch64)", set_dtb },
	[OPT_MEMORY] = { "m", "memory", VALUE, "SIZE",
			 "guest memory: 512 (MiB), 512M, 1G, size=512M; 256M if not given",
			 config_set_memory },
	[OPT_SMP] = { "c", "smp", VALUE, "N", "vCPUs; 1 if not given", config_set_vcpus },
	[OPT_CONFIG] = { NULL, "config", VALUE, "FILE", "JSON configuration; options override it",
			 NULL },
	[OPT_PRINT_CONFIG] = { NULL, "print-config", FLAG, NULL,
			       "print file and options merged, as JSON, and end", NULL },
	[OPT_TIMEOUT] = { NULL, "timeout", VALUE, "SECONDS", "end the guest after this, status 124",
			  config_set_timeout },
	[OPT_STATS] = { NULL, "stats", OPTIONAL, "json:FILE",
			"report exits, times and memory, on stderr or to FILE", config_set_stats },
	[OPT_DIRTY_LOG] = { NULL, "dirty-log", OPTIONAL, "json:FILE",
			    "report the pages written to, on stderr or to FILE",
			    config_set_dirty_log },
	[OPT_MEMORY_CONTROL] = { NULL, "memory-control", FLAG, NULL,
				 "a register by which the guest changes its memory",
				 set_memory_control },
	[OPT_DUMP_STAGE2] = { NULL, "dump-stage2", FLAG, NULL,
			      "print the table of guest memory, then go on (with a kernel) or end",
			      set_dump_stage2 },
	[OPT_DUMP_DTB] = { NULL, "dump-dtb", VALUE, "FILE",
			   "write the guest's device tree, then go on (with a kernel) or end",
			   set_dump_dtb },
	[OPT_DEVICE] = { NULL, "device", VALUE, "isa-debug-exit[,iobase=N][,iosize=4]",
			 "a register that ends the run, status (value << 1) | 1",
			 config_set_device },
	[OPT_IRQCHIP] = { NULL, "irqchip", VALUE, "none|split|full",
			  "interrupt controller: none, local APICs only, or all (a GIC)",
			  config_set_irqchip },
	[OPT_ROM_WRITE] = { NULL, "on-rom-write", VALUE, "drop|stop",
			    "what a write to read-only memory does", config_set_rom_write },
	[OPT_SERIAL] = { NULL, "serial", VALUE, "stdio|file:PATH|null",
			 "where the serial port is connected to", config_set_serial },
	[OPT_ESCAPE] = { NULL, "escape", VALUE, "none|^A",
			 "whether ^A x ends the run, typed on a terminal", config_set_escape },
	[OPT_KVM_DEVICE] = { NULL, "kvm-device", VALUE, "PATH", "instead of /dev/kvm",
			     set_kvm_device },
	[OPT_NOGRAPHIC] = { NULL, "nographic", FLAG, NULL, "nothing: there are no graphics", NULL },
	[OPT_NO_REBOOT] = { NULL, "no-reboot", FLAG, NULL, "nothing: a reset always ends the run",
			    NULL },
	[OPT_HELP] = { "h", "help", FLAG, NULL, "this text", NULL },
	[OPT_VERSION] = { NULL, "version", FLAG, NULL, "the version", NULL },
};

int options_help(void)
{
	(void)puts("Usage: vmm [options] KERNEL [-- args]\n"
		   "       vmm doctor [--kvm-device PATH]\n"
		   "\n"
		   "Runs KERNEL on KVM with a serial console on standard input and output. `args` "
		   "are\n"
		   "appended to its command line. `vmm doctor` says what this machine can do.\n"
		   "\n"
		   "Options, with one dash or two; a value follows, or stands after a =");
	for (int i = 0; i < OPTIONS; i++) {
		const struct option *option = &options_table[i];
		char left[80];

		(void)snprintf(
			left, sizeof(left), "%s%s%s--%s%s%s%s", option->short_name ? "-" : "",
			option->short_name ? option->short_name : "",
			option->short_name ? ", " : "    ", option->name,
			option->kind == FLAG       ? ""
			: option->kind == OPTIONAL ? "[="
						   : " ",
			option->value ? option->value : "", option->kind == OPTIONAL ? "]" : "");
		if (strlen(left) > 30)
			(void)printf("  %s\n%34s%s\n", left, "", option->help);
		else
			(void)printf("  %-30s  %s\n", left, option->help);
	}
	(void)puts(
		"\nOn a terminal ^A x ends the run and ^A a sends a ^A; all else goes to the "
		"guest.\n"
		"\n"
		"Exit status: odd = (value << 1) | 1 from isa-debug-exit. Even = from the VMM:\n"
		"    0  the guest powered off          38  triple fault, or KVM cannot go on\n"
		"    2  bad option, configuration      40  debug-exit value above 0x7f\n"
		"       or image                       42  write to ROM, with --on-rom-write stop\n"
		"    4  no usable KVM                  44  ended from the console, ^A x\n"
		"    6  the host refused a resource    46  the guest halted for good\n"
		"   32  the guest asked for a reset   124  --timeout\n"
		"   34  the guest reported a crash");
	return 0;
}

int options_version(void)
{
	(void)puts("vmm (twofold) " VMM_VERSION);
	return 0;
}

/* The option that `word` (dashes included, up to `length`) names, or NULL. */
static const struct option *find_option(const char *word, size_t length)
{
	size_t dashes = word[1] == '-' ? 2 : 1;

	for (int i = 0; i < OPTIONS; i++) {
		const struct option *option = &options_table[i];
		const char *short_name = dashes == 1 ? option->short_name : NULL;
		const char *name = word + dashes;
		size_t name_length = length - dashes;

		if (strlen(option->name) == name_length &&
		    memcmp(option->name, name, name_length) == 0)
			return option;
		if (short_name && name_length == 1 && short_name[0] == name[0])
			return option;
	}
	return NULL;
}

static bool set_value(struct options *options, const struct option *option, const char *value,
		      struct failure *failure)
{
	const char **slot = &options->values[option - options_table];

	if (*slot)
		return fail(failure, STATUS_USAGE, "--%s: given twice; expected once",
			    option->name);
	*slot = value;
	return true;
}

/* Moves *argument to the last word that belongs to the option. */
static bool parse_option(struct options *options, char ***argument, struct failure *failure)
{
	char *word = **argument, *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct option *option = find_option(word, length);

	if (!option)
		return fail(failure, STATUS_USAGE,
			    "%s: unknown option; \"vmm --help\" lists what is expected", word);
	if (option->kind == FLAG && equals)
		return fail(failure, STATUS_USAGE, "--%s: expected no value, but there is \"%s\"",
			    option->name, equals + 1);
	if (equals)
		return set_value(options, option, equals + 1, failure);
	if (option->kind == FLAG)
		return set_value(options, option, "", failure);
	if (option->kind == OPTIONAL)
		return set_value(options, option, "text", failure);
	(*argument)++;
	if (!**argument)
		return fail(failure, STATUS_USAGE, "--%s: no value; expected %s", option->name,
			    option->value);
	return set_value(options, option, **argument, failure);
}

static bool parse_positional(struct options *options, const char *word, struct failure *failure)
{
	const char *kernel = options->values[OPT_KERNEL];

	if (options->action == ACTION_DOCTOR)
		return fail(failure, STATUS_USAGE,
			    "%s: \"vmm doctor\" takes no argument but --kvm-device PATH", word);
	if (kernel)
		return fail(
			failure, STATUS_USAGE,
			"%s: a kernel is given already, %s; expected the guest's arguments after "
			"--",
			word, kernel);
	options->values[OPT_KERNEL] = word;
	return true;
}

/* What is asked for instead of a run, if anything. */
static bool choose_action(struct options *options, struct failure *failure)
{
	if (options->values[OPT_HELP]) {
		options->action = ACTION_HELP;
	} else if (options->values[OPT_VERSION]) {
		options->action = ACTION_VERSION;
	} else if (options->action == ACTION_DOCTOR) {
		for (int i = 0; i < OPTIONS; i++) {
			if (options->values[i] && i != OPT_KVM_DEVICE)
				return fail(failure, STATUS_USAGE,
					    "--%s: \"vmm doctor\" takes no option but --kvm-device "
					    "PATH",
					    options_table[i].name);
		}
	} else if (options->values[OPT_PRINT_CONFIG]) {
		options->action = ACTION_PRINT_CONFIG;
	}
	return true;
}

bool options_parse(struct options *options, int argc, char **argv, struct failure *failure)
{
	char **argument = argv + (argc > 0 ? 1 : 0);

	memset(options, 0, sizeof(*options));
	if (*argument && strcmp(*argument, "doctor") == 0) {
		options->action = ACTION_DOCTOR;
		argument++;
	}
	for (; *argument; argument++) {
		if (strcmp(*argument, "--") == 0) {
			options->arguments = argument + 1;
			break;
		}
		if ((*argument)[0] == '-' && (*argument)[1] != '\0') {
			if (!parse_option(options, &argument, failure))
				return false;
		} else if (!parse_positional(options, *argument, failure)) {
			return false;
		}
	}
	return choose_action(options, failure);
}

static bool append_arguments(struct config *config, char **arguments, struct failure *failure)
{
	for (; *arguments; arguments++) {
		const char *before = config->command_line ? config->command_line : "";
		size_t size = strlen(before) + 1 + strlen(*arguments) + 1;
		char *whole = malloc(size);

		if (!whole) {
			(void)fputs("vmm: out of memory\n", stderr);
			exit(STATUS_HOST);
		}
		(void)snprintf(whole, size, "%s%s%s", before, before[0] ? " " : "", *arguments);
		free(config->command_line);
		config->command_line = whole;
	}
	return config_check_command_line(config, failure) ||
	       fail_prefix(failure, "arguments after --");
}

bool options_configure(const struct options *options, struct config *config,
		       struct failure *failure)
{
	const char *file = options->values[OPT_CONFIG];

	if (file && !config_check_path(file, failure))
		return fail_prefix(failure, "--config");
	if (file && !config_load(config, file, failure))
		return false;
	for (int i = 0; i < OPTIONS; i++) {
		const struct option *option = &options_table[i];

		if (options->values[i] && option->set &&
		    !option->set(config, options->values[i], failure))
			return fail_prefix(failure, "--%s", option->name);
	}
	if (options->arguments && !append_arguments(config, options->arguments, failure))
		return false;
	config_complete(config);
	return true;
}

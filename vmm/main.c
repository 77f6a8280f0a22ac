/* SPDX-License-Identifier: MIT */
/* The command: from arguments to an exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch.h"
#include "config_json.h"
#include "doctor.h"
#include "machine.h"
#include "options.h"

static struct machine machine;

static int complain(const struct failure *failure)
{
	(void)fprintf(stderr, "vmm: %s\n", failure->text);
	return failure->status;
}

/* The parent sees the death that the signal would have been. */
static void die_of(int signal_number)
{
	sigset_t set;

	(void)signal(signal_number, SIG_DFL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, signal_number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(signal_number);
}

static int run(const struct config *config)
{
	struct failure failure;
	struct kernel kernel;
	bool good;

	good = kernel_open(&kernel, config, &failure) &&
	       machine_init(&machine, config, &kernel, &failure);
	good = good && (!config->dump_stage2 || guest_memory_dump(&machine.memory, &failure)) &&
	       machine_run(&machine, &failure);
	stats_end(&machine.stats);
	kernel_release(&kernel);
	if (good && machine.ending.text[0] != '\0')
		(void)fprintf(stderr, "vmm: %s\n", machine.ending.text);
	good = good && stats_report(&machine, &failure);
	machine_destroy(&machine);
	if (!good)
		return complain(&failure);
	if (machine.ending.signal != 0)
		die_of(machine.ending.signal);
	return machine.ending.status;
}

/* Without a kernel the guest's memory and its device tree are all there is to see. */
static int dump_only(const struct config *config)
{
	struct failure failure;
	struct kernel kernel;
	bool good = machine_describe(&machine, config, &failure) &&
		    (!config->dump_stage2 || guest_memory_dump(&machine.memory, &failure));

	kernel_none(&kernel, config);
	good = good && (!config->dump_dtb || arch_boot_data(&machine, &kernel, &failure));
	machine_destroy(&machine);
	return good ? 0 : complain(&failure);
}

static int act(const struct options *options, const struct config *config)
{
	struct failure failure;

	switch (options->action) {
	case ACTION_HELP:
		return options_help();
	case ACTION_VERSION:
		return options_version();
	case ACTION_DOCTOR:
		return doctor(config->kvm_device);
	case ACTION_PRINT_CONFIG:
		return config_print(config, &failure) ? 0 : complain(&failure);
	case ACTION_RUN:
	default:
		break;
	}
	if (!config_check(config, &failure))
		return complain(&failure);
	if (!config->kernel && (config->dump_stage2 || config->dump_dtb))
		return dump_only(config);
	if (!config->kernel) {
		(void)fail(&failure, STATUS_USAGE,
			   "no kernel: expected one as an argument, by --kernel or in --config; "
			   "\"vmm --help\" says more");
		return complain(&failure);
	}
	return run(config);
}

/*
 * A standard file that we were started without is one from now on, or else what is opened next
 * would have its number, and messages would be written to KVM or to the guest's memory. For reading
 * only: who writes to it is told that it cannot be written, as without it.
 */
static bool open_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The lowest number that is free, and so this one. */
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) != fd)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct failure failure;
	struct options options;
	struct config config;
	int status;

	stats_start(&machine.stats);
	if (!open_standard_files()) {
		(void)fputs("vmm: /dev/null cannot be opened in place of a closed standard file\n",
			    stderr);
		return STATUS_HOST;
	}
	/* A file that may not grow (ulimit -f) is an error of who writes to it. */
	(void)signal(SIGXFSZ, SIG_IGN);
	config_init(&config);
	if (options_parse(&options, argc, argv, &failure) &&
	    options_configure(&options, &config, &failure))
		status = act(&options, &config);
	else
		status = complain(&failure);
	config_free(&config);
	/* What was printed may not have got there: a full disk, a reader that left. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) {
		(void)fputs("vmm: standard output cannot be written\n", stderr);
		status = STATUS_HOST;
	}
	return status;
}

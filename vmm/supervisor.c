/* SPDX-License-Identifier: MIT */
/* The thread that watches the world while the vCPUs run. */
#include "supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "arch.h"
#include "machine.h"

#define STACK_SIZE 65536

static void take_signal(struct supervisor *supervisor)
{
	struct machine *machine = supervisor->machine;
	struct signalfd_siginfo info;

	if (read(supervisor->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGTSTP:
		/* The stop may take effect some time after kill() returns; what takes the terminal
		 * again is SIGCONT, not coming back from here. */
		console_restore(&machine->console);
		(void)kill(getpid(), SIGSTOP);
		break;
	case SIGCONT:
		console_raw(&machine->console);
		break;
	default:
		machine_end_by_signal(machine, (int)info.ssi_signo);
		supervisor->quit = true;
		break;
	}
}

static void take_timeout(struct supervisor *supervisor)
{
	uint64_t milliseconds = supervisor->machine->config->timeout_ms;

	machine_end(supervisor->machine, STATUS_TIMEOUT, "timeout",
		    "the time limit of %" PRIu64 ".%03" PRIu64 " s is over", milliseconds / 1000,
		    milliseconds % 1000);
	supervisor->quit = true;
}

static void deliver_input(struct supervisor *supervisor)
{
	size_t taken;

	if (supervisor->input_count == 0)
		return;
	taken = arch_console_input(supervisor->machine, supervisor->input, supervisor->input_count);
	supervisor->input_count -= taken;
	memmove(supervisor->input, supervisor->input + taken, supervisor->input_count);
}

static void take_input(struct supervisor *supervisor, bool hung_up)
{
	bool quit;
	size_t got = console_read(&supervisor->machine->console, supervisor->input,
				  sizeof(supervisor->input), &supervisor->input_closed, &quit);

	supervisor->input_count = got;
	supervisor->input_closed = supervisor->input_closed || (hung_up && got == 0);
	if (quit) {
		machine_end(supervisor->machine, STATUS_CONSOLE, "console",
			    "ended from the console");
		supervisor->quit = true;
	}
	deliver_input(supervisor);
}

static void take_wake(struct supervisor *supervisor)
{
	uint64_t count;

	if (read(supervisor->wake_fd, &count, sizeof(count)) == sizeof(count))
		deliver_input(supervisor);
}

/* Waits for one round of news, at most `timeout` ms. */
static void watch(struct supervisor *supervisor, int timeout)
{
	/* Input is read only when the guest has taken what was read before. */
	bool listen = !supervisor->input_closed && supervisor->input_count == 0 &&
		      console_listens(&supervisor->machine->console);
	struct pollfd news[] = {
		{ .fd = supervisor->wake_fd, .events = POLLIN },
		{ .fd = supervisor->signal_fd, .events = POLLIN },
		{ .fd = supervisor->timer_fd, .events = POLLIN },
		{ .fd = listen ? supervisor->machine->console.input : -1, .events = POLLIN },
	};

	if (poll(news, sizeof(news) / sizeof(news[0]), timeout) <= 0)
		return;
	if (news[0].revents)
		take_wake(supervisor);
	if (news[1].revents)
		take_signal(supervisor);
	if (news[2].revents)
		take_timeout(supervisor);
	if (news[3].revents)
		take_input(supervisor, (news[3].revents & ~POLLIN) != 0);
}

static void *supervise(void *context)
{
	struct supervisor *supervisor = context;

	while (!supervisor->quit && !machine_ending(supervisor->machine))
		watch(supervisor, -1);
	while (!atomic_load(&supervisor->finished)) {
		struct pollfd wake = { .fd = supervisor->wake_fd, .events = POLLIN };
		uint64_t count;

		vcpus_kick(&supervisor->machine->vcpus);
		if (poll(&wake, 1, KICK_AGAIN_MS) > 0)
			(void)!read(supervisor->wake_fd, &count, sizeof(count));
	}
	return NULL;
}

/* A signal that somebody had ignored for us (nohup) stays ignored. */
static void add_signal(sigset_t *set, int signal)
{
	struct sigaction action;

	if (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
		(void)sigaddset(set, signal);
}

static bool block_signals(struct supervisor *supervisor)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	sigset_t set;

	vcpus_catch_kicks();
	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		add_signal(&set, signals[i]);
	(void)sigaddset(&set, SIGCONT);
	(void)pthread_sigmask(SIG_BLOCK, &set, &supervisor->old_mask);
	supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return supervisor->signal_fd >= 0;
}

static bool start_timer(struct supervisor *supervisor)
{
	uint64_t milliseconds = supervisor->machine->config->timeout_ms;
	struct itimerspec time = { .it_value = {
					   .tv_sec = (time_t)(milliseconds / 1000),
					   .tv_nsec = (long)(milliseconds % 1000) * 1000000,
				   } };

	if (milliseconds == 0)
		return true;
	supervisor->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	return supervisor->timer_fd >= 0 &&
	       timerfd_settime(supervisor->timer_fd, 0, &time, NULL) == 0;
}

static bool start_thread(struct supervisor *supervisor)
{
	pthread_attr_t attributes;
	int error;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	error = pthread_create(&supervisor->thread, &attributes, supervise, supervisor);
	(void)pthread_attr_destroy(&attributes);
	errno = error;
	return error == 0;
}

static void close_all(struct supervisor *supervisor)
{
	if (supervisor->signal_fd >= 0)
		(void)close(supervisor->signal_fd);
	if (supervisor->timer_fd >= 0)
		(void)close(supervisor->timer_fd);
	if (supervisor->wake_fd >= 0)
		(void)close(supervisor->wake_fd);
}

bool supervisor_start(struct supervisor *supervisor, struct machine *machine,
		      struct failure *failure)
{
	memset(supervisor, 0, sizeof(*supervisor));
	supervisor->machine = machine;
	supervisor->signal_fd = supervisor->timer_fd = -1;
	supervisor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	machine->supervisor = supervisor;
	/* Blocked before the terminal changes: from here on no signal finds it raw and kills. */
	if (supervisor->wake_fd >= 0 && block_signals(supervisor)) {
		console_raw(&machine->console);
		if (start_timer(supervisor) && start_thread(supervisor))
			return true;
	}
	(void)fail(failure, STATUS_HOST, "the console's thread cannot be started: %s",
		   strerror(errno));
	machine->supervisor = NULL;
	console_restore(&machine->console);
	close_all(supervisor);
	return false;
}

void supervisor_wake(struct supervisor *supervisor)
{
	uint64_t one = 1;

	(void)!write(supervisor->wake_fd, &one, sizeof(one));
}

void supervisor_stop(struct supervisor *supervisor)
{
	atomic_store(&supervisor->finished, true);
	supervisor_wake(supervisor);
	(void)pthread_join(supervisor->thread, NULL);
	supervisor->machine->supervisor = NULL;
	console_restore(&supervisor->machine->console);
	close_all(supervisor);
	(void)pthread_sigmask(SIG_SETMASK, &supervisor->old_mask, NULL);
}

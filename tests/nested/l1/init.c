/* SPDX-License-Identifier: MIT */
/*
 * The first and only process of L1, the Linux between the host and the guests: loads KVM, runs the
 * commands of a list one after the other, and reports each over the result channel (channel.h).
 *
 * The list is the file /commands, strings that end in NUL. First what is common:
 *   nonce  device-of-the-channel  console  current-directory
 *   number of modules, each module's path
 *   number of commands, and for each:  seconds  argc  argument...
 *   number of files to send back, each file's path
 * It is removed before the first command starts: nothing in L1 but init knows the nonce. A command
 * that has 0 seconds gets the console, and all the time it wants.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"

#define LIST     "/commands"
/* How long a command that was told to end has, and one that ended for the rest of its output. */
#define GRACE_MS 2000

struct list {
	char *next;
	char *end;
};

struct command {
	char **argv;
	unsigned seconds; /* 0: on the console, without a limit */
	pid_t pid;
	int streams[2]; /* read ends of its standard output and error; -1 at their end */
	bool told_to_end;
	bool has_ended;
	int status;
	int error; /* errno of what kept it from starting */
	int64_t start;
	int64_t deadline;
};

static char *console;

/* There is nobody to tell but whoever reads the console. */
static _Noreturn void give_up(const char *what)
{
	(void)fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
	(void)reboot(RB_POWER_OFF);
	_exit(1);
}

static int64_t now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ---- the list ---- */

static struct list list_open(void)
{
	int fd = open(LIST, O_RDONLY | O_CLOEXEC);
	struct stat status;
	size_t size;
	char *text;

	if (fd < 0 || fstat(fd, &status) != 0)
		give_up(LIST);
	size = (size_t)status.st_size;
	text = malloc(size + 1);
	if (!text || read(fd, text, size) != (ssize_t)size)
		give_up(LIST);
	text[size] = '\0';
	(void)close(fd);
	(void)unlink(LIST);
	return (struct list){ .next = text, .end = text + size };
}

static char *list_string(struct list *list)
{
	char *text = list->next;

	if (text >= list->end) {
		errno = EBADMSG;
		give_up(LIST);
	}
	list->next += strlen(text) + 1;
	return text;
}

static unsigned list_number(struct list *list)
{
	return (unsigned)strtoul(list_string(list), NULL, 10);
}

/* ---- setting up ---- */

static void make_mount(const char *type, const char *where)
{
	(void)mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL) != 0)
		give_up(where);
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
		channel_text(FRAME_NOTE, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
}

static void report_start(void)
{
	struct utsname system;

	if (uname(&system) != 0)
		give_up("uname");
	channel_text(FRAME_UP, "%s %s", system.release, system.machine);
	if (access("/dev/kvm", F_OK) != 0)
		channel_text(FRAME_NOTE, "there is no /dev/kvm");
}

/* ---- running a command ---- */

static _Noreturn void child(const struct command *command, int out, int err, int failed)
{
	sigset_t none;
	int in;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	in = open(command->seconds ? "/dev/null" : console, command->seconds ? O_RDONLY : O_RDWR);
	if (in >= 0 && !command->seconds) {
		(void)ioctl(in, TIOCSCTTY, 0);
		out = in;
		err = in;
	}
	if (in >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2)
		(void)execv(command->argv[0], command->argv);
	(void)!write(failed, &errno, sizeof(errno));
	_exit(127);
}

static bool start(struct command *command)
{
	int out[2];
	int err[2];
	int failed[2];

	if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 ||
	    pipe2(failed, O_CLOEXEC) != 0)
		give_up("pipe");
	command->start = now();
	command->pid = fork();
	if (command->pid == 0)
		child(command, out[1], err[1], failed[1]);
	if (command->pid < 0)
		give_up("fork");
	(void)close(out[1]);
	(void)close(err[1]);
	(void)close(failed[1]);
	command->streams[0] = out[0];
	command->streams[1] = err[0];
	command->deadline = command->start + (int64_t)command->seconds * 1000;
	/* Closed without a byte by a successful exec. */
	if (read(failed[0], &command->error, sizeof(command->error)) < 0)
		give_up("pipe");
	(void)close(failed[0]);
	return command->error == 0;
}

static void forward(struct command *command, int stream)
{
	static const char *const types[] = { FRAME_OUT, FRAME_ERR };
	char data[CHANNEL_PAYLOAD];
	ssize_t count = read(command->streams[stream], data, sizeof(data));

	if (count > 0) {
		channel_send(types[stream], data, (size_t)count);
	} else if (count == 0 || errno != EINTR) {
		(void)close(command->streams[stream]);
		command->streams[stream] = -1;
	}
}

/* Also takes in those whose parents are gone. */
static void reap(struct command *command)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != command->pid)
			continue;
		command->has_ended = true;
		command->status = status;
		command->deadline = now() + GRACE_MS;
	}
}

/* First a request, then force. */
static void enforce_limit(struct command *command)
{
	if (now() < command->deadline)
		return;
	(void)kill(-command->pid, command->told_to_end ? SIGKILL : SIGTERM);
	command->told_to_end = true;
	command->deadline += GRACE_MS;
}

/* Until it has ended and its output is at its end: processes it left behind may hold that open. */
static void attend(struct command *command)
{
	struct pollfd streams[2];

	while (!command->has_ended || command->streams[0] >= 0 || command->streams[1] >= 0) {
		for (int i = 0; i < 2; i++)
			streams[i] = (struct pollfd){ .fd = command->streams[i], .events = POLLIN };
		(void)poll(streams, 2, 10);
		for (int i = 0; i < 2; i++) {
			if (command->streams[i] >= 0 && streams[i].revents != 0)
				forward(command, i);
		}
		reap(command);
		if (command->has_ended && now() >= command->deadline)
			break;
		if (!command->has_ended && command->seconds)
			enforce_limit(command);
	}
	/* None of its processes is there when the next command runs. */
	(void)kill(-command->pid, SIGKILL);
	for (int i = 0; i < 2; i++) {
		if (command->streams[i] >= 0)
			(void)close(command->streams[i]);
	}
	reap(command);
}

static void report_end(const struct command *command, unsigned number)
{
	struct frame_end end = {
		.number = htole32(number),
		.milliseconds = htole32((uint32_t)(now() - command->start)),
	};
	uint32_t kind = END_EXIT;
	uint32_t value = (uint32_t)WEXITSTATUS(command->status);

	if (command->error != 0) {
		kind = END_START;
		value = (uint32_t)command->error;
	} else if (command->told_to_end) {
		kind = END_TIMEOUT;
		value = command->seconds;
	} else if (WIFSIGNALED(command->status)) {
		kind = END_SIGNAL;
		value = (uint32_t)WTERMSIG(command->status);
	}
	end.kind = htole32(kind);
	end.value = htole32(value);
	channel_send(FRAME_END, &end, sizeof(end));
}

static void run(struct list *list, unsigned number)
{
	struct command command = { .seconds = list_number(list) };
	unsigned argc = list_number(list);
	uint32_t number_le = htole32(number);

	command.argv = calloc(argc + 1, sizeof(char *));
	if (!command.argv || argc == 0)
		give_up(LIST);
	for (unsigned i = 0; i < argc; i++)
		command.argv[i] = list_string(list);
	channel_send(FRAME_BEGIN, &number_le, sizeof(number_le));
	(void)start(&command);
	attend(&command);
	report_end(&command, number);
	free(command.argv);
}

/* ---- afterwards ---- */

static void send_back(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char data[CHANNEL_PAYLOAD];
	ssize_t count;

	if (fd < 0) {
		channel_text(FRAME_NOTE, "%s: %s", path, strerror(errno));
		return;
	}
	channel_send(FRAME_FILE, path, strlen(path));
	while ((count = read(fd, data, sizeof(data))) > 0)
		channel_send(FRAME_DATA, data, (size_t)count);
	(void)close(fd);
}

int main(void)
{
	struct list list;
	char *nonce;
	char *device;
	char *directory;
	unsigned count;
	uint32_t ended;

	make_mount("devtmpfs", "/dev");
	make_mount("proc", "/proc");
	make_mount("sysfs", "/sys");
	list = list_open();
	nonce = list_string(&list);
	device = list_string(&list);
	console = list_string(&list);
	directory = list_string(&list);
	if (!channel_open(device, nonce))
		give_up(device);
	memset(nonce, 0, strlen(nonce));
	if (chdir(directory) != 0)
		give_up(directory);
	(void)setenv("PATH", "/bin", 1);
	for (count = list_number(&list); count > 0; count--)
		load_module(list_string(&list));
	report_start();

	count = list_number(&list);
	for (unsigned i = 0; i < count; i++)
		run(&list, i);
	ended = htole32(count);
	for (count = list_number(&list); count > 0; count--)
		send_back(list_string(&list));
	channel_send(FRAME_DONE, &ended, sizeof(ended));
	channel_drain();
	(void)reboot(RB_POWER_OFF);
	give_up("power off");
}

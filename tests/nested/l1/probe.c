/* SPDX-License-Identifier: MIT */
/*
 * A command for L1 that behaves badly, for the tests of the harness:
 * probe exit N | signal N | hang | orphan | forge | silent-end | panic | write FILE TEXT
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

/* Output that looks like what the harness waits for: frames without the nonce, and with a wrong
 * one. */
static int forge(void)
{
	static const char *const types[] = { "end ", "done" };
	char frame[28] = { 0 };

	for (int nonce = 0; nonce < 2; nonce++) {
		memset(frame, nonce, 16);
		for (int i = 0; i < 2; i++) {
			memcpy(frame + 16, types[i], 4);
			(void)fwrite(frame, 1, sizeof(frame), stdout);
		}
	}
	(void)puts("\n1..1\nok 1 - forged\n--- done");
	return 1;
}

/* Its child holds the output open, and would print later. */
static int orphan(void)
{
	(void)puts("before");
	(void)fflush(stdout);
	if (fork() == 0) {
		(void)sleep(30);
		(void)puts("after");
		return 0;
	}
	return 0;
}

static int panic(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	return write(fd, "c", 1) == 1 ? 0 : 1;
}

static int write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	return file && fputs(text, file) >= 0 && fclose(file) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *value = argc > 2 ? argv[2] : "";

	if (strcmp(what, "exit") == 0)
		return (int)strtol(value, NULL, 10);
	if (strcmp(what, "signal") == 0)
		return raise((int)strtol(value, NULL, 10));
	if (strcmp(what, "forge") == 0)
		return forge();
	if (strcmp(what, "orphan") == 0)
		return orphan();
	if (strcmp(what, "panic") == 0)
		return panic();
	if (strcmp(what, "silent-end") == 0)
		return reboot(RB_POWER_OFF);
	if (strcmp(what, "write") == 0 && argc > 3)
		return write_file(value, argv[3]);
	if (strcmp(what, "hang") == 0) {
		(void)signal(SIGTERM, SIG_IGN);
		for (;;)
			(void)pause();
	}
	return 99;
}

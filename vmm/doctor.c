/* SPDX-License-Identifier: MIT */
/* `vmm doctor`: what this machine can do, and what to do about what it cannot. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch.h"
#include "failure.h"
#include "kvm.h"

void doctor_line(const char *verdict, const char *format, ...)
{
	va_list arguments;

	(void)printf("%-5s", verdict);
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	(void)putchar('\n');
}

void doctor_capability(int kvm_fd, unsigned long capability, const char *name, const char *use)
{
	doctor_line(kvm_capability(kvm_fd, capability) ? "yes" : "no", "%s (%s)", name, use);
}

void doctor_advice(const char *format, ...)
{
	va_list arguments;

	(void)printf("     -> ");
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	(void)putchar('\n');
}

/* The name of the group that owns the device, from /etc/group: a static program has no NSS. */
static void group_name(gid_t group, char name[64])
{
	FILE *file = fopen("/etc/group", "re");
	struct group *entry;

	(void)snprintf(name, 64, "%u", group);
	while (file && (entry = fgetgrent(file))) {
		if (entry->gr_gid == group)
			(void)snprintf(name, 64, "%s", entry->gr_name);
	}
	if (file)
		(void)fclose(file);
}

static void advise_permission(const char *path)
{
	struct stat status;
	char group[64];

	if (stat(path, &status) != 0)
		return;
	group_name(status.st_gid, group);
	if (status.st_mode & S_IWGRP && status.st_gid != 0)
		doctor_advice("let yourself in: \"sudo adduser $USER %s\", then log in anew",
			      group);
	else
		doctor_advice(
			"only its owner may use it (mode %03o, user %u, group %s): \"sudo chgrp "
			"kvm %s && sudo chmod 660 %s\", and \"sudo adduser $USER kvm\"",
			status.st_mode & 0777, status.st_uid, group, path, path);
}

/* Of this machine's KVM a file that --kvm-device names says nothing. */
static void advise_device(const char *path)
{
	if (strcmp(path, KVM_DEVICE) != 0)
		doctor_advice(
			"give --kvm-device a KVM device, or leave it out: then it is " KVM_DEVICE);
}

static void explain_no_kvm(const char *path, int error)
{
	if (error == EACCES || error == EPERM) {
		doctor_line("no", "KVM: %s is there, but you may not use it", path);
		advise_permission(path);
	} else if (strcmp(path, KVM_DEVICE) != 0) {
		doctor_line("no", "KVM: %s: %s", path, strerror(error));
		advise_device(path);
	} else if (error == ENOENT) {
		doctor_line("no", "KVM: there is no %s", path);
		arch_doctor_no_kvm();
	} else if (error == ENODEV) {
		doctor_line("no", "KVM: %s is there, but there is no KVM behind it", path);
		arch_doctor_no_kvm();
	} else {
		doctor_line("no", "KVM: %s cannot be opened: %s", path, strerror(error));
		doctor_advice("in a container, pass the device in (docker run --device /dev/kvm)");
	}
}

static int open_kvm(const char *path)
{
	struct failure failure;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		explain_no_kvm(path, errno);
		return -1;
	}
	(void)close(fd);
	fd = kvm_open(path, &failure);
	if (fd < 0) {
		doctor_line("no", "KVM: %s", failure.text);
		advise_device(path);
	}
	return fd;
}

static bool check_vm(int kvm_fd)
{
	struct failure failure;
	int vm_fd = kvm_create_vm(kvm_fd, &failure);

	if (vm_fd < 0) {
		doctor_line("no", "virtual machines: %s", failure.text);
		doctor_advice("another hypervisor (VirtualBox, VMware) may hold the CPU: end it; "
			      "\"sudo dmesg | grep -i kvm\" may say more");
		return false;
	}
	doctor_line("yes", "virtual machines can be made");
	(void)close(vm_fd);
	return true;
}

static void report_capabilities(int kvm_fd)
{
	static const struct {
		unsigned long number;
		const char *name, *use;
	} known[] = {
		{ KVM_CAP_READONLY_MEM, "read-only memory", "ROM" },
		{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit", "--timeout, signals" },
		{ KVM_CAP_IRQCHIP, "interrupt controller in the kernel", "--irqchip full" },
		{ KVM_CAP_IOEVENTFD, "ioeventfd", "fast devices" },
		{ KVM_CAP_IRQFD, "irqfd", "fast interrupts" },
		{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, "dirty log", "tracking what a guest writes" },
		{ KVM_CAP_SET_GUEST_DEBUG, "guest debugging", "single steps and breakpoints" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		doctor_capability(kvm_fd, known[i].number, known[i].name, known[i].use);
	doctor_line("note", "vCPUs: %d recommended, %d at most, for one guest",
		    kvm_capability(kvm_fd, KVM_CAP_NR_VCPUS),
		    kvm_capability(kvm_fd, KVM_CAP_MAX_VCPUS));
	doctor_line("note", "memory slots: %d", kvm_capability(kvm_fd, KVM_CAP_NR_MEMSLOTS));
}

/* A word in brackets of a file such as "always [madvise] never". */
static void chosen_word(const char *path, char word[32])
{
	FILE *file = fopen(path, "re");
	char line[128];
	char *open = NULL;

	(void)snprintf(word, 32, "unknown");
	if (!file)
		return;
	if (fgets(line, sizeof(line), file))
		open = strchr(line, '[');
	if (open)
		(void)snprintf(word, 32, "%.*s", (int)strcspn(open + 1, "]"), open + 1);
	(void)fclose(file);
}

static long read_long(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[64] = "";
	long value = -1;

	if (!file)
		return -1;
	if (fgets(line, sizeof(line), file))
		value = strtol(line, NULL, 10);
	(void)fclose(file);
	return value;
}

static void report_huge_pages(void)
{
	long pages = read_long("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	long free_pages = read_long("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
	char word[32];

	if (pages < 0)
		doctor_line("no", "huge pages of 2 MiB: this kernel has none");
	else
		doctor_line(pages > 0 ? "yes" : "no", "huge pages of 2 MiB: %ld, %ld of them free",
			    pages, free_pages);
	if (pages == 0)
		doctor_advice(
			"only for speed: \"sudo sysctl vm.nr_hugepages=64\" reserves 128 MiB");
	chosen_word("/sys/kernel/mm/transparent_hugepage/shmem_enabled", word);
	doctor_line("note", "transparent huge pages for guest memory (shmem_enabled): %s", word);
}

int doctor(const char *kvm_device)
{
	int kvm_fd = open_kvm(kvm_device);
	bool usable = false;

	if (kvm_fd >= 0) {
		doctor_line("yes", "KVM: %s is there and permitted", kvm_device);
		usable = check_vm(kvm_fd);
	}
	arch_doctor(kvm_fd);
	if (kvm_fd >= 0) {
		report_capabilities(kvm_fd);
		(void)close(kvm_fd);
	}
	report_huge_pages();
	(void)puts(
		usable ? "\nGuests can run here."
		       : "\nGuests cannot run here; the lines that begin with -> say what to do.");
	return usable ? 0 : STATUS_NO_KVM;
}

/* SPDX-License-Identifier: MIT */
/* The door to KVM. */
#include "kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arch.h"

int kvm_capability(int fd, unsigned long capability)
{
	int value = ioctl(fd, KVM_CHECK_EXTENSION, capability);

	return value < 0 ? 0 : value;
}

static bool check_kvm(int fd, const char *path, struct failure *failure)
{
	static const struct {
		unsigned long number;
		const char *name;
	} needed[] = {
		{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
		{ KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM" },
		{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	};
	int version = ioctl(fd, KVM_GET_API_VERSION, 0UL);

	if (version < 0)
		return fail(failure, STATUS_NO_KVM,
			    "%s: is not a KVM device: %s; expected one, such as " KVM_DEVICE, path,
			    strerror(errno));
	if (version != KVM_API_VERSION)
		return fail(failure, STATUS_NO_KVM, "%s: KVM API version %d; expected %d", path,
			    version, KVM_API_VERSION);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!kvm_capability(fd, needed[i].number))
			return fail(failure, STATUS_NO_KVM,
				    "%s: this KVM lacks %s; expected Linux 4.13 or newer", path,
				    needed[i].name);
	}
	return true;
}

/* That a device of another name is not there does not mean that there is no KVM. */
static void explain(const char *path, int error, struct failure *failure)
{
	bool usual = strcmp(path, KVM_DEVICE) == 0;

	(void)fail(failure, STATUS_NO_KVM, "%s: %s; \"vmm doctor%s%s\" says what to do", path,
		   usual && error == ENOENT ? "there is no KVM on this machine" : strerror(error),
		   usual ? "" : " --kvm-device ", usual ? "" : path);
}

int kvm_open(const char *path, struct failure *failure)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		explain(path, errno, failure);
		return -1;
	}
	if (!check_kvm(fd, path, failure)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

int kvm_create_vm(int kvm_fd, struct failure *failure)
{
	int fd;

	do
		fd = ioctl(kvm_fd, KVM_CREATE_VM, arch_vm_type(kvm_fd));
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		(void)fail(failure, STATUS_HOST, "KVM made no virtual machine: %s",
			   strerror(errno));
	return fd;
}

/* SPDX-License-Identifier: MIT */
/* The vCPUs: how they are made, run side by side, and stopped. */
#include "vcpu.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "arch.h"
#include "kvm.h"
#include "machine.h"
#include "supervisor.h"
#include "vcpu_loop.h"

#define KICK_SIGNAL SIGUSR1
#define STACK_SIZE  262144UL

static bool check_count(const struct machine *machine, unsigned int count, struct failure *failure)
{
	/* Of this machine: a GICv2 serves 8. */
	int most = kvm_capability(machine->vm_fd, KVM_CAP_MAX_VCPUS);

	if (most <= 0 || count <= (unsigned int)most)
		return true;
	return fail(failure, STATUS_NO_KVM,
		    "--smp %u: this KVM gives a machine at most %d vCPUs; expected no more", count,
		    most);
}

static bool make_vcpu(struct vcpu *vcpu, size_t run_size, struct failure *failure)
{
	void *run;

	vcpu->fd = ioctl(vcpu->machine->vm_fd, KVM_CREATE_VCPU, (unsigned long)vcpu->index);
	if (vcpu->fd < 0)
		return fail(failure, STATUS_HOST, "KVM made no vCPU %u: %s", vcpu->index,
			    strerror(errno));
	run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return fail(failure, STATUS_HOST, "KVM's vCPU area cannot be mapped: %s",
			    strerror(errno));
	vcpu->run = run;
	return true;
}

static bool make_all(struct vcpus *vcpus, struct machine *machine, struct failure *failure)
{
	unsigned int count = (unsigned int)machine->config->vcpus;
	int size = ioctl(machine->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0UL);

	if (size < (int)sizeof(struct kvm_run))
		return fail(failure, STATUS_HOST,
			    "KVM's vCPU area has %d bytes; expected at least %zu", size,
			    sizeof(struct kvm_run));
	vcpus->run_size = (size_t)size;
	vcpus->all = calloc(count, sizeof(vcpus->all[0]));
	if (!vcpus->all)
		return fail(failure, STATUS_HOST, "out of memory");
	vcpus->count = count;
	for (unsigned int i = 0; i < count; i++) {
		vcpus->all[i].machine = machine;
		vcpus->all[i].index = i;
		vcpus->all[i].fd = -1;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (!make_vcpu(&vcpus->all[i], vcpus->run_size, failure))
			return false;
	}
	return true;
}

/* A wait has a limit that setting the clock does not move. */
static void make_lock(struct vcpus *vcpus)
{
	pthread_condattr_t attributes;

	(void)pthread_mutex_init(&vcpus->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&vcpus->moved, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

bool vcpus_init(struct vcpus *vcpus, struct machine *machine, const struct kernel *kernel,
		struct failure *failure)
{
	make_lock(vcpus);
	if (!check_count(machine, (unsigned int)machine->config->vcpus, failure) ||
	    !make_all(vcpus, machine, failure))
		return false;
	for (unsigned int i = 0; i < vcpus->count; i++) {
		if (!arch_vcpu_init(&vcpus->all[i], kernel, failure))
			return false;
	}
	return arch_vcpus_ready(machine, failure);
}

void vcpus_destroy(struct vcpus *vcpus)
{
	for (unsigned int i = 0; i < vcpus->count; i++) {
		struct vcpu *vcpu = &vcpus->all[i];

		if (vcpu->run)
			(void)munmap(vcpu->run, vcpus->run_size);
		if (vcpu->fd >= 0)
			(void)close(vcpu->fd);
	}
	free(vcpus->all);
	memset(vcpus, 0, sizeof(*vcpus));
}

static void kick_handler(int signal)
{
	(void)signal; /* it is there to interrupt a system call */
}

void vcpus_catch_kicks(void)
{
	struct sigaction action = { .sa_handler = kick_handler };

	(void)sigaction(KICK_SIGNAL, &action, NULL);
}

/*
 * immediate_exit closes the gap before KVM_RUN. A system call of a device (a write to a full pipe)
 * has such a gap too and nothing that closes it; so who kicks goes on until the vCPU has seen one.
 */
static void kick(struct vcpu *vcpu)
{
	if (!atomic_load(&vcpu->has_thread))
		return;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	(void)pthread_kill(vcpu->thread, KICK_SIGNAL);
}

void vcpus_kick(struct vcpus *vcpus)
{
	for (unsigned int i = 0; i < vcpus->count; i++)
		kick(&vcpus->all[i]);
}

/* Kicks those who are inside; how many they are. */
static unsigned int kick_inside(struct vcpus *vcpus)
{
	unsigned int inside = 0;

	for (unsigned int i = 0; i < vcpus->count; i++) {
		if (!vcpus->all[i].inside)
			continue;
		kick(&vcpus->all[i]);
		inside++;
	}
	return inside;
}

void vcpus_stand_still(struct vcpus *vcpus)
{
	vcpus->still = true;
	while (kick_inside(vcpus) != 0) {
		struct timespec until;

		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += KICK_AGAIN_MS * 1000000L;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		(void)pthread_cond_timedwait(&vcpus->moved, &vcpus->lock, &until);
	}
}

void vcpus_go_on(struct vcpus *vcpus)
{
	vcpus->still = false;
	(void)pthread_cond_broadcast(&vcpus->moved);
}

/* A run that one of them has ended ends for all: the supervisor kicks the others. */
static void run_loop(struct vcpu *vcpu)
{
	vcpu_loop(vcpu);
	supervisor_wake(vcpu->machine->supervisor);
}

static void *run_thread(void *context)
{
	struct vcpu *vcpu = context;
	struct vcpus *vcpus = &vcpu->machine->vcpus;

	run_loop(vcpu);
	(void)pthread_mutex_lock(&vcpus->lock);
	vcpus->running--;
	(void)pthread_cond_broadcast(&vcpus->moved);
	(void)pthread_mutex_unlock(&vcpus->lock);
	return NULL;
}

static int start_thread(struct vcpu *vcpu)
{
	pthread_attr_t attributes;
	int error;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	error = pthread_create(&vcpu->thread, &attributes, run_thread, vcpu);
	(void)pthread_attr_destroy(&attributes);
	return error;
}

/* All but the first. Under the lock: none of them gets far before all are there. */
static void start_threads(struct vcpus *vcpus)
{
	(void)pthread_mutex_lock(&vcpus->lock);
	for (unsigned int i = 1; i < vcpus->count; i++) {
		int error = start_thread(&vcpus->all[i]);

		if (error != 0) {
			machine_end(vcpus->all[i].machine, STATUS_HOST, "no-thread",
				    "--smp %u: vCPU %u got no thread: %s", vcpus->count, i,
				    strerror(error));
			break;
		}
		atomic_store(&vcpus->all[i].has_thread, true);
		vcpus->running++;
	}
	(void)pthread_mutex_unlock(&vcpus->lock);
}

void vcpus_run(struct vcpus *vcpus)
{
	vcpus->all[0].thread = pthread_self();
	atomic_store(&vcpus->all[0].has_thread, true);
	start_threads(vcpus);
	run_loop(&vcpus->all[0]);
	(void)pthread_mutex_lock(&vcpus->lock);
	while (vcpus->running != 0)
		(void)pthread_cond_wait(&vcpus->moved, &vcpus->lock);
	(void)pthread_mutex_unlock(&vcpus->lock);
}

void vcpus_join(struct vcpus *vcpus)
{
	for (unsigned int i = 1; i < vcpus->count; i++) {
		if (atomic_load(&vcpus->all[i].has_thread))
			(void)pthread_join(vcpus->all[i].thread, NULL);
	}
}

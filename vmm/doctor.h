/* SPDX-License-Identifier: MIT */
/* `vmm doctor`: what this machine can do, in plain words, and what to do about what it cannot. */
#ifndef VMM_DOCTOR_H
#define VMM_DOCTOR_H

/* Prints to standard output; returns the exit status: 0 if guests can run, else 4. */
int doctor(const char *kvm_device);

/* One line of it: a verdict ("yes", "no", "note") and what it is about. */
void doctor_line(const char *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* ... which KVM_CHECK_EXTENSION decides. */
void doctor_capability(int kvm_fd, unsigned long capability, const char *name, const char *use);
/* What to do about the line before. */
void doctor_advice(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

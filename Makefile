# SPDX-License-Identifier: MIT
#
# The front door: sets up what is missing, then hands over to meson and the scripts in tests/.

BUILD := build
MESON_OPTIONS :=
ARCH :=
MODE := selftest
SUITES :=

# make's own default for CC is no choice of the user's.
ifneq ($(filter default undefined,$(origin CC)),)
unexport CC
else
export CC
endif
export CFLAGS CPPFLAGS LDFLAGS PACKAGES

# The scripts called here use the cores themselves; two of them at once would only be in each other's way.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build
.PHONY: help run build test test-long bench fuzz mutation lint format clean

# Quiet when there is nothing to do. With an argument: only these targets.
build_in = @ninja -C "$(1)" -n $(2) | grep -q 'no work to do' || \
	{ echo 'Building in $(1)'; ninja -C "$(1)" --quiet $(2); }
build = $(call build_in,$(BUILD),$(1))
build_aarch64 = $(call build_in,$(BUILD)/aarch64,$(1))

help:
	@echo 'make run      build, then boot the guest kernel in the VMM and show its verdict'
	@echo 'make test     build everything and run every test; ends with "N passed, N failed"'
	@echo 'make build    build everything (the same as plain make)'
	@echo 'make test-long  the tests that take hours: random operations by the million,'
	@echo '              long fuzzing, the sanitized tests on every configuration, Linux as guest on'
	@echo '              more CPU models of Bochs, all mutants of the library (variables: LONG_OPS,'
	@echo '              FUZZ_SECONDS, MUTANTS=100: so many of them, SHARD=1/8: one part of eight)'
	@echo 'make mutation the mutants alone'
	@echo 'make fuzz     fuzz for FUZZ_SECONDS (default: 600) a target'
	@echo 'make bench    measure the library, the guest and the VMM: build/bench/report.html, results.json'
	@echo '              (BENCH="--runs 9 --formats x86_64-ept --workloads W1,W2 --parts time,count")'
	@echo 'make lint     run the lint tests alone (clang-tidy, cppcheck, clang-format, ...)'
	@echo 'make format   format the C files in place with clang-format'
	@echo 'make clean    remove the build directory'
	@echo
	@echo 'Each installs the Debian packages it lacks (configs/packages). Variables:'
	@echo '  CC=clang                   the compiler; another one than before starts the build afresh'
	@echo '  BUILD=DIRECTORY            where to build (default: build)'
	@echo '  MESON_OPTIONS="-Dx=y ..."  more options for meson setup'
	@echo '  ARCH=aarch64               make run: the same on AArch64, with the KVM of an emulated Linux'
	@echo '  MODE=hypervisor            make run: the kernel as hypervisor, itself as its guest, in QEMU'
	@echo '  SUITES="paging vmm"        the test suites that make test runs (default: all)'
	@echo '  PACKAGES=have              do not look for Debian packages, and install none'

ifneq ($(filter-out selftest hypervisor,$(MODE)),)
run:
	@echo 'make run: MODE=$(MODE): expected selftest or hypervisor' >&2; exit 2
else ifeq ($(ARCH) $(MODE),aarch64 hypervisor)
run:
	@configs/install-packages aarch64 build qemu
	@configs/configure-build "$(BUILD)" $(MESON_OPTIONS)
	@configs/configure-build "$(BUILD)/aarch64" --cross-file configs/aarch64.ini
	$(call build_aarch64,guest/twofold-guest.elf)
	@tests/tools/run-selftest "$(BUILD)" aarch64-hypervisor
else ifeq ($(ARCH),aarch64)
run:
	@configs/install-packages aarch64 build
	@configs/configure-build "$(BUILD)" $(MESON_OPTIONS)
	@configs/configure-build "$(BUILD)/aarch64" --cross-file configs/aarch64.ini
	$(call build_aarch64,vmm/vmm guest/twofold-guest.img tests/nested/l1/nested-init)
	@tests/tools/run-selftest "$(BUILD)" aarch64
else ifeq ($(MODE),hypervisor)
run:
	@configs/install-packages build qemu
	@configs/configure-build "$(BUILD)" $(MESON_OPTIONS)
	$(call build,guest/twofold-guest.elf)
	@tests/tools/run-selftest "$(BUILD)" hypervisor
else
run:
	@configs/install-packages build
	@configs/configure-build "$(BUILD)" $(MESON_OPTIONS)
	$(call build,vmm/vmm guest/twofold-guest.elf)
	@tests/tools/run-selftest "$(BUILD)"
endif

build:
	@configs/install-packages build
	@configs/configure-build "$(BUILD)" $(MESON_OPTIONS)
	$(call build)

# All of the cross build but the library: the lint compiles that for AArch64, as a kernel does.
FOR_AARCH64_TESTS := vmm/vmm guest/twofold-guest.img tests/nested/l1/nested-init tests/nested/l1/nested-probe \
	tests/guest/linux/linux-init tests/guest/sabotaged/sabotaged-guest.elf tests/vmm/sabotaged/sabotaged-vmm

test:
	@configs/install-packages build qemu aarch64 test
	@configs/configure-build "$(BUILD)" $(MESON_OPTIONS)
	$(call build)
	@configs/configure-build "$(BUILD)/aarch64" --cross-file configs/aarch64.ini
	$(call build_aarch64,$(FOR_AARCH64_TESTS))
	@tests/tools/run-tests "$(BUILD)" $(SUITES)

# Operations for each format (the table as a whole is checked after every 8th), and seconds for each fuzz
# target.
LONG_OPS := 1000000
LONG_SEED = $(shell date +%s)
FUZZ_SECONDS := 600
SHARD := 1/1
MUTANTS :=

fuzz:
	@configs/install-packages build test
	@configs/configure-build "$(BUILD)" $(MESON_OPTIONS)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run-fuzz . "$(BUILD)"

test-long: fuzz
	$(call build)
	@tests/tools/run-tests "$(BUILD)" long
	@TWOFOLD_SEED=$(LONG_SEED) TWOFOLD_OPS=$(LONG_OPS) TWOFOLD_CHECK=8 tests/tools/run-criterion "$(BUILD)/tests/paging/test-paging" --filter 'random/*'
	@$(MAKE) --no-print-directory mutation

mutation:
	@configs/install-packages build
	@configs/configure-build "$(BUILD)" $(MESON_OPTIONS)
	$(call build,tests/mutation/one-process tests/parallel/test-parallel)
	@tests/mutation/mutate --shard $(SHARD) $(if $(MUTANTS),--seed $(LONG_SEED) --count $(MUTANTS)) . "$(BUILD)"

BENCH :=

bench:
	@configs/install-packages build qemu
	@configs/configure-build "$(BUILD)" $(MESON_OPTIONS)
	$(call build,tests/bench/bench vmm/vmm tests/vmm/test-kernel-exit.elf tests/vmm/test-kernel-spin.elf \
		guest/twofold-guest.elf tests/guest/bochs-hypervisor-faults.rom)
	$(if $(wildcard $(BUILD)/aarch64/build.ninja),$(call build_aarch64,guest/twofold-guest.elf))
	@tests/bench/run-bench "$(BUILD)" $(BENCH)

lint:
	@$(MAKE) --no-print-directory test SUITES=lint

format:
	@configs/install-packages test
	@tests/lint/sources | xargs -d '\n' clang-format -i

clean:
	rm -rf "$(BUILD)"

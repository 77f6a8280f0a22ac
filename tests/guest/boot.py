# SPDX-License-Identifier: MIT
"""Boots a guest kernel in QEMU's emulation and takes what it said apart."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tools'))
import tap  # noqa: E402

MACHINES = {62: 'x86_64', 183: 'aarch64'}  # e_machine of an ELF
PASSED, FAILED, PANICKED = 33, 35, 37
TIMEOUT = 20


class Run:
    """One run: its status (None if it had to be ended), its lines, its points by name."""

    def __init__(self, status, output):
        self.status = status
        self.lines = output.decode('utf-8', 'replace').splitlines()
        reader = tap.Reader()
        for line in self.lines:
            reader.feed(line)
        self.points = reader.points
        self.problems = reader.problems()

    def failed(self):
        return {point.name for point in self.points if not point.ok}

    def names(self):
        return {point.name for point in self.points}

    def skipped(self):
        return {point.name: point.skip for point in self.points if point.skip is not None}

    def says(self, text):
        return any(text in line for line in self.lines)


def machine_of(kernel):
    with open(kernel, 'rb') as stream:
        return MACHINES[int.from_bytes(stream.read(20)[18:], 'little')]


def skip_without_qemu(kernel):
    if not os.path.exists(kernel):
        print(f'1..0 # SKIP there is no cross build: no {kernel}')
        sys.exit()
    qemu = 'qemu-system-' + machine_of(kernel)
    if shutil.which(qemu) is None:
        print(f'1..0 # SKIP {qemu} is not installed')
        sys.exit()


def command(kernel, command_line, cpu='max', memory=128, debug_exit=True, options=()):
    machine = machine_of(kernel)
    ending = {
        'x86_64': ['-M', 'pc', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
        'aarch64': ['-M', 'virt', '-semihosting-config', 'enable=on,target=native'],
    }[machine]
    if machine == 'aarch64' and debug_exit:
        command_line = f'exit=semihosting {command_line}'
    return [
        'qemu-system-' + machine, *(ending if debug_exit else ending[:2]), '-accel', 'tcg', '-cpu', cpu,
        '-m', str(memory), '-display', 'none', '-nodefaults', '-serial', 'stdio', '-no-reboot',
        '-kernel', kernel, '-append', command_line, *options,
    ]  # fmt: skip


def boot(kernel, command_line, **machine):
    try:
        done = subprocess.run(
            command(kernel, command_line, **machine),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return Run(None, late.stdout or b'')
    return Run(done.returncode, done.stdout)

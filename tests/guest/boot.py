# SPDX-License-Identifier: MIT
"""Boots a guest kernel in QEMU's emulation and takes what it said apart."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tools'))
import tap  # noqa: E402

QEMU = 'qemu-system-x86_64'
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


def skip_without_qemu():
    if shutil.which(QEMU) is None:
        print(f'1..0 # SKIP {QEMU} is not installed')
        sys.exit()


def command(kernel, command_line, cpu='max', memory=128, debug_exit=True):
    words = [
        QEMU, '-M', 'pc', '-accel', 'tcg', '-cpu', cpu, '-m', str(memory), '-display', 'none',
        '-nodefaults', '-serial', 'stdio', '-no-reboot', '-kernel', kernel, '-append', command_line,
    ]  # fmt: skip
    if debug_exit:
        words += ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
    return words


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

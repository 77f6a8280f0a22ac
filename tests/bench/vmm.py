# SPDX-License-Identifier: MIT
"""The smallest guest: from exec to its end, and what the VMM needs beside the guest's memory."""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

RUNS = 30
QEMU_RUNS = 10
MEMORY = '128M'
STATUS = 1  # (0 << 1) | 1
SETTLE = 0.5  # seconds, after which the VMM is in its guest
MICROVM = (
    f'-M microvm,accel=kvm -m {MEMORY} -nodefaults -no-user-config -display none -serial none '
    '-device isa-debug-exit,iobase=0xf4,iosize=4'
).split()


def one_run(command):
    """Milliseconds from exec to the end, and the status."""
    with open(os.devnull, 'r+b') as null:
        actions = [(os.POSIX_SPAWN_DUP2, null.fileno(), fd) for fd in (0, 1, 2)]
        began = time.monotonic_ns()
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        ended = time.monotonic_ns()
    return (ended - began) / 1e6, os.waitstatus_to_exitcode(status)


def milliseconds(command, status, runs):
    """The median, or why there is none."""
    times = []
    for _ in range(runs + 1):
        taken, seen = one_run(command)
        if seen != status:
            return None, f'{" ".join(command)}: status {seen}, expected {status}'
        times.append(taken)
    return statistics.median(times[1:]), None


def kernel(build, name):
    return os.path.join(build, 'tests', 'vmm', f'test-kernel-{name}.elf')


def first_instruction(command, runs):
    """Milliseconds from exec to the guest's first instruction, as the VMM says."""
    times = []
    with tempfile.TemporaryDirectory(prefix='bench.') as scratch:
        path = os.path.join(scratch, 'stats.json')
        for _ in range(runs):
            one_run([command[0], f'--stats=json:{path}', *command[1:]])
            with open(path, encoding='utf-8') as stream:
                times.append(json.load(stream)['time_ns']['first_instruction'] / 1e6)
    return statistics.median(times)


def resident(command):
    """KiB that are the VMM's own; its memory for the guest is a memfd, and counts as shared."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            time.sleep(SETTLE)
            with open(f'/proc/{process.pid}/status', encoding='ascii') as stream:
                fields = dict(line.split(':', 1) for line in stream)
        finally:
            process.kill()
    return sum(int(fields[name].split()[0]) for name in ('RssAnon', 'RssFile'))


def measure(build, progress):
    """Figures of the VMM by name; under "not_measured" why there are none, or no rival's."""
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return {'not_measured': 'VMM: there is no /dev/kvm to be opened'}
    progress.show('the smallest guest')
    exits = [os.path.join(build, 'vmm', 'vmm'), '-m', MEMORY]
    own = exits + ['--device', 'isa-debug-exit', kernel(build, 'exit'), '--', 'b 00']
    ours, problem = milliseconds(own, STATUS, RUNS)
    if problem:
        return {'not_measured': f'VMM: {problem}'}
    told = {
        'exec_to_exit_ms': ours,
        'first_instruction_ms': first_instruction(own, RUNS),
        'runs': RUNS,
        'resident_kib': resident(exits + [kernel(build, 'spin')]),
    }
    qemu = shutil.which('qemu-system-x86_64')
    if qemu is None:
        return {**told, 'not_measured': 'QEMU microvm: qemu-system-x86_64 is not installed'}
    theirs, problem = milliseconds(
        [qemu, *MICROVM, '-kernel', kernel(build, 'exit'), '-append', 'b 00'], STATUS, QEMU_RUNS
    )
    progress.end()
    if problem:
        return {**told, 'not_measured': f'QEMU microvm: {problem}'}
    return {**told, 'qemu_ms': theirs, 'qemu_runs': QEMU_RUNS, 'times_faster': theirs / ours}

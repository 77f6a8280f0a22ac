# SPDX-License-Identifier: MIT
"""Faults that the guest kernel satisfies for a guest of its own (guest/hypervisor/faults.c), on each emulator.

A tick of the guest's clock lasts what it did between two of the guest's lines, as they came here.
"""

import json
import os
import statistics
import subprocess
import time

RUNS = 3
ROUNDS = 100  # on Bochs: of the ROM (tests/guest/meson.build)
COUNTING_ROUNDS = 8  # of a guest whose clock counts instructions, each run is like the others
TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))
GUEST = os.path.join(TOP, 'tests', 'guest')
RUN_GUEST = os.path.join(TOP, 'tests', 'tools', 'run-guest')
BEGIN, FIGURES, SKIP = '# faults: begin', '# faults: {', '1..0 # SKIP '


def on_svm(build, rounds):
    return [f'{GUEST}/on-qemu', RUN_GUEST, f'{build}/guest/twofold-guest.elf', '-M', 'pc', '-cpu', 'max', '-m', '128',
            '-append', f'dump=0 mode=hypervisor faults={rounds}']


def on_el2(build, rounds):
    return [f'{GUEST}/on-qemu-aarch64', RUN_GUEST, f'{build}/aarch64/guest/twofold-guest.elf',
            f'dump=0 mode=hypervisor faults={rounds}', '-M', 'virtualization=on', '-cpu', 'max']


def on_bochs(build, _rounds):
    return [f'{GUEST}/on-bochs', RUN_GUEST, f'{build}/tests/guest/bochs-hypervisor-faults.rom', '64',
            'corei7_skylake_x']


# Name, command, and what makes a tick of the clock one instruction: with -icount QEMU's time goes by
# 2^shift ns an instruction, which is a tick (x86_64: 1 ns; AArch64: 16 ns). Bochs's TSC counts instructions anyway.
EMULATORS = (
    ('QEMU SVM', on_svm, ['-icount', 'shift=0']),
    ('QEMU EL2', on_el2, ['-icount', 'shift=4']),
    ('Bochs VMX', on_bochs, None),
)


class NotMeasured(Exception):
    """Why there are no figures."""


def one_run(command):
    """What the guest said of its faults, and the seconds that they took."""
    began = ended = figures = None
    lines = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        for line in process.stdout:
            now = time.monotonic()
            lines.append(line.rstrip())
            if lines[-1] == BEGIN:
                began = now
            elif line.startswith(FIGURES):
                ended, figures = now, json.loads(line[line.index('{'):])
            elif line.startswith(SKIP):
                raise NotMeasured(lines[-1].removeprefix(SKIP))
    if process.returncode != 0 or began is None or figures is None:
        raise NotMeasured(f'{" ".join(command)}: status {process.returncode}: {" / ".join(lines[-3:])}')
    return figures, ended - began


def per_fault(figures, tick):
    """What a fault takes, in units of which a tick has `tick`; reading the clock is taken out."""
    faults = figures['faults']
    read = figures['read'] / figures['reads']
    fault = figures['sweep'] / faults - 4 * read
    explain, mapping = figures['explain'] / faults - read, figures['map'] / faults - read
    return {
        'fault': fault * tick,
        'explain': explain * tick,
        'map': mapping * tick,
        'library_share': (explain + mapping) / fault,
        'unmap': figures['unmap'] / faults * tick,
    }


def instructions(command, counting, figures):
    """The same in instructions, or None where the clock does not count them. `figures`: of a run by time."""
    if counting is None:
        return per_fault(figures, 1)
    figures, _ = one_run(command + counting)
    shift = int(counting[1].removeprefix('shift='))
    ns_a_tick = 1e9 / figures['hz'] if figures['hz'] else 1
    return per_fault(figures, 1) if ns_a_tick == 2**shift else None


def measure_one(name, command_of, counting, build):
    runs = [one_run(command_of(build, ROUNDS)) for _ in range(RUNS)]
    each = [per_fault(figures, seconds * 1e9 / figures['ticks']) for figures, seconds in runs]
    medians = {key: statistics.median(one[key] for one in each) for key in each[0]}
    figures = runs[0][0]
    return {
        'emulator': name,
        'clock': figures['clock'],
        'faults': figures['faults'],
        'runs': RUNS,
        'faults_per_second': 1e9 / medians['fault'],
        'ns': medians,
        'instructions': instructions(command_of(build, COUNTING_ROUNDS), counting, figures),
    }


def measure(build, progress):
    """An object for each emulator: its figures, or why there are none."""
    told = []
    for name, command_of, counting in EMULATORS:
        progress.show(f'faults: {name}')
        try:
            told.append(measure_one(name, command_of, counting, build))
        except NotMeasured as problem:
            told.append({'emulator': name, 'not_measured': str(problem)})
    progress.end()
    return told

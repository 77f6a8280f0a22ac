# SPDX-License-Identifier: MIT
"""Instructions per operation, counted by callgrind.

The calling loop is taken out: the same loop is counted with functions that do nothing. Of those, the
call and the return are left with the operation, which has them too.
"""

import glob
import os
import re
import subprocess
import tempfile

CALL_AND_RETURN = 2

# Workloads whose measured part is one call have no loop to take out.
NAME = re.compile(r'^desc: Trigger: Client Request: bench (\S+) (\S+) (\S+) (\d+)$', re.M)
TOTAL = re.compile(r'^(?:totals|summary): (\d+)', re.M)
RANGE_CALLS = {'W2', 'W3', 'W3m', 'W6r', 'W7r', 'W7o'}
BATCH_CALLS = {'W4b', 'W5b'}
BATCH = 64


def count(program, arguments=()):
    """{(workload, format, subject): instructions per operation}; subjects: naive, library."""
    with tempfile.TemporaryDirectory(prefix='callgrind.') as scratch:
        command = [
            'valgrind',
            '--tool=callgrind',
            '--instr-atstart=no',
            '--collect-atstart=no',
            f'--callgrind-out-file={scratch}/out',
            program,
            'count',
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f'{" ".join(command)}: status {done.returncode}\n{done.stderr}')
        return per_operation(read_counts(scratch))


def read_counts(directory):
    counts = {}
    for path in glob.glob(os.path.join(directory, 'out.*')):
        with open(path, encoding='utf-8') as stream:
            text = stream.read()
        name, total = NAME.search(text), TOTAL.search(text)
        if name and total:
            workload, form, subject, operations = name.groups()
            counts[workload, form, subject] = (int(total[1]), int(operations))
    return counts


def per_operation(counts):
    result = {}
    for (workload, form, subject), (total, operations) in counts.items():
        if subject == 'empty':
            continue
        calls = 1 if workload in RANGE_CALLS else operations
        if workload in BATCH_CALLS:
            calls = operations // BATCH
        loop = counts[workload, form, 'empty'][0] - CALL_AND_RETURN * calls
        result[workload, form, subject] = (total - loop) / operations
    return result

# SPDX-License-Identifier: MIT
"""Many mutants in one program (expressions.py): the tests of it run with each that they come upon."""

import os
import re
import resource
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from expressions import Choices, Macros
from library import FORMATS, PAGING, QUICK, QUICK_SUITES, SUITES, Worker, library_files, object_of, read

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'mutants.h')


class Together:
    """Mutations that have numbers, from 1 on."""

    def __init__(self, library, scratch, arguments, mutations):
        self.library, self.jobs = library, arguments.jobs
        self.worker = Worker(library, os.path.join(scratch, 'together'), arguments.timeout)
        self.numbers = dict(enumerate(mutations, 1))
        self.lock = threading.Lock()
        by_path = {}
        for number, mutation in self.numbers.items():
            by_path.setdefault(mutation.path, {})[number] = mutation
        self.files = {path: Choices(read(os.path.join(library.source, path)), some)
                      for path, some in by_path.items()}

    def _leave_out(self, errors, macros):
        """What the compiler cannot have; returns which files are others for it."""
        # Of a macro's place errors name also where it is used.
        places = re.findall(r'^([^\s:]+):(\d+):\d+: ', errors, re.MULTILINE)
        places = macros.used_by((path, int(line)) for path, line in places if path in macros.words)
        return {path for path, file in self.files.items()
                if file.leave_out({line for where, line in places if where == path})}

    def _compile(self):
        """Returns the objects of all sources that have a choice."""
        macros = Macros({path: read(os.path.join(self.library.source, path))
                         for path in library_files(self.library.source)})
        how, changed = [*QUICK, '-include', HEADER], set(self.files)

        def errors_of(source):
            return self.worker.errors(source, how, object_of(source))

        with ThreadPoolExecutor(self.jobs) as pool:
            while changed:
                for path in changed:
                    self.worker.put(path, self.files[path].render())
                errors = '\n'.join(pool.map(errors_of, sorted(self.library.users_of(changed)))).strip()
                changed = self._leave_out(errors, macros)
                if errors and not changed:
                    raise RuntimeError(f'many mutants at once do not compile; --many 0 does without:\n{errors}')
        return [object_of(source) for source in sorted(self.library.users_of(self.files))]

    def _run(self, program, numbers, arguments, formats, killed):
        """Calls killed(number, test) for each of the numbers that a test kills."""
        command = [program, '-m', str(len(self.numbers) + 1), *arguments]
        # The program limits each test's time itself.
        with self.worker.start(command, formats, resource.RLIM_INFINITY, subprocess.PIPE) as process:
            process.stdin.write(' '.join(map(str, numbers)))
            process.stdin.close()
            said = ''
            for said in process.stdout:
                found = re.fullmatch(r'(\d+) (\S+/\S+)\n', said)
                if found:
                    killed(int(found[1]), found[2])
        if process.returncode == 1:
            raise RuntimeError(f'a test fails without a mutation: {said.strip()}, {formats}')
        if process.returncode != 0:
            raise RuntimeError(f'{program}: status {process.returncode}, {formats}')

    def _stages(self):
        """Arguments and TWOFOLD_FORMATS: the formats that tell the most, all others, what is not quick."""
        cases, quick = self.library.cases_of(self.files), ['-o', *QUICK_SUITES]
        for case in cases[:len(FORMATS)]:
            yield quick, case
        if cases[len(FORMATS):]:
            yield quick, ' '.join(cases[len(FORMATS):])
        yield [*SUITES, *(f'^{suite}' for suite in QUICK_SUITES)], ' '.join(cases)

    def judge(self, report, end):
        """Reports those that are killed; returns the others. No stage begins after `end`."""
        program = os.path.join(self.worker.tree, 'together')
        if not self.worker.link(PAGING, self._compile(), program):
            raise RuntimeError('many mutants at once do not link')
        alive = {number for file in self.files.values() for number in file.choices}
        left = dict(self.numbers)

        def killed(number, test):
            with self.lock:
                alive.remove(number)
                report(left.pop(number), 'killed', test)

        with ThreadPoolExecutor(self.jobs) as pool:
            for arguments, formats in self._stages():
                if end is not None and time.monotonic() > end:
                    break
                parts = [part for part in (sorted(alive)[i::self.jobs] for i in range(self.jobs)) if part]
                list(pool.map(lambda part: self._run(program, part, arguments, formats, killed), parts))
        return list(left.values())

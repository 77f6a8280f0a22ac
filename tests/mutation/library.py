# SPDX-License-Identifier: MIT
"""The library that is mutated: its files, how it is compiled, linked with its tests and tried."""

import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys

# The suites of the tests of formats that kill most mutants, in two seconds a format; and the order of the
# others, before what is in none of these.
QUICK_SUITES = (
    'layout* registers* tlb* fault errors_* small_parts modifier offline statistics frame_* '
    'random check* walk cursor attributes dump* errors foreign gather'
).split()
SUITES = 'annotations batch budget broken_groups clean reshape needs ranges replay oom'.split()
PAGING, PARALLEL = 'mutation/one-process', 'parallel/test-parallel'
SEED = {'TWOFOLD_SEED': '1', 'TWOFOLD_OPS': '600'}

# Those affected come in this order, then the others. What affects no format is tried with the first.
FORMATS = ['arch/aarch64/paging/stage1_4k.c', 'arch/x86_64/paging/stage1.c',
           'arch/aarch64/paging/stage2_4k.c', 'arch/riscv/paging/sv48x4.c']

# To look at the code, and to run it: without optimisation it is there in a quarter of the time. What is
# assumed to hold is then not relied on, and tested in place of that; so are the ends of arrays.
EXACT = ['-O1']
QUICK = ['-O0', '-Dalways_inline=unused', '-D__builtin_unreachable=__builtin_trap',
         '-fsanitize=bounds-strict', '-fsanitize-undefined-trap-on-error']

# What is a hook of the tests themselves.
LEFT_OUT = {'paging/engine/sabotage.h'}

FORMAT = re.compile(r'^\w*FORMAT\w*\((\w+),', re.MULTILINE)
# How the tests' names of a format's configurations begin, by how the format's own does.
CASES = [('x86_64_stage1', 'x86-'), ('x86_64_', ''), ('riscv_', ''), ('aarch64_stage', 's')]


def read(path):
    with open(path, encoding='utf-8') as stream:
        return stream.read()


def library_files(source):
    """What is mutated, relative to the source directory."""
    found = []
    for top in ('arch', 'paging'):
        for directory, _, names in os.walk(os.path.join(source, top)):
            path = os.path.relpath(directory, source)
            if re.fullmatch(r'arch/\w+/paging|paging|paging/engine', path):
                found += [os.path.join(path, name) for name in names if name.endswith(('.c', '.h'))]
    return sorted(set(found) - LEFT_OUT)


def files_to_compile(source):
    """All of it that a copy needs."""
    found = [*library_files(source), *LEFT_OUT]
    for top in ('arch', 'paging'):
        for directory, _, names in os.walk(os.path.join(source, top)):
            if '/include' in directory:
                found += [os.path.relpath(os.path.join(directory, n), source) for n in names]
    return found


class Library:
    """What the build directory knows: how to compile, what includes what, how to link."""

    def __init__(self, source, build):
        self.source, self.build = source, build
        self.compile = {}
        for entry in json.loads(read(os.path.join(build, 'compile_commands.json'))):
            if entry['output'].startswith('paging/libtwofold.a.p/'):
                path = os.path.relpath(os.path.join(build, entry['file']), source)
                self.compile[path] = self._command(shlex.split(entry['command']), entry)
        self.users = self._users()
        self.cases = {}
        for path in self.compile:
            for name in FORMAT.findall(read(os.path.join(source, path))):
                self.cases[path] = self._case(name)
        self.link = {
            name: self._ninja('commands', f'tests/{name}').splitlines()[-1]
            for name in (PAGING, PARALLEL)
        }

    def _case(self, format_name):
        """With a name that no configuration has, the tests would pass without a look at it."""
        case = format_name
        for begins, instead in CASES:
            if format_name.startswith(begins):
                case = instead + format_name[len(begins):].replace('_', '-')
                break
        directory = os.path.join(self.source, 'tests/paging')
        texts = [read(os.path.join(directory, name)) for name in os.listdir(directory)
                 if name.startswith('formats')]
        if not any(f'"{case}' in text for text in texts):
            sys.exit(f'no configuration of {format_name} is called {case}...')
        return case

    def _ninja(self, *arguments):
        return subprocess.run(['ninja', '-C', self.build, '--quiet', '-t', *arguments],
                              stdout=subprocess.PIPE, text=True, check=True).stdout

    def _command(self, words, entry):
        """Compile from a copy of the source tree, to code that is the same wherever that lies."""
        command, words = [], iter(words)
        for word in words:
            if word in ('-MQ', '-MF', '-o'):
                next(words)
            elif word.startswith('-I'):
                path = os.path.abspath(os.path.join(entry['directory'], word[2:]))
                if not path.startswith(self.build + os.sep):
                    command.append('-I' + os.path.relpath(path, self.source))
            elif word == '-c':
                next(words)
            elif os.path.basename(word) != 'ccache' and word != '-MD':
                command.append(word)
        return [*command, '-g0', '-w']

    def _users(self):
        """For every file, the sources of the library that include it, or are it."""
        users, user = {}, None
        sources = {}
        for line in self._ninja('deps').splitlines():
            if not line.startswith(' '):
                name = line.split(':')[0]
                user = None
                if name.startswith('paging/libtwofold.a.p/'):
                    user = sources[name] = set()
            elif user is not None:
                user.add(os.path.relpath(os.path.join(self.build, line.strip()), self.source))
        for files in sources.values():
            for path in files & set(self.compile):
                for used in files:
                    users.setdefault(used, set()).add(path)
        return users

    def formats(self, affected):
        """The formats among these sources, in the order to try them."""
        first = [f for f in FORMATS if f in affected]
        return first + sorted(affected & set(self.cases) - set(first))

    def users_of(self, paths):
        return set().union(*(self.users.get(path, set()) for path in paths))

    def cases_of(self, paths):
        """TWOFOLD_FORMATS of each format that a change in these files affects, in the order to try them."""
        return [self.cases[f] for f in self.formats(self.users_of(paths)) or FORMATS[:2]]

    def stages(self, path):
        """For a change in that file, what to compile for each stage, and TWOFOLD_FORMATS in it. The last
        compiles nothing more: it is for the tests that are not quick."""
        affected = self.users.get(path, set())
        formats = self.formats(affected)
        rest = sorted(affected - set(formats))
        stages = []
        for more in formats[:1], rest + formats[1:2], formats[2:]:
            if more:
                new = [f for f in more if f in self.cases] or formats[:1] or FORMATS[:2]
                stages.append((more, ' '.join(self.cases[f] for f in new)))
        return [*stages, ([], ' '.join(self.cases[f] for f in formats or FORMATS[:2]))]


def object_of(source):
    return source.replace('/', '_') + '.o'


class Worker:
    """A copy of the library's source tree to compile in, and a program to run."""

    def __init__(self, library, scratch, timeout):
        self.library, self.tree, self.timeout = library, scratch, timeout
        for path in files_to_compile(library.source):
            os.makedirs(os.path.dirname(os.path.join(scratch, path)), exist_ok=True)
            shutil.copy(os.path.join(library.source, path), os.path.join(scratch, path))

    def errors(self, source, how, output):
        """Compiles; what the compiler says if it cannot, else ''."""
        command = [*self.library.compile[source], '-fdiagnostics-color=never', *how]
        command += ['-c', source, '-o', output]
        done = subprocess.run(command, cwd=self.tree, capture_output=True, text=True, check=False)
        return '' if done.returncode == 0 else done.stderr or str(done.returncode)

    def compile(self, source, how, output):
        return self.errors(source, how, output) == ''

    def put(self, path, text):
        with open(os.path.join(self.tree, path), 'w', encoding='utf-8') as stream:
            stream.write(text)

    def link(self, program, objects, output):
        """As the build does, but these objects stand before the archive, so its own stay out."""
        words = [os.path.join(self.tree, o) for o in objects]
        command = shlex.split(self.library.link[program])
        at = command.index('-o')
        command[at:at + 2] = ['-Wl,--strip-debug', '-o', output, *words]
        done = subprocess.run(command, cwd=self.library.build, capture_output=True, check=False)
        return done.returncode == 0

    def start(self, command, formats, seconds, stdin=subprocess.DEVNULL):
        """Each process of it may compute so long: what else the machine does matters little."""

        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        return subprocess.Popen(command, cwd=self.tree,
                                env={**os.environ, **SEED, 'TWOFOLD_FORMATS': formats},
                                stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True, start_new_session=True, preexec_fn=limit)

    def run(self, command, formats):
        """None if the tests passed; else what the program wrote, or what ended it."""
        with self.start(command, formats, self.timeout) as process:
            try:
                said, _ = process.communicate(timeout=20 * self.timeout)
                return None if process.returncode == 0 else said.strip().rpartition('\n')[2]
            except subprocess.TimeoutExpired:
                return 'time'
            finally:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

# SPDX-License-Identifier: MIT
"""Lists of commands as tests: reading them, and judging what the commands did (`run --help` has more)."""

import os
import re
import shlex
import sys

import channel
import l1
import tap

NAME = re.compile(r'[\w.+-]+$')
VARIABLE = re.compile(r'\$(?:(\w+)|\{(\w+)\})')


class BadList(Exception):
    """A list that cannot be read; the text says where and why."""


class Test:
    """A command, and what is demanded of it."""

    def __init__(self, name, seconds):
        self.name = name
        self.status = 0
        self.is_tap = False
        self.says = []
        self.lacks = []
        self.command = l1.Command([], seconds)

    def take(self, key, value):
        if key == 'status' and value.isdecimal() and int(value) < 256:
            self.status = int(value)
        elif key == 'timeout' and value.isdecimal() and int(value) > 0:
            self.command.seconds = int(value)
        elif key in ('says', 'lacks') and value:
            getattr(self, key).append(value)
        elif key == 'tap' and not value:
            self.is_tap = True
        else:
            raise BadList(f'{key}{"=" if value else ""}{value}: not understood')


def expand(word):
    def value(match):
        name = match[1] or match[2]
        if name not in os.environ:
            raise BadList(f'${name} is not in the environment')
        return os.environ[name]

    return VARIABLE.sub(value, word)


def read(path, seconds):
    try:
        with open(path, encoding='utf-8') as stream:
            lines = joined(stream.read())
    except (OSError, UnicodeDecodeError) as error:
        raise BadList(f'{path}: {error}') from None
    tests, names = [], set()
    for number, line in lines:
        try:
            test = parse(line, seconds)
            if test and test.name in names:
                raise BadList(f'{test.name} is there already')
        except (BadList, ValueError) as error:
            raise BadList(f'{path}:{number}: {error}') from None
        if test:
            names.add(test.name)
            tests.append(test)
    if not tests:
        raise BadList(f'{path}: there is no command in it')
    return tests


def joined(text):
    """The lines with their numbers; one that ends in a backslash goes on in the next."""
    lines, start, so_far = [], 1, ''
    for number, line in enumerate(text.split('\n'), 1):
        if not so_far:
            start = number
        if line.endswith('\\'):
            so_far += line[:-1] + ' '
            continue
        lines.append((start, so_far + line))
        so_far = ''
    if so_far:
        lines.append((start, so_far))
    return lines


def parse(line, seconds):
    """The test that a line has; None for a comment or nothing."""
    words = shlex.split(line, comments=True)
    if not words:
        return None
    if '--' not in words or not NAME.match(words[0]):
        raise BadList('not of the form NAME [demand...] -- COMMAND...')
    middle = words.index('--')
    test = Test(words[0], seconds)
    for word in words[1:middle]:
        key, _, value = word.partition('=')
        test.take(key, expand(value))
    test.command.argv = [expand(word) for word in words[middle + 1 :]]
    if not test.command.argv:
        raise BadList('there is no command after --')
    return test


class Output:
    """What a command prints, in lines, as it comes."""

    def __init__(self):
        self.text = ''
        self._rest = b''

    def feed(self, data):
        lines = (self._rest + data).split(b'\n')
        self._rest = lines.pop()
        return [self._line(line) for line in lines]

    def finish(self):
        rest, self._rest = self._rest, b''
        return [self._line(rest)] if rest else []

    def _line(self, data):
        text = data.decode('utf-8', 'replace').rstrip('\r')
        self.text += text + '\n'
        return text


class Judge:
    """Writes TAP: the points of L2's guests, a verdict on each command, and one on L1."""

    def __init__(self, tests, out=None):
        self.tests = tests
        self.writer = tap.Writer(out)
        self.status = 1
        self._test = None
        self._judged = 0
        self._is_up = self._is_done = False

    def take(self, event):
        getattr(self, '_on_' + event.kind)(event)

    def _on_up(self, event):
        self._is_up = True
        self.writer.comment(f'L1: Linux {event.data.decode()}')

    def _on_note(self, event):
        self.writer.comment(f'L1: {event.data.decode()}')

    def _on_begin(self, event):
        self._test = self.tests[event.number]
        self._streams = {'out': Output(), 'err': Output()}
        self._tap = tap.Reader()
        self._bytes = 0
        self.writer.comment(f'{self._test.name}: {shlex.join(self._test.command.argv)}')

    def _on_out(self, event):
        self._bytes += len(event.data)
        if self._bytes > l1.OUTPUT_LIMIT:
            raise l1.Broken(f'{self._test.name}: more than {l1.OUTPUT_LIMIT >> 20} MiB of output')
        for line in self._streams[event.kind].feed(event.data):
            self._line(event.kind, line)

    _on_err = _on_out

    def _line(self, stream, line):
        if self._test.is_tap and stream == 'out' and self._tap.feed(line) == 'point':
            point = self._tap.points[-1]
            self.writer.point(point.ok, f'{self._test.name}: {point.name}', point.skip)
        else:
            self.writer.comment(line.removeprefix('# '))

    def _on_end(self, event):
        for name, output in self._streams.items():
            for line in output.finish():
                # "ok 1" may be what is left of "ok 17 - ...".
                self.writer.comment(line)
                if self._test.is_tap and name == 'out' and tap.Reader().feed(line) in ('plan', 'point'):
                    self._tap.problem('the output ends in the middle of a line')
        problems = self._problems(event)
        self.writer.comment(f'{l1.describe(event)}, {event.seconds:.2f} s')
        for problem in problems:
            self.writer.comment(f'wrong: {problem}')
        self.writer.point(not problems, f'{self._test.name}: {self._demands()}')
        self._judged += 1
        self._test = None

    def _demands(self):
        words = [f'status {self._test.status}']
        words += ['a complete plan'] if self._test.is_tap else []
        words += [f'says "{text}"' for text in self._test.says]
        # After a # the words would be a directive of TAP.
        words += [f'does not say "{text.lstrip("# ")}"' for text in self._test.lacks]
        return ', '.join(words)

    def _problems(self, event):
        test, problems = self._test, []
        if event.how != channel.EXIT or event.value != test.status:
            problems.append(f'{l1.describe(event)}, where status {test.status} was demanded')
        text = ''.join(output.text for output in self._streams.values())
        problems += [f'it does not say "{wanted}"' for wanted in test.says if wanted not in text]
        problems += [f'it says "{unwanted}"' for unwanted in test.lacks if unwanted in text]
        if test.is_tap:
            problems += self._tap.problems()
            if self._tap.failed():
                problems.append(f'{len(self._tap.failed())} not ok')
            if not self._tap.passed():
                problems.append('no point passed')
        return problems

    def _on_file(self, event):
        self.writer.comment(f'{os.fsdecode(event.data)} came back')

    def _on_done(self, event):
        self._is_done = True

    def broken(self, error):
        """L1 ended early: what did not run has failed."""
        self.writer.comment(f'wrong: {error}')
        for test in self.tests[self._judged :]:
            what = 'did not end' if test is self._test else 'did not run'
            self.writer.point(False, f'{test.name}: {what}: {error}')
        self._judged = len(self.tests)
        self.finish()

    def finish(self):
        good = self._is_up and self._is_done
        self.writer.point(good, 'L1 came up, and came to its end')
        self.writer.close()
        sys.stdout.flush()
        self.status = 1 if self.writer.failed or not good else 0
        return self.status != 0

# SPDX-License-Identifier: MIT
"""TAP: reading it strictly, and writing it.

The reader is meant for judging: whatever is not a complete, consistent run ends up in its list of
problems. A plan may stand before the first point or after the last one, nowhere else.
"""

import re
import sys

PLAN = re.compile(r'1\.\.(\d+)\s*(?:#\s*(.*))?$')
POINT = re.compile(r'(not )?ok\b(?:\s+(\d+)\b)?\s*(?:-\s*)?(.*)$')
DIRECTIVE = re.compile(r'(?<!\\)#\s*(SKIP|TODO)\b\S*\s*(.*)$', re.IGNORECASE)
BAIL_OUT = re.compile(r'Bail out!\s*(.*)$')
VERSION = re.compile(r'TAP version (\d+)$')


class Point:
    """One test point. `skip` is the reason given for a skip, or None when the test was run."""

    def __init__(self, ok, number, name, skip=None):
        self.ok = ok
        self.number = number
        self.name = name
        self.skip = skip

    def line(self):
        text = f'{"ok" if self.ok else "not ok"} {self.number}'
        if self.name:
            text += f' - {self.name}'
        if self.skip is not None:
            text += f' # SKIP {self.skip}'.rstrip()
        return text


class Reader:
    """Takes TAP line by line; `points`, `plan` and `problems()` tell what it amounted to."""

    def __init__(self):
        self.points = []
        self.plan = None
        self.plan_skip = None
        self._plan_closes = False
        self._bailed = False
        self._in_yaml = False
        self._problems = []

    def feed(self, line):
        """Take one line. Returns 'plan', 'point', 'bail', 'version', 'yaml', 'comment' or 'other';
        for a 'point', it is points[-1]."""
        line = line.rstrip('\r\n')
        if self._in_yaml:
            if line.strip() == '...':
                self._in_yaml = False
                return 'yaml'
            if line.startswith(' '):
                return 'yaml'
            self._in_yaml = False
        if line.rstrip() == '  ---' and self.points:
            self._in_yaml = True
            return 'yaml'
        if line.startswith('#'):
            return 'comment'
        for pattern, take in (
            (PLAN, self._take_plan),
            (POINT, self._take_point),
            (BAIL_OUT, self._take_bail_out),
            (VERSION, lambda match: 'version'),
        ):
            match = pattern.match(line)
            if match:
                return take(match)
        return 'other'

    def _take_plan(self, match):
        if self.plan is not None:
            self._problems.append(f'a second plan, 1..{match[1]}, after 1..{self.plan}')
            return 'plan'
        self.plan = int(match[1])
        self._plan_closes = bool(self.points)
        directive = DIRECTIVE.match('#' + (match[2] or ''))
        if self.plan == 0:
            self.plan_skip = directive[2] if directive else (match[2] or '')
        return 'plan'

    def _take_point(self, match):
        expected = len(self.points) + 1
        number = int(match[2]) if match[2] else expected
        if number != expected:
            self._problems.append(f'point {number} came where point {expected} was due')
        if self._plan_closes and self.plan is not None:
            self._problems.append(f'point {number} came after the plan that closed the list')
        name, skip, ok = match[3].strip(), None, not match[1]
        directive = DIRECTIVE.search(name)
        if directive:
            name = name[: directive.start()].strip()
            # A TODO is no excuse here, and neither is a failure that calls itself skipped.
            if directive[1].upper() == 'SKIP' and ok:
                skip = directive[2].strip()
        self.points.append(Point(ok, number, name, skip))
        return 'point'

    def _take_bail_out(self, match):
        if not self._bailed:
            self._problems.append(f'bailed out: {match[1] or "no reason given"}')
        self._bailed = True
        return 'bail'

    def problem(self, text):
        """Something else that is wrong with the run."""
        self._problems.append(text)

    def failed(self):
        return [point for point in self.points if not point.ok]

    def skipped(self):
        return [point for point in self.points if point.skip is not None]

    def passed(self):
        return [point for point in self.points if point.ok and point.skip is None]

    def problems(self):
        """What makes the run incomplete or inconsistent, apart from points that failed."""
        found = list(self._problems)
        if self.plan is None:
            found.append('no plan (1..N)')
        elif len(self.points) != self.plan:
            found.append(f'plan 1..{self.plan}, but {len(self.points)} points')
        return found


class Writer:
    """Writes points with numbers of its own; the plan comes last unless it was given first."""

    def __init__(self, out=None):
        self.out = out or sys.stdout
        self.count = 0
        self.failed = 0
        self.planned = False

    def _put(self, text):
        print(text, file=self.out, flush=True)

    def plan(self, count):
        self.planned = True
        self._put(f'1..{count}')

    def point(self, ok, name, skip=None):
        self.count += 1
        self.failed += not ok
        self._put(Point(ok, self.count, clean(name), None if skip is None else clean(skip)).line())

    def comment(self, text):
        for line in text.splitlines() or ['']:
            self._put(f'# {clean(line)}'.rstrip())

    def close(self):
        if not self.planned:
            self.plan(self.count)


def clean(text):
    """Text fit for one line of TAP and for a terminal: control characters are spelled out."""
    return ''.join(c if c.isprintable() or c == '\t' else f'\\x{ord(c):02x}' for c in text)

# SPDX-License-Identifier: MIT
"""What the figures are to be, in one place, and whether they are."""

import collections

# Of every format; at most. What a figure is called, and its name in a result.
FIGURES = {'instr': 'instructions', 'x floor': 'floor_ratio', 'x naive': 'naive_ratio'}
WORKLOADS = {
    'W1': {'instr': 35, 'x naive': 0.8},
    'W2': {'instr': 3, 'x floor': 1.3},
    'W3m': {'instr': 4},
    'W4': {'x naive': 0.8},
    'W4p': {'x naive': 1},
    'W4b': {'x naive': 0.6},
    'W5': {'instr': 44, 'x naive': 0.95},
    'W5r': {'instr': 44, 'x naive': 0.95},
    'W5b': {'x naive': 0.6},
    'W6p': {'instr': 40},
    'W6r': {'instr': 0.05},
    'W7p': {'instr': 35},
    'W7r': {'instr': 6},
    'W7o': {'instr': 2},
}
# Of two threads; at least.
SPEED_UPS = {'disjoint': 1.8, 'adjacent': 1.6}
# Of the smallest guest: a figure's name in details.json, what it is called, its limit, whether that is the least.
VMM = (
    ('exec_to_exit_ms', 'ms from exec to exit', 5, False),
    ('resident_kib', 'KiB beside guest memory', 2048, False),
    ('times_faster', 'times as fast as QEMU microvm', 15, True),
)


class Goal(collections.namedtuple('Goal', 'subject format figure value limit at_least')):
    """One figure beside its limit. `value` is None where it was not measured."""

    @property
    def is_met(self):
        return None if self.value is None else self._meets(self.value)

    def _meets(self, value):
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def text(self):
        return f'{self.figure} {">=" if self.at_least else "<="} {self.limit:.9g}'

    @property
    def shown(self):
        """The figure, with as many digits as it takes to see whether it meets the goal."""
        if isinstance(self.value, int):
            return f'{self.value}'
        digits = 2
        while digits < 9 and self._meets(round(self.value, digits)) != self.is_met:
            digits += 1
        return f'{self.value:.{digits}f}'


def of_workload(row):
    return [
        Goal(row['workload'], row['format'], figure, row[FIGURES[figure]], limit, False)
        for figure, limit in WORKLOADS.get(row['workload'], {}).items()
    ]


def of_speed_up(workload, ranges, form, speed_up):
    return Goal(f'{workload} by 2 threads, {ranges}', form, 'speed-up', speed_up, SPEED_UPS[ranges], True)


def of_tables(line):
    gib = line['bytes'] >> 30
    return Goal(f'tables, {line["leaf"]} leaves', line['format'], 'bytes a GiB', line['table_bytes'] // gib,
                line['least_bytes'] // gib, False)


def of_vmm(figures):
    """{name: Goal}"""
    return {name: Goal('VMM', None, figure, figures.get(name), limit, at_least)
            for name, figure, limit, at_least in VMM}


def marks(goals):
    """For one line of a table: what is met, and what is not."""
    met = [goal.text for goal in goals if goal.is_met]
    missed = [goal.text for goal in goals if goal.is_met is False]
    parts = ['met: ' + ', '.join(met)] if met else []
    parts += ['NOT: ' + ', '.join(missed)] if missed else []
    return '; '.join(parts)


def summary(goals):
    """Lines: how many are met, and each that is not."""
    measured = [goal for goal in goals if goal.is_met is not None]
    if not measured:
        return
    yield f'goals: {sum(goal.is_met for goal in measured)} of {len(measured)} met'
    for (subject, text), group in by_text(measured).items():
        missed = ', '.join(' '.join(filter(None, (goal.format, goal.shown))) for goal in group if not goal.is_met)
        if missed:
            yield f'  NOT {subject}: {text}: {missed}'


def by_text(goals):
    """{(subject, text): a goal for each format}"""
    groups = collections.OrderedDict()
    for goal in goals:
        groups.setdefault((goal.subject, goal.text), []).append(goal)
    return groups

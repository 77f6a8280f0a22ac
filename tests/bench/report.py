# SPDX-License-Identifier: MIT
"""The table for the terminal, and the page with the plots (SVG, nothing from elsewhere)."""

import collections
import html
import math
import statistics

import goals

COLOURS = ['#4269d0', '#efb118', '#ff725c', '#6cc5b0', '#3ca951', '#9c6b4e']


def number(value, digits=2):
    if value is None:
        return '-'
    return f'{value:.{digits}f}'


def table(results, details):
    """Lines for the terminal: median (minimum, spread), the ratios, and what of the goals is met."""
    yield (
        f'{"":4} {"":16} {"ns/op":>8} {"min":>8} {"spread":>6} {"cycles":>8} {"instr":>8} {"naive":>7} '
        f'{"vector":>7} {"x floor":>8} {"x naive":>8} {"x vector":>8} {"runs":>4}  goals'
    )
    for row in results:
        spread = row.get('ns_spread')
        yield (
            f'{row["workload"]:4} {row["format"]:16} {number(row["ns"]):>8} '
            f'{number(row.get("ns_min")):>8} {"-" if spread is None else f"{spread:.0%}":>6} '
            f'{number(row["cycles"]):>8} {number(row["instructions"]):>8} '
            f'{number(row["naive_instructions"]):>7} {number(row["vector_instructions"]):>7} '
            f'{number(row["floor_ratio"]):>8} {number(row["naive_ratio"]):>8} {number(row["vector_ratio"]):>8} '
            f'{row["runs"]:>4}  {goals.marks(goals.of_workload(row))}'.rstrip()
        )
    if 'cycles_by' in details:
        yield (
            f'cycles: {details["cycles_by"]}; floor: {details["floor_stores"]} stores; '
            'ratios: of cycles, run by run'
        )
        if not details['vector_build']:
            yield 'vector: not measured, this CPU has no AVX2'
    yield from threads_lines(details)
    yield from memory_lines(details)
    yield from faults_lines(details)
    yield from vmm_lines(details)
    yield from goals.summary(every_goal(results, details))


def every_goal(results, details):
    every = [goal for row in results for goal in goals.of_workload(row)]
    every += [goal_of_threads(key, times) for key, times in threads_times(details).items()]
    every += [goals.of_tables(line) for line in details.get('tables', [])]
    every += goals.of_vmm(details.get('vmm', {})).values()
    return every


def with_goals(text, of_it):
    marks = goals.marks(of_it)
    return f'{text} ({marks})' if marks else text


def threads_times(details):
    """{(workload, ranges, format): {threads: ns a page}}"""
    runs = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in details.get('threads', []):
        runs[line['workload'], line['ranges'], line['format']][line['threads']].append(line['ns'])
    return {key: {n: statistics.median(ns) for n, ns in of_it.items()} for key, of_it in runs.items()}


def goal_of_threads(key, times):
    return goals.of_speed_up(*key, times[1] / times[2])


def threads_lines(details):
    for key, times in threads_times(details).items():
        workload, ranges, form = key
        ups = ', '.join(f'{ns:.2f} by {n}: {times[1] / ns:.2f} times' for n, ns in times.items() if n != 1)
        yield with_goals(
            f'{workload} of a parallel table, {ranges} ranges, {form}: {times[1]:.2f} ns a page by 1 thread, {ups}',
            [goal_of_threads(key, times)],
        )
    if details.get('threads') == []:
        yield 'threads: not measured: there is one CPU'


def memory_lines(details):
    for line in details.get('tables', []):
        goal = goals.of_tables(line)
        yield with_goals(
            f'{goal.subject}, {goal.format}: {goal.value} bytes a GiB, the least is {goal.limit}', [goal]
        )
    if 'text' in details:
        sizes = ', '.join(f'{name} {size}' for name, size in details['text'].items() if '-' in name)
        yield f'text and constants, in bytes: {sizes}'


def faults_lines(details):
    for line in details.get('faults', []):
        name = f'faults of an inner guest, {line["emulator"]}'
        if 'not_measured' in line:
            yield f'{name}: not measured: {line["not_measured"]}'
            continue
        yield f'{name}: {line["faults_per_second"]:.0f} a second'
        for unit in ('ns', 'instructions'):
            if line[unit] is not None:
                yield (
                    '  {fault:.0f} {unit} each: map_to {map:.1f}, explaining the exit {explain:.1f}, together '
                    '{library_share:.1%}; unmapping {unmap:.1f} a page'.format(unit=unit, **line[unit])
                )


def vmm_lines(details):
    figures = details.get('vmm', {})
    of_it = goals.of_vmm(figures)
    if 'exec_to_exit_ms' in figures:
        yield with_goals(
            f'VMM, exec to exit of the smallest guest: {figures["exec_to_exit_ms"]:.2f} ms, first instruction after '
            f'{figures["first_instruction_ms"]:.2f} ms, medians of {figures["runs"]}',
            [of_it['exec_to_exit_ms']],
        )
        yield with_goals(
            f'VMM, resident beside guest memory: {figures["resident_kib"]} KiB', [of_it['resident_kib']]
        )
    if 'qemu_ms' in figures:
        yield with_goals(
            f'QEMU microvm, the same guest: {figures["qemu_ms"]:.1f} ms, median of {figures["qemu_runs"]}, '
            f'{figures["times_faster"]:.1f} times as long',
            [of_it['times_faster']],
        )
    if 'not_measured' in figures:
        yield f'not measured: {figures["not_measured"]}'


# Plots


class Plot:
    """Axes, with a logarithmic y."""

    WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 316, 60, 16, 60

    def __init__(self, low, high):
        self.low = math.floor(math.log10(low))
        self.high = math.ceil(math.log10(high))
        if self.high == self.low:
            self.high += 1
        self.parts = []
        for power in range(self.low, self.high + 1):
            y = self.y(10.0**power)
            self.parts.append(
                f'<line x1="{self.LEFT}" x2="{self.WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            )
            self.text(self.LEFT - 6, y + 4, f'{10.0 ** power:g}', 'end')

    def y(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.HEIGHT - self.BOTTOM - share * (self.HEIGHT - self.BOTTOM - self.TOP)

    def text(self, x, y, text, anchor='middle'):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'
        )

    def bar(self, x, width, value, colour, title):
        top = self.y(value)
        self.parts.append(
            f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{max(0, self.HEIGHT - self.BOTTOM - top):.1f}" fill="{colour}">'
            f'<title>{html.escape(title)}</title></rect>'
        )

    def line(self, points, colour, dashed=False):
        path = ' '.join(f'{x:.1f},{self.y(value):.1f}' for x, value in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ''
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )

    def svg(self):
        return (
            f'<svg viewBox="0 0 {self.WIDTH} {self.HEIGHT}" xmlns="http://www.w3.org/2000/svg" '
            f'width="{self.WIDTH}">{"".join(self.parts)}</svg>'
        )


def legend(entries):
    items = ''.join(
        f'<span><i style="background:{colour}"></i>{html.escape(name)}</span>'
        for name, colour in entries
    )
    return f'<p class="legend">{items}</p>'


def workload_plot(form, rows):
    """ns an operation of one format: the library, the naive walker and the floor side by side; and the
    library once more, built with vector registers."""
    rows = [row for row in rows if row['ns']]
    kinds = [('library', 'ns', COLOURS[0]), ('library, built with vector registers', 'vector_ns', '#a9bdf0'),
             ('naive walker', 'naive_ns', COLOURS[1]), ('floor', 'floor_ns', '#aaaaaa')]
    kinds = [kind for kind in kinds if any(row[kind[1]] for row in rows)]
    values = [row[key] for row in rows for _, key, _ in kinds if row[key]]
    if not values:
        return ''
    plot = Plot(min(values), max(values))
    step = (plot.WIDTH - plot.LEFT) / len(rows)
    for i, row in enumerate(rows):
        x = plot.LEFT + i * step
        for j, (name, key, colour) in enumerate(kinds):
            if row[key]:
                plot.bar(x + step * (0.1 + 0.8 / len(kinds) * j), step * 0.75 / len(kinds), row[key], colour,
                         f'{row["workload"]}, {name}: {row[key]:.2f} ns')
        plot.text(x + step / 2, plot.HEIGHT - 42, row['workload'])
        plot.text(x + step / 2, plot.HEIGHT - 26, number(row['naive_ratio']))
        plot.text(x + step / 2, plot.HEIGHT - 10, number(row['vector_ratio']))
    plot.text(plot.LEFT - 6, plot.HEIGHT - 26, 'x naive', 'end')
    plot.text(plot.LEFT - 6, plot.HEIGHT - 10, 'x vector', 'end')
    return (
        f'<h3>{html.escape(form)}</h3>'
        + legend([(name, colour) for name, _, colour in kinds])
        + plot.svg()
    )


def size_name(size):
    for unit in ('', 'K', 'M', 'G'):
        if size < 1024:
            return f'{size}{unit}'
        size //= 1024
    return f'{size}T'


def sizes_plot(lines):
    """ns a 4K page by the size of the call; a format a colour."""
    times = collections.defaultdict(list)
    for line in lines:
        what = 'naive' if line['subject'] == 'naive' else line['leaves']
        times[what, line['format'], line['size']].append(line['ns'] / (line['size'] / 4096))
    medians = {key: statistics.median(values) for key, values in times.items()}
    sizes = sorted({size for _, _, size in medians})
    formats = list(dict.fromkeys(form for _, form, _ in medians))
    parts = []
    for what, title in (('4K', '4K leaves (dashed: the naive walker)'), ('largest', 'largest leaves')):
        shown = [value for (kind, _, _), value in medians.items()
                 if kind == what or (what == '4K' and kind == 'naive')]
        plot = Plot(min(shown), max(shown))
        step = (plot.WIDTH - plot.LEFT - 40) / max(1, len(sizes) - 1)
        x = {size: plot.LEFT + 10 + i * step for i, size in enumerate(sizes)}
        for i, form in enumerate(formats):
            plot.line([(x[size], medians[what, form, size]) for size in sizes], COLOURS[i])
            if what == '4K':
                plot.line([(x[size], medians['naive', form, size]) for size in sizes], COLOURS[i], True)
        for size in sizes:
            plot.text(x[size], plot.HEIGHT - 42, size_name(size))
        parts.append(f'<h3>{title}</h3>' + legend(zip(formats, COLOURS)) + plot.svg())
    return ''.join(parts)


class Rows:
    """Horizontal bars, a name before each."""

    WIDTH, LEFT, TOP, STEP, ROOM = 860, 170, 24, 22, 260

    def __init__(self, count, most):
        self.height = self.TOP + self.STEP * count + 22
        self.scale = (self.WIDTH - self.LEFT - self.ROOM) / most
        self.count = 0
        self.parts = []

    def text(self, x, y, text, anchor='start'):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>')

    def mark(self, value, text, is_goal=False):
        """A line across all bars; a goal's name is above it, a scale's below."""
        x, kind = self.LEFT + value * self.scale, 'goal' if is_goal else 'grid'
        self.parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self.TOP - 6}" y2="{self.height - 20}" class="{kind}"/>'
        )
        self.text(x, self.TOP - 10 if is_goal else self.height - 6, text, 'middle')

    def row(self, name, pieces, text):
        """`pieces`: (length, colour), one after the other."""
        x, y = self.LEFT, self.TOP + self.STEP * self.count
        self.text(self.LEFT - 8, y + 13, name, 'end')
        for length, colour in pieces:
            self.parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{length * self.scale:.1f}" height="16" fill="{colour}"/>'
            )
            x += length * self.scale
        self.text(x + 6, y + 13, text)
        self.count += 1

    def svg(self):
        return (
            f'<svg viewBox="0 0 {self.WIDTH} {self.height}" xmlns="http://www.w3.org/2000/svg" '
            f'width="{self.WIDTH}">{"".join(self.parts)}</svg>'
        )


def threads_plot(details):
    """Pages a second by several threads, as a multiple of one thread's; a plot for each kind of ranges."""
    parts = []
    for ranges, goal in goals.SPEED_UPS.items():
        of_it = {key: times for key, times in threads_times(details).items() if key[1] == ranges}
        bars = [(key, n) for key, times in of_it.items() for n in times if n != 1]
        rows = Rows(len(bars), max([2] + [of_it[key][1] / of_it[key][n] for key, n in bars]))
        for value in (1, 2):
            rows.mark(value, f'{value} x')
        rows.mark(goal, f'goal of two: {goal:g} x', is_goal=True)
        for key, n in bars:
            one, several = of_it[key][1], of_it[key][n]
            is_missed = n == 2 and not goal_of_threads(key, of_it[key]).is_met
            rows.row(f'{key[0]}, {key[2]}, {n}', [(one / several, COLOURS[2] if is_missed else COLOURS[0])],
                     f'{one / several:.2f} x ({one:.2f} -> {several:.2f} ns a page)')
        parts.append(f'<h3>{ranges.capitalize()} ranges</h3>' + rows.svg())
    return ''.join(parts)


FAULT_PIECES = (('page_table_map_to', 'map', COLOURS[0]), ('explaining the exit', 'explain', COLOURS[3]),
                ('the rest: exit, entry, the guest', 'rest', '#cccccc'))


def faults_plot(lines, unit, title):
    """What a fault is made of, for each emulator."""
    figures = {line['emulator']: line[unit] for line in lines if line.get(unit)}
    if not figures:
        return ''
    rows = Rows(len(figures), max(figure['fault'] for figure in figures.values()))
    for name, figure in figures.items():
        figure = {**figure, 'rest': figure['fault'] - figure['map'] - figure['explain']}
        rows.row(name, [(figure[key], colour) for _, key, colour in FAULT_PIECES],
                 f'{figure["fault"]:.0f} {unit}, the library {figure["library_share"]:.1%}')
    return f'<h3>{title} a fault</h3>' + rows.svg()


def faults_section(lines):
    plots = faults_plot(lines, 'ns', 'Nanoseconds') + faults_plot(lines, 'instructions', 'Instructions')
    if not plots:
        return ''
    return legend([(name, colour) for name, _, colour in FAULT_PIECES]) + plots


def goals_section(every):
    """What is met and what is not: a row for each goal, a column for each format."""
    formats = list(dict.fromkeys(goal.format for goal in every if goal.format))
    head = ''.join(f'<th>{html.escape(form)}</th>' for form in formats)
    parts = [f'<table><tr><th></th><th>goal</th>{head}</tr>']
    for (subject, text), group in goals.by_text(every).items():
        cells = {goal.format: goal for goal in group}
        parts.append(f'<tr><td>{html.escape(subject)}</td><td>{html.escape(text)}</td>')
        if None in cells:
            parts.append(goal_cell(cells[None], len(formats)))
        else:
            parts += [goal_cell(cells.get(form), 1) for form in formats]
        parts.append('</tr>')
    return ''.join(parts) + '</table>'


def goal_cell(goal, columns):
    if goal is None or goal.value is None:
        return f'<td colspan="{max(1, columns)}">-</td>'
    kind, mark = ('met', '\u2713') if goal.is_met else ('missed', '\u2717')
    return f'<td colspan="{max(1, columns)}" class="{kind}">{mark} {goal.shown}</td>'


STYLE = '''
body { font: 15px/1.45 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em;
       color: #222; background: #fff; }
svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: #444; paint-order: stroke; stroke: #fff; stroke-width: 3px; } .grid { stroke: #ddd; }
.goal { stroke: #222; stroke-dasharray: 4 3; }
table { border-collapse: collapse; font-size: 13px; } td, th { padding: 2px 10px; text-align: left; }
.met { background: #dff3e1; } .missed { background: #fbdcd8; }
.legend span { margin-right: 1.4em; } .legend i { display: inline-block; width: 12px;
       height: 12px; margin-right: 5px; }
pre { font-size: 12px; overflow-x: auto; background: #f6f6f6; padding: 1em; }
'''


def page(results, details):
    by_format = collections.OrderedDict()
    for row in results:
        by_format.setdefault(row['format'], []).append(row)
    sections = []
    every = [goal for goal in every_goal(results, details) if goal.value is not None]
    if every:
        sections.append('<h2>Goals</h2><p>What this run measured, beside what it is to be.</p>'
                        + goals_section(every))
    if any(row['ns'] for row in results):
        sections.append('<h2>Nanoseconds an operation</h2><p>Median; logarithmic. Below each '
                        "workload: the library's cycles as a multiple of the naive walker's, and of its own when "
                        'it is built with vector registers.</p>')
        sections += [workload_plot(form, rows) for form, rows in by_format.items()]
    if details.get('sizes'):
        sections.append('<h2>Nanoseconds a 4K page, by the size of one map call</h2>')
        sections.append(sizes_plot(details['sizes']))
    if details.get('threads'):
        sections.append('<h2>Scaling over threads of a parallel table</h2><p>How many times as many pages a second '
                        'so many threads map as one does. Red: below the goal.</p>' + threads_plot(details))
    faults = faults_section(details.get('faults', []))
    if faults:
        sections.append('<h2>Faults that a hypervisor satisfies</h2><p>The guest kernel maps each page of its own '
                        f'guest when that first touches it.</p>{faults}')
    text = html.escape('\n'.join(table(results, details)))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>twofold: performance'
        f'</title><style>{STYLE}</style></head><body><h1>twofold: performance</h1>'
        f'{"".join(sections)}<h2>All figures</h2><pre>{text}</pre></body></html>\n'
    )

# SPDX-License-Identifier: MIT
"""The table for the terminal, and the page with the plots (SVG, nothing from elsewhere)."""

import collections
import html
import math
import statistics

COLOURS = ['#4269d0', '#efb118', '#ff725c', '#6cc5b0', '#3ca951', '#9c6b4e']


def number(value, digits=2):
    if value is None:
        return '-'
    return f'{value:.{digits}f}'


def table(results, details):
    """Lines for the terminal: median (minimum, spread), and the ratios."""
    yield (
        f'{"":4} {"":16} {"ns/op":>8} {"min":>8} {"spread":>6} {"cycles":>8} {"instr":>8} '
        f'{"naive":>7} {"x floor":>8} {"x naive":>8} {"runs":>4}'
    )
    for row in results:
        spread = row.get('ns_spread')
        yield (
            f'{row["workload"]:4} {row["format"]:16} {number(row["ns"]):>8} '
            f'{number(row.get("ns_min")):>8} {"-" if spread is None else f"{spread:.0%}":>6} '
            f'{number(row["cycles"]):>8} {number(row["instructions"]):>8} '
            f'{number(row["naive_instructions"]):>7} {number(row["floor_ratio"]):>8} '
            f'{number(row["naive_ratio"]):>8} {row["runs"]:>4}'
        )
    if 'cycles_by' in details:
        yield (
            f'cycles: {details["cycles_by"]}; floor: {details["floor_stores"]} stores; '
            'ratios: of cycles, run by run'
        )
    yield from threads_lines(details)
    yield from memory_lines(details)
    yield from vmm_lines(details)


def speed_ups(details):
    """{(workload, ranges, format): (ns of one thread, ns of two)}"""
    times = collections.defaultdict(list)
    for line in details.get('threads', []):
        key = (line['workload'], line['ranges'], line['format'])
        times[key, line['threads']].append(line['ns'])
    keys = dict.fromkeys(key for key, _ in times)
    return {key: tuple(statistics.median(times[key, n]) for n in (1, 2)) for key in keys}


def threads_lines(details):
    for (workload, ranges, form), (one, two) in speed_ups(details).items():
        yield (
            f'{workload} of a parallel table, {ranges} ranges, {form}: {one:.2f} ns a page by 1 '
            f'thread, {two:.2f} by 2: {one / two:.2f} times'
        )


def memory_lines(details):
    for line in details.get('tables', []):
        gib = line['bytes'] / 2**30
        yield (
            f'tables, {line["leaf"]} leaves, {line["format"]}: {line["table_bytes"] / gib:.0f} '
            f'bytes a GiB, the least is {line["least_bytes"] / gib:.0f}'
        )
    if 'text' in details:
        sizes = ', '.join(f'{name} {size}' for name, size in details['text'].items() if '-' in name)
        yield f'text and constants, in bytes: {sizes}'


def vmm_lines(details):
    for name, value in details.get('vmm', {}).items():
        yield f'{name}: {value}'


# Plots


class Plot:
    """Axes, with a logarithmic y."""

    WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 860, 300, 60, 16, 44

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
    """ns an operation of one format: the library, the naive walker and the floor side by side."""
    rows = [row for row in rows if row['ns']]
    kinds = [('library', 'ns', COLOURS[0]), ('naive walker', 'naive_ns', COLOURS[1]),
             ('floor', 'floor_ns', '#aaaaaa')]
    values = [row[key] for row in rows for _, key, _ in kinds if row[key]]
    if not values:
        return ''
    plot = Plot(min(values), max(values))
    step = (plot.WIDTH - plot.LEFT) / len(rows)
    for i, row in enumerate(rows):
        x = plot.LEFT + i * step
        for j, (name, key, colour) in enumerate(kinds):
            if row[key]:
                plot.bar(x + step * (0.1 + 0.27 * j), step * 0.25, row[key], colour,
                         f'{row["workload"]}, {name}: {row[key]:.2f} ns')
        plot.text(x + step / 2, plot.HEIGHT - 26, row['workload'])
        naive_ratio = row['naive_ratio']
        plot.text(x + step / 2, plot.HEIGHT - 10, '' if naive_ratio is None else f'{naive_ratio:.2f}')
    plot.text(plot.LEFT - 6, plot.HEIGHT - 10, 'x naive', 'end')
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
            plot.text(x[size], plot.HEIGHT - 26, size_name(size))
        parts.append(f'<h3>{title}</h3>' + legend(zip(formats, COLOURS)) + plot.svg())
    return ''.join(parts)


def threads_plot(details):
    """Pages a second by threads, as a multiple of one thread's."""
    ups = speed_ups(details)
    width, height = 860, 40 + 22 * len(ups)
    parts = []
    scale = (width - 570) / 2.2
    for goal in (1, 2):
        x = 340 + goal * scale
        parts.append(f'<line x1="{x}" x2="{x}" y1="10" y2="{height - 20}" class="grid"/>')
        parts.append(f'<text x="{x}" y="{height - 5}" text-anchor="middle">{goal} x</text>')
    for i, ((workload, ranges, form), (one, two)) in enumerate(ups.items()):
        y = 12 + 22 * i
        parts.append(f'<text x="330" y="{y + 13}" text-anchor="end">'
                     f'{html.escape(f"{workload} {ranges}, {form}")}</text>')
        parts.append(f'<rect x="340" y="{y}" width="{one / two * scale:.1f}" height="16" '
                     f'fill="{COLOURS[0]}"/>')
        parts.append(f'<text x="{346 + one / two * scale:.1f}" y="{y + 13}">{one / two:.2f} x '
                     f'({one:.2f} -&gt; {two:.2f} ns)</text>')
    return (f'<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" '
            f'width="{width}">{"".join(parts)}</svg>')


STYLE = '''
body { font: 15px/1.45 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em;
       color: #222; background: #fff; }
svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: #444; } .grid { stroke: #ddd; }
.legend span { margin-right: 1.4em; } .legend i { display: inline-block; width: 12px;
       height: 12px; margin-right: 5px; }
pre { font-size: 12px; overflow-x: auto; background: #f6f6f6; padding: 1em; }
'''


def page(results, details):
    by_format = collections.OrderedDict()
    for row in results:
        by_format.setdefault(row['format'], []).append(row)
    sections = []
    if any(row['ns'] for row in results):
        sections.append('<h2>Nanoseconds an operation</h2><p>Median; logarithmic. Below each '
                        "workload: the library's cycles as a multiple of the naive walker's.</p>")
        sections += [workload_plot(form, rows) for form, rows in by_format.items()]
    if details.get('sizes'):
        sections.append('<h2>Nanoseconds a 4K page, by the size of one map call</h2>')
        sections.append(sizes_plot(details['sizes']))
    if details.get('threads'):
        sections.append('<h2>Two threads on a parallel table</h2><p>How many times as many pages a '
                        'second as one thread maps.</p>' + threads_plot(details))
    text = html.escape('\n'.join(table(results, details)))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>twofold: performance'
        f'</title><style>{STYLE}</style></head><body><h1>twofold: performance</h1>'
        f'{"".join(sections)}<h2>All figures</h2><pre>{text}</pre></body></html>\n'
    )

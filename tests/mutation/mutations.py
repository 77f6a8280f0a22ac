# SPDX-License-Identifier: MIT
"""What a mutant of the library is: one constant, operator, comparison or condition changed."""

import functools
import re

# The level that a hook of the tests is told (paging/engine/sabotage.h): it is for them too.
HOOK_LEVEL = re.compile(r'\bpaging_sabotage\(\s*\w+,([^,]*),')

TOKEN = re.compile(
    r'(?P<number>\b(?:0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]*\b)'
    r'|(?P<word>[A-Za-z_]\w*)'
    r'|(?P<operator>->|\.\.\.|<<=|>>=|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||##|[-+*/%&|^]=|[-+*/%&|^~!<>=?:.,;(){}\[\]#])'
)
BLANKED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)

BINARY = {
    '==': ['!='], '!=': ['=='],
    '<': ['<=', '>='], '<=': ['<', '>'], '>': ['>=', '<='], '>=': ['>', '<'],
    '&&': ['||'], '||': ['&&'],
    '&': ['|'], '|': ['&'], '^': ['|'],
    '<<': ['>>'], '>>': ['<<'],
    '+': ['-'], '-': ['+'], '/': ['*'], '%': ['/'],
    '|=': ['&=', '='], '&=': ['|=', '='], '^=': ['|='],
    '+=': ['-='], '-=': ['+='], '<<=': ['>>='], '>>=': ['<<='],
    '++': ['--'], '--': ['++'],
}
ALSO_UNARY = {'&', '-', '+'}
KEYWORDS = {'return', 'case', 'if', 'while', 'sizeof'}


@functools.lru_cache(maxsize=1)
def line_names(text):
    """Of each line what it is called: its text, and which one of those it is that are alike."""
    counts, names = {}, []
    for line in text.split('\n'):
        line = ' '.join(line.split())
        counts[line] = counts.get(line, 0) + 1
        names.append(line + (f' (#{counts[line]})' if counts[line] > 1 else ''))
    return names


class Mutation:
    """One change: `old` at `start` of the file becomes `new`."""

    def __init__(self, path, text, start, old, new):
        self.path, self.start, self.old, self.new = path, start, old, new
        self.line = text.count('\n', 0, start) + 1
        self.line_text = line_names(text)[self.line - 1]
        # The same text can be there twice in a line.
        self.nth = text[text.rfind('\n', 0, start) + 1:start].count(old) + 1
        self.change = f'{old} -> {new or "nothing"}' + (f' (#{self.nth})' if self.nth > 1 else '')

    def key(self):
        return (self.path, self.line_text, self.change)

    def applied(self, text):
        """The mutant of the file."""
        return text[:self.start] + self.new + text[self.start + len(self.old):]

    def __str__(self):
        return f'{self.path}:{self.line}: {self.change}'


def other_numbers(text):
    digits = text.rstrip('uUlL')
    suffix = text[len(digits):]
    if digits[:2].lower() == '0x':
        # Each bit, and the first that it has not.
        value = int(digits, 16)
        other = [value ^ 1 << bit for bit in range(min(value.bit_length() + 1, 64))]
        return [f'{n:#x}{suffix}' for n in other]
    value = int(digits, 8 if len(digits) > 1 and digits[0] == '0' else 10)
    return [f'{n}{suffix}' for n in (value - 1, value + 1) if n >= 0]


def closing(text, start):
    """Where the parenthesis at `start` closes."""
    depth = 0
    for i in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[i], 0)
        if depth == 0:
            return i
    raise ValueError('unbalanced parentheses')


def blank(text, string=' '):
    """The text with comments, strings and the directives that hold no code blanked out; `string` is what
    is put for each character of a string."""

    def spaces(match):
        return re.sub(r'[^\n]', ' ' if match[0][0] in '/#' else string, match[0])

    text = BLANKED.sub(spaces, text)
    return re.sub(r'^#\s*(?!define\b)\w[^\n]*', spaces, text, flags=re.MULTILINE)


def mutations_of(path, text):
    code = blank(text)
    hooks = [match.span(1) for match in HOOK_LEVEL.finditer(code)]
    previous = ''
    for match in TOKEN.finditer(code):
        token, start, news = match[0], match.start(), []
        if any(first <= start < end for first, end in hooks):
            continue
        if match['number']:
            news = other_numbers(token)
        elif token in ('true', 'false'):
            news = ['false' if token == 'true' else 'true']
        elif token in ('if', 'while'):
            opening = code.index('(', start)
            end = closing(code, opening)
            yield Mutation(path, text, start, text[start:end + 1],
                           f'{token} (!{text[opening:end + 1]})')
        elif token in ('!', '~'):
            news = ['']
        elif token in BINARY:
            value_before = re.fullmatch(r'[\w)\]]+', previous) and previous not in KEYWORDS
            if value_before or token not in ALSO_UNARY:
                news = BINARY[token]
        for new in news:
            yield Mutation(path, text, start, token, new)
        previous = token

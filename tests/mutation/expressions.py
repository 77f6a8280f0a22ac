# SPDX-License-Identifier: MIT
"""Many mutants in one source file, of which one is chosen when the program runs.

An expression `x + 1` that has the mutants 7 and 8 becomes

    (MUTANT(7) ? (x - 1) : MUTANT(8) ? (x + 2) : (x + 1))

and MUTANT notes that the program has come upon it (mutants.h). What must be constant for the compiler
cannot be chosen like that, so not every mutant can be had in this way. What a macro stands for is taken for
whole expressions, as it should be: `#define A x + 1` would become another number in `2 * A`.
"""

import bisect
import re

from mutations import TOKEN, blank, closing

ASSIGNMENTS = {'=', '+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>='}
# Between these an expression stands whole, whatever operators it has.
BORDERS = {';', ',', '{', '}', '?', ':', 'return', 'case', 'else', 'do'} | ASSIGNMENTS
STATEMENTS = {'if', 'while', 'for', 'switch'}
# What is in their parentheses cannot become another expression.
LITERALS = re.compile(r'U?INT(8|16|32|64|MAX)_C|sizeof')
DEFINE = re.compile(r'^#[ \t]*define[ \t]+(\w+)(?:\([^)]*\))?((?:[^\n\\]|\\.|\\\n)*)', re.MULTILINE)
WORD = re.compile(r'[A-Za-z_]\w*')


class Macros:
    """Where those of all files are defined, and which others they use."""

    def __init__(self, texts):
        self.words, self.places = {}, {}
        for path, text in texts.items():
            code = blank(text)
            self.words[path] = [WORD.findall(line) for line in code.split('\n')]
            for match in DEFINE.finditer(code):
                first = code.count('\n', 0, match.start()) + 1
                lines = range(first, first + match[0].count('\n') + 1)
                self.places.setdefault(match[1], []).extend((path, line) for line in lines)

    def used_by(self, places):
        """These lines, (path, number), and those of all macros that they use."""
        found, new = set(), list(places)
        while new:
            path, line = place = new.pop()
            if place not in found:
                found.add(place)
                for word in self.words[path][line - 1]:
                    new += self.places.get(word, [])
        return found


class Source:
    """A file of the library, in which expressions can be found."""

    def __init__(self, text):
        # A string is a token too, with which an expression can end.
        self.text, self.code = text, blank(text, string='s')
        self.runs = []  # of tokens that may belong together: each #define's, and all that is left
        rest = self.code
        for match in DEFINE.finditer(self.code):
            self.runs.append(self._tokens(self.code, *match.span(2)))
            rest = rest[:match.start()] + re.sub(r'[^\n]', ' ', match[0]) + rest[match.end():]
        self.runs.append(self._tokens(rest, 0, len(rest)))

    @staticmethod
    def _tokens(code, first, end):
        return [(m.start(), m.end(), m[0]) for m in TOKEN.finditer(code, first, end)]

    def _place(self, start):
        """The run and the index in it of the token that begins there."""
        for run in self.runs:
            i = bisect.bisect_left(run, (start,))
            if i < len(run) and run[i][0] == start:
                return run, i
        raise ValueError(f'no token at {start}')

    @staticmethod
    def _literal(run, opening):
        return opening > 0 and LITERALS.fullmatch(run[opening - 1][2])

    def _first(self, run, i):
        """The first token of the expression around token i, and how many literals that one is in."""
        depth = inside = behind = 0
        while i > 0:
            token = run[i - 1][2]
            if token in (')', ']'):
                behind = i if depth == 0 else behind  # these parentheses
                depth += 1
            elif token in ('(', '['):
                if depth == 0 and not self._literal(run, i - 1):
                    break
                inside += depth == 0
                depth -= depth > 0
                if depth == 0 and i > 1 and run[i - 2][2] in STATEMENTS:
                    return behind, inside
            elif depth == 0 and token in BORDERS:
                break
            i -= 1
        return i, inside

    @staticmethod
    def _last(run, i, inside):
        """The last token of it; None if that is the left side of an assignment."""
        depth = 0
        # All of what is assigned belongs to an assignment.
        borders = BORDERS - {'?', ':'} if run[i][2] in ASSIGNMENTS else BORDERS
        while i + 1 < len(run):
            token = run[i + 1][2]
            if token in ('(', '['):
                depth += 1
            elif token in (')', ']') and depth != 0:
                depth -= 1
            elif token in (')', ']'):
                if inside == 0:
                    break
                inside -= 1
            elif depth == inside == 0 and token in ASSIGNMENTS:
                return None
            elif depth == inside == 0 and token in borders:
                break
            i += 1
        return i

    def expression(self, mutation):
        """Where the expression is that the mutation changes, and what it makes of it; or None."""
        text = self.text
        run, i = self._place(mutation.start)
        if run[i][2] in ('if', 'while'):
            first = text.index('(', mutation.start) + 1
            end = closing(self.code, first - 1)
            return first, end, f'!({text[first:end]})'
        first, inside = self._first(run, i)
        last = self._last(run, i, inside)
        if last is None:
            return None
        first, end = run[first][0], run[last][1]
        after = mutation.start + len(mutation.old)
        return first, end, text[first:mutation.start] + mutation.new + text[after:end]


class Choices:
    """The mutants of one file by their numbers, as far as they are not left out."""

    def __init__(self, text, mutations):
        self.text, self.choices = text, {}
        source = Source(text)
        for number, mutation in mutations.items():
            found = source.expression(mutation)
            if found is not None:
                self.choices[number] = found

    def leave_out(self, lines):
        """Those with an expression in one of these lines; returns whether there are any."""
        out = []
        for number, (first, end, _) in self.choices.items():
            begin = self.text.count('\n', 0, first) + 1
            if any(begin <= line <= begin + self.text.count('\n', first, end) for line in lines):
                out.append(number)
        for number in out:
            del self.choices[number]
        return bool(out)

    def render(self):
        """The file with all of them, its lines where they were."""
        by_place = {}
        for number, (first, end, mutant) in self.choices.items():
            by_place.setdefault((first, end), []).append((number, mutant))
        places = sorted(by_place, key=lambda place: (place[0], -place[1]))
        return self._render(places, by_place, 0, len(self.text))

    def _render(self, places, by_place, at, end):
        """The text from `at` to `end`, with the expressions in it that `places` begins with."""
        out = ''
        while places and places[0][0] < end:
            first, last = places.pop(0)
            whole = self._render(places, by_place, first, last)
            chosen = ''.join(f'MUTANT({number}) ? ({self._in_a_line(mutant)}) : '
                             for number, mutant in by_place[first, last])
            out += f'{self.text[at:first]}({chosen}({whole}))'
            at = last
        return out + self.text[at:end]

    @staticmethod
    def _in_a_line(text):
        return ' '.join(text.replace('\\\n', ' ').split())

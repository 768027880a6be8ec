r"""Equations in docstrings are plain text, so that ``help()`` can be read; the pages set them.

``E = -sum_{i<j} J_ij s_i s_j`` becomes ``E = -\sum_{i<j} J_{ij} s_i s_j``. A run of symbols, numbers and
operators is an equation if something in it cannot be prose: a power, an index, a sum, a relation, an average.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LETTERS = "alpha beta gamma delta epsilon lambda mu nu xi pi rho sigma tau phi chi psi omega theta eta"
GREEK = {*re.findall(r"\w+", LETTERS), "Gamma", "Delta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"}
BY_NAME = ["ln", "log", "exp", "tanh", "cosh", "sinh", "coth", "cos", "sin", "min", "max", "det"]
FUNCTIONS = {name: rf"\{name}" for name in BY_NAME}
FUNCTIONS |= {
    name: rf"\operatorname{{{name}}}" for name in ["sech", "erf", "erfc", "sign", "tr", "rms", "mean"]
}
FUNCTIONS |= {"sum": r"\sum", "prod": r"\prod", "int": r"\int", "sqrt": r"\sqrt"}
PLAIN = {"bv": "{b_v}", "bh": "{b_h}", "b0": "{b_0}", "E0": "E_0", "J0": "J_0"}
PLAIN |= {name: name for name in ("dT", "dt", "VH", "LM", "AB")}
PLAIN |= {"infinity": r"\infty", "inf": r"\infty", "scale": r"\text{scale}", "offset": r"\text{offset}"}
LONG_INDEX = {"rand", "EA", "SG", "odd", "even", "max", "min", "pairs", "eff"}
NAMED = r"\\(?:" + "|".join(BY_NAME) + r"|operatorname\{\w+\})(?!\w)"  # set apart from their neighbours
OPERATORS = {"->": r"\to", "<=": r"\le", ">=": r"\ge", "+-": r"\pm", "-+": r"\mp", "!=": r"\ne"}
OPERATORS |= {
    "**": "^",
    "*": r"\cdot",
    "<": "<",
    ">": ">",
    "{": r"\{",
    "}": r"\}",
    "...": r"\ldots",
    "..": r"\ldots",
}
RELATIONS = {"=", "<", ">", "<=", ">=", "->", "!="}
SEPARATORS = {",", ";", ":", "."}
DANGLING = (OPERATORS.keys() | RELATIONS | set("+-/^.")) - {"{", "}", ">"}
OPEN, CLOSE = "([{", ")]}"

TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<word>\((?:1[89]|20)\d\d\)|[A-Za-z]+'s\b|[A-Za-z]+(?:-[A-Za-z]{2,})+|---?|https?://\S+|arXiv:\S+|"[^"]*")
    |(?P<extremum>(?:min|max)\ over\ (?P<over>[A-Za-z](?:,\ [A-Za-z])*)\ of(?!\w))
    |(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    |(?P<name>[A-Za-z]+0?(?![0-9])(?:'(?![A-Za-z]))?(?:_(?:[A-Za-z0-9]+(?!\w)(?:'(?!\w))?|\{[^}]*\}|\([^)]*\)))?)
    |(?P<operator>->|<=|>=|\+-|-\+|!=|\*\*|\.\.\.?|_(?=\w)|[-+*/^=<>|()\[\]{}.,;:])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
# What is not prose: literals, roles and targets, emphasis.
MARKUP = re.compile(
    r"""(``.*?``
    |(?:^|(?<=\n))\s*:\w+\ [^:\n]*:
    |:[\w:]+:`[^`]*`
    |`[^`]*`_?
    |(?<![\w*\\])\*\*?(?!\s)(?:\\.|[^*\\]|(?<=\w)\*\*(?=[\w(]))+\*\*?(?![\w*]))""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A piece of text, its kind, and whether white space stands before it."""

    kind: str
    text: str
    spaced: bool
    start: int
    end: int


def typeset(paragraph: str) -> str:
    """The paragraph with its equations as ``:math:`` roles."""
    parts = MARKUP.split(paragraph)
    parts[::2] = [_typeset_prose(part) for part in parts[::2]]
    return "".join(parts)


def typeset_docstring(lines: list[str]) -> list[str]:
    """All paragraphs but examples and directives; an equation may go over several lines."""
    out: list[str] = []
    paragraph: list[str] = []

    def close() -> None:
        if paragraph:
            text = "\n".join(paragraph)
            if text.lstrip().startswith("====="):
                out.extend(_table(paragraph))
            else:
                verbatim = text.lstrip().startswith((">>>", "..", ":vartype", ":rtype"))
                out.extend((text if verbatim else typeset(text)).split("\n"))
            paragraph.clear()

    for line in lines:
        if not line.strip():
            close()
            out.append(line)
            continue
        if line.lstrip().startswith(("* ", ":", ".. ", "- ")):
            close()
        paragraph.append(line)
    close()
    return out


def _table(lines: list[str]) -> list[str]:
    """A simple table with one head line, written as a list: what is set would not fit into its columns."""
    starts = [match.start() for match in re.finditer("=+", lines[0])]
    rows = [line for line in lines if not set(line) <= set("= ")]
    out = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        cells = [row[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        out += [
            f"   {mark} - {typeset(cell)}" for mark, cell in zip("*" + " " * len(cells), cells, strict=False)
        ]
    return [*out, ""]


def _prose(text: str) -> str:
    """Signs that reStructuredText would read as markup, or that have a letter of their own."""
    return re.sub(r"\+-(?=\d)", "±", text.replace("|", r"\|"))


def _typeset_prose(text: str) -> str:
    out, done = [], 0
    for run in _runs(_tokens(text)):
        start, end = run[0].start, run[-1].end
        # A role must stand apart from what it touches.
        before = r"\ " if start and not text[start - 1].isspace() else ""
        after = r"\ " if end < len(text) and not text[end].isspace() else ""
        out += [_prose(text[done:start]), before, f":math:`{to_tex(run)}`", after]
        done = end
    return "".join([*out, _prose(text[done:])])


def _tokens(text: str) -> list[Token]:
    tokens, spaced = [], True
    for match in TOKEN.finditer(text):
        if match.lastgroup == "space":
            spaced = True
            continue
        kind = "extremum" if match["extremum"] else match.lastgroup
        if kind == "name" and not _is_symbol(match["name"]):
            kind = "word"
        tokens.append(Token(kind, match[0], spaced, match.start(), match.end()))
        spaced = False
    return [_article_or_symbol(tokens, i) for i in range(len(tokens))]


def _split(name: str) -> tuple[str, str, str]:
    """Base, prime and index of a name."""
    base, _, index = name.partition("_")
    return base.rstrip("'"), "'" * base.count("'"), index


def _is_symbol(name: str) -> bool:
    base, _, index = _split(name)
    known = len(base) == 1 or base in GREEK or base in FUNCTIONS or base in PLAIN
    index = index.rstrip("'")
    short = (
        not index or index[0] in "{(" or len(index) <= 2 or index.isdigit() or index in {*LONG_INDEX, *GREEK}
    )
    return known and short


def _article_or_symbol(tokens: list[Token], i: int) -> Token:
    """``a``, ``A`` and ``I`` are words unless something of an equation touches them."""
    token = tokens[i]
    if token.kind == "word" and _is_operand(tokens, i):
        return token._replace(kind="name")
    if token.text not in ("a", "A", "I", "mean", "min", "max", "sign", "inf", "scale", "int", "offset"):
        return token
    before = tokens[i - 1].text if i else ""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    touched = after is not None and (
        after.text in ("=", "/", "^", "->") or (after.text == "(" and not after.spaced)
    )
    touched |= after is not None and after.text == "sqrt"
    touched |= (
        before == "(" and after is not None and after.text == ")" and i > 1 and tokens[i - 2].text == "sqrt"
    )
    touched |= before in ("_", "^", "/", "=", "+", "-", "->", *(GREEK if token.text == "offset" else ())) or (
        before == "(" and after is not None and after.text in "+-/^"
    )
    return token if touched else token._replace(kind="word")


def _is_operand(tokens: list[Token], i: int) -> bool:
    """Whether a longer name is part of an equation: an index, a power or its base, a number ``n_states``."""
    token = tokens[i]
    if not re.fullmatch(r"[A-Za-z]+(_[a-z]+)?", token.text):
        return False
    before = tokens[i - 1].text if i and not token.spaced else ""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    if before in ("^", "_") or (after is not None and after.text == "^" and not after.spaced):
        return True
    follows = "" if after is None else after.text
    return token.text.startswith("n_") and (
        before in ("/", "^") or follows in ("/", "^") or follows.startswith("sum_")
    )


def _runs(tokens: list[Token]) -> list[list[Token]]:
    """Maximal equations, in order."""
    found, run = [], []
    for token in [*tokens, Token("word", "", True, 0, 0)]:
        if token.kind in ("word", "other"):
            found += _pieces(run)
            run = []
        else:
            run.append(token)
    return found


def _pieces(run: list[Token]) -> list[list[Token]]:
    """The run without unmatched brackets, cut at punctuation that is not inside brackets."""
    stack, unmatched = [], set()
    for i, token in enumerate(run):
        if token.text in OPEN:
            stack.append(i)
        elif token.text in CLOSE:
            if stack and OPEN.index(run[stack[-1]].text) == CLOSE.index(token.text):
                stack.pop()
            else:
                unmatched.add(i)
    unmatched |= set(stack)
    pieces, piece, depth = [], [], 0
    for i, token in enumerate(run):
        depth += (token.text in OPEN and i not in unmatched) - (token.text in CLOSE and i not in unmatched)
        dot = token.text == "." and not token.spaced and i + 1 < len(run) and not run[i + 1].spaced
        if i in unmatched or (depth == 0 and token.text in SEPARATORS and not dot):
            pieces.append(piece)
            piece = []
        else:
            piece.append(token)
    trimmed = [_trim(piece) for piece in [*pieces, piece]]
    return [piece for piece in trimmed if _is_equation(piece)]


def _trim(piece: list[Token]) -> list[Token]:
    """Without operators that lack an operand, and without numbers of the sentence before it."""
    piece = list(piece)
    while piece and (
        piece[-1].text in DANGLING
        or piece[-1].text in FUNCTIONS
        or (piece[-1].text == ">" and piece[-1].spaced)
        or (
            piece[-1].spaced
            and "e" in piece[-1].text
            and piece[-1].kind == "number"
            and len(piece) > 1
            and piece[-2].kind == "name"
        )
    ):
        piece.pop()
    while (
        piece
        and piece[0].text in {*RELATIONS, "/", "^", "*", "**", "+", "."}
        and not (piece[0].text == "<" and len(piece) > 1 and not piece[1].spaced)
    ):
        piece.pop(0)
    if piece and piece[0].text == "-" and len(piece) > 1 and piece[1].spaced:
        piece.pop(0)
    return piece


def _is_equation(piece: list[Token]) -> bool:
    texts = [token.text for token in piece]
    if len(piece) == 1:
        base, _, index = _split(texts[0])
        return piece[0].kind == "name" and bool(index) and base != "n" and base not in FUNCTIONS
    letters = any(token.kind == "name" for token in piece)
    if any(text in ("^", "**") for text in texts):
        return True
    if not letters:
        return False
    return (
        any(token.kind == "extremum" for token in piece)
        or any(token.kind == "name" and "_" in token.text for token in piece)
        or any(text in FUNCTIONS for text in texts)
        or any(text in RELATIONS for text in texts[1:-1])
        or any(text in ("/", "+", "+-") for text in texts[1:-1])
        or (texts[0] == "<" and ">" in texts)
        or any(_split(text)[0] in GREEK for text in texts)
    )


def to_tex(run: list[Token]) -> str:
    """The run in TeX; quotients stay on the line."""
    tex = _Writer(run).sequence(len(run))
    tex = re.sub(rf"(?<=[\w}})\]]) (?={NAMED})", r" \\, ", tex)
    tex = re.sub(rf"({NAMED}) (?![(\[^])", r"\1 \\, ", tex)
    return re.sub(r"\s+(?=[\^_])", "", re.sub(r"\s+", " ", tex)).strip()


class _Writer:
    """Reads tokens from the left; a power or a root takes the factor or the bracket behind it."""

    def __init__(self, run: list[Token]) -> None:
        self.run, self.i = run, 0
        self.bar_is_open = False

    def sequence(self, end: int) -> str:
        out = []
        while self.i < end:
            out.append(self.one())
        return " ".join(out)

    def one(self) -> str:
        token = self.run[self.i]
        self.i += 1
        if token.kind == "extremum":
            return rf"\{token.text[:3]}_{{{token.text[9:-3]}}}"
        if token.kind == "number":
            mantissa, _, power = token.text.partition("e")
            return token.text if not power else rf"{mantissa} \cdot 10^{{{int(power)}}}"
        if token.kind == "name":
            return self.root() if token.text == "sqrt" else _symbol(token.text)
        if token.text in ("^", "**", "_"):
            return f"{token.text[0].replace('*', '^')}{{{self.argument()}}}"
        if token.text == "." and self.i < len(self.run):
            return r"\cdot"
        if token.text in "<>" and self.is_bracket(self.i - 1):
            return r"\langle" if token.text == "<" else r"\rangle"
        if token.text == "|":
            self.bar_is_open = not self.bar_is_open
            return r"\lvert" if self.bar_is_open else r"\rvert"
        return OPERATORS.get(token.text, token.text)

    def is_bracket(self, i: int) -> bool:
        """Averages hug their content, relations have white space on both sides or on none."""
        token = self.run[i]
        if token.text == "<":
            return (
                i + 1 < len(self.run)
                and not self.run[i + 1].spaced
                and (i == 0 or token.spaced or self.run[i - 1].text in "([|/d-")
            )
        return i > 0 and not token.spaced

    def bracket_end(self) -> int:
        """Index behind the bracket that opens here."""
        depth = 0
        for j in range(self.i, len(self.run)):
            depth += (self.run[j].text in OPEN) - (self.run[j].text in CLOSE)
            if depth == 0:
                return j + 1
        return len(self.run)

    def argument(self) -> str:
        """The bracket without its parentheses, or one factor with its sign."""
        if self.i >= len(self.run):
            return ""
        if self.run[self.i].text in "([{":
            end = self.bracket_end()
            self.i += 1
            inner = self.sequence(end - 1)
            self.i = end
            return inner
        sign = ""
        if self.run[self.i].text == "-":
            sign, self.i = "-", self.i + 1
        return sign + self.one()

    def root(self) -> str:
        return rf"\sqrt{{{self.argument()}}}"


def _symbol(name: str) -> str:
    base, prime, index = _split(name)
    if index and base in ("bv", "bh", "b0"):  # an index of its own and one of the unit
        return f"b_{{{base[1:]},{index.strip('{}')}}}"
    head = FUNCTIONS.get(base) or PLAIN.get(base) or (rf"\{base}" if base in GREEK else _upright(base))
    head += prime
    if not index:
        return head
    if index[0] in "{(":
        return f"{head}_{{{to_tex_text(index[1:-1])}}}"
    if index in GREEK:
        return f"{head}_{{\\{index}}}"
    if index.rstrip("'") in LONG_INDEX or (len(index.rstrip("'")) > 2 and not index.isdigit()):
        return rf"{head}_\text{{{index}}}"
    return f"{head}_{{{index}}}"


def _upright(base: str) -> str:
    return base if len(base) == 1 else rf"\text{{{base}}}"


def to_tex_text(text: str) -> str:
    """A piece that is known to be an equation, such as what stands below a sum."""
    tokens = [t._replace(kind="name") if t.kind == "word" else t for t in _tokens(text)]
    return to_tex(tokens)


def setup(app) -> dict[str, bool]:
    """Called by Sphinx."""

    def process(app, what, name, obj, options, lines: list[str]) -> None:
        lines[:] = typeset_docstring(lines)

    app.connect("autodoc-process-docstring", process, priority=900)  # after napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}

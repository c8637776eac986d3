"""Read a module's docstring for the page: paragraphs, lists and equations; and set plain formulas as HTML.

An indented paragraph of a docstring holds equations, a line each: a label ("eq. 2"), two or more spaces, the formula. A
line that is indented further goes on with the label above it. What follows "Deviations:" is told apart.
"""

import re
import textwrap
from typing import Literal, NamedTuple

from markupsafe import Markup, escape

_NAMES = (
    "alpha beta gamma delta epsilon eps zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega "
    "Gamma Delta Theta Lambda Sigma Phi Psi Omega"
)
_GREEK = dict(zip(_NAMES.split(), "αβγδεεζηθκλμνξπρστφχψωΓΔΘΛΣΦΨΩ", strict=True))
_WORDS = {**_GREEK, "grad": "∇", "sum": "∑", "prod": "∏", "sqrt": "√"}
_ONLY_BEFORE = {"sum": "_", "prod": "_", "sqrt": r"\("}  # elsewhere they are words
_WORD = re.compile("|".join(
    rf"(?<![A-Za-z]){word}(?={_ONLY_BEFORE[word]})" if word in _ONLY_BEFORE else rf"(?<![A-Za-z]){word}(?![A-Za-z])"
    for word in _WORDS
))  # fmt: skip
_ACCENTS = {"_hat": "\u0302", "_bar": "\u0304", "~": "\u0303"}  # combining: they go on the letter before them
_SIGNS = {"<-": "←", "->": "→", ">=": "≥", "<=": "≤", "||": "‖", " - ": " − ", " * ": " · "}
_SCRIPT = re.compile(r"(?<=[\w)\]}‖∑∏\u0302\u0303\u0304])([_^])(\{(?:[^{}]|\{[^{}]*\})*\}|[+-]?[^\W_]+|\*)")
_NEGATIVE = re.compile(r"(?:(?<=[\s(\[,|])|^)-(?=[\w(‖])")
_NEW_LINE = re.compile(r"\S*_|\S+ = ")  # how a formula goes on; anything else is prose that was wrapped
_SYMBOL = re.compile(rf"(?<![\w/.])(?:[A-Za-z]|{'|'.join(_GREEK)})(?:(?:_bar|_hat|~)(?:_[^\W_]+)?|_[^\W_]+)(?![\w(/])")
_ADDRESS = r"https?://[^\s,;)<]*[^\s,;)<.:]"


class Equation(NamedTuple):
    """A line of equations."""

    label: Markup  # "eq. 2", or "" for a line that goes on
    formula: Markup


class Block(NamedTuple):
    """A paragraph of a docstring."""

    kind: Literal["text", "list", "equations"]
    text: tuple[Markup, ...] = ()  # one entry, or one an item
    equations: tuple[Equation, ...] = ()


class Document(NamedTuple):
    """A module's docstring, in parts."""

    headline: str
    body: list[Block]
    deviations: list[Block]
    address: str  # the first one named, "" if none is


def read(docstring: str) -> Document:
    """The parts of a docstring: its first paragraph, what follows, and the deviations from the paper."""
    text = textwrap.dedent(docstring.partition("\n")[2]).strip("\n")
    headline = docstring.partition("\n")[0].strip()
    before, _, after = re.sub(r"(?m)(^|(?<=[.:] ))Deviations:", "\0", text, count=1).partition("\0")
    address = re.search(_ADDRESS, docstring)
    before = re.sub(rf"^{_ADDRESS}\.\s+", "", before)  # it is given apart
    return Document(headline, _blocks(before), _blocks(after), address[0] if address else "")


def _blocks(text: str) -> list[Block]:
    return [block for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip() for block in _block(part)]


def _block(part: str) -> list[Block]:
    """A paragraph as a block; as two where a list follows its first lines."""
    lines = part.strip("\n").splitlines()
    if all(line.startswith("    ") for line in lines):
        return [Block("equations", equations=tuple(_equations(textwrap.dedent(part).strip("\n").splitlines())))]
    start = next((i for i, line in enumerate(lines) if line.lstrip().startswith("- ")), len(lines))
    prose = " ".join(map(str.strip, lines[:start]))
    items = tuple(inline(" ".join(item.split())) for item in re.split(r"(?m)^\s*- ", "\n".join(lines[start:]))[1:])
    return [*([Block("text", (inline(prose),))] if prose else []), *([Block("list", items)] if items else [])]


def _equations(lines: list[str]) -> list[Equation]:
    """Lines as equations; prose that was wrapped becomes one line again."""
    found: list[tuple[str, str]] = []
    for line in lines:
        label, _, rest = re.sub(r"(?<=\S)\s{2,}|^\s{2,}", "\0", line, count=1).partition("\0")
        if not rest or "=" in label:  # no label: all of the line is the formula
            label, rest = "", line
        if found and line.startswith("  ") and not _NEW_LINE.match(rest):
            found[-1] = (found[-1][0], f"{found[-1][1]} {rest.strip()}")
        else:
            found.append((label, rest.strip()))
    return [Equation(formula(label), formula(text)) for label, text in found]


def inline(text: str) -> Markup:
    """Prose as HTML: `code` between backticks, addresses as links, symbols as in formulas."""
    parts = re.split(rf"`([^`]+)`|({_ADDRESS})", text)  # prose, code or None, address or None, prose, ...
    shown = []
    for i, part in enumerate(parts):
        if part is not None:
            shown.append((_prose, _code, _link)[i % 3](part))
    return Markup("").join(shown)


def _prose(text: str) -> Markup:
    return Markup(_SYMBOL.sub(lambda m: _formula(m[0]), str(escape(text))))


def _link(address: str) -> Markup:
    return Markup('<a href="{0}">{0}</a>').format(address)


def formula(text: str) -> Markup:
    """A formula in plain characters as HTML: Greek letters, signs, accents, superscripts and subscripts."""
    parts = re.split(r"`([^`]+)`", text)
    return Markup("").join(_code(part) if i % 2 else _formula(part) for i, part in enumerate(parts))


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)


def _formula(text: str) -> Markup:
    for mark, accent in _ACCENTS.items():
        text = re.sub(rf"(?<=[A-Za-z]){re.escape(mark)}(?![A-Za-z])", accent, text)
    text = _WORD.sub(lambda m: _WORDS[m[0]], text)
    for sign, shown in _SIGNS.items():
        text = text.replace(sign, shown)
    return Markup(_scripts(_NEGATIVE.sub("−", str(escape(text)))))


def _scripts(html: str) -> str:
    return _SCRIPT.sub(_script, html)


def _script(match: re.Match[str]) -> str:
    tag = {"_": "sub", "^": "sup"}[match[1]]
    inner = match[2][1:-1] if match[2].startswith("{") else match[2]
    return f"<{tag}>{_scripts(inner.replace('-', '−'))}</{tag}>"

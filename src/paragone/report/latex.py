"""Write tables as LaTeX: booktabs, one float per table."""

from collections.abc import Iterable

from paragone.report.render import Grid, Line

NEEDS = "% needs \\usepackage{booktabs,graphicx}"
WRAP, WIDEST = 40, 10  # characters of a column that does not wrap; centimetres of one that does
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "±": r"$\pm$",
    "∞": r"$\infty$",
    "×": r"$\times$",
    "²": r"$^2$",
    "³": r"$^3$",
    "√": r"$\surd$",
    "–": "--",
    "·": r"$\cdot$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
}


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_SPECIAL.get(c, c) for c in " ".join(text.split()))


def latex(grids: Iterable[Grid], label: str) -> str:
    """The tables as floats; the document needs the packages booktabs and graphicx, and utf8 input."""
    return "\n\n".join([NEEDS, *floats(grids, label)]) + "\n"


def floats(grids: Iterable[Grid], label: str) -> list[str]:
    """The tables, a float each."""
    return [_float(g, f"tab:{label}" + (f"-{i}" if i else "")) for i, g in enumerate(grids)]


def figure(caption: str, name: str, width: float) -> str:
    """A picture of the report's folder figures/, as a share of the text's width."""
    return rf"""\begin{{figure}}
\centering
\includegraphics[width={width}\textwidth]{{../figures/{name}.png}}
\caption{{{escape(caption)}}}
\end{{figure}}"""


def _align(g: Grid) -> str:
    """Figures to the right, text to the left; a column of long text wraps."""
    longest = [max([len(line.cells[i].text) for line in g.lines if i < len(line.cells)], default=0)
               for i in range(len(g.headers))]  # fmt: skip
    return "".join(
        "r" if numeric else "l" if n <= WRAP else f"p{{{min(4 + n / 50, WIDEST):.1f}cm}}"
        for n, numeric in zip(longest, g.numeric, strict=True)
    )


def _float(g: Grid, label: str) -> str:
    align = _align(g)
    body = "\n".join(_line(line, len(g.headers), first=i == 0) for i, line in enumerate(g.lines))
    return rf"""\begin{{table*}}
\centering
\caption{{{escape(" ".join([f"{g.title}.", *g.sentences, *_notes(g)]))}}}
\label{{{label}}}
\resizebox{{\textwidth}}{{!}}{{%
\begin{{tabular}}{{{align}}}
\toprule
{" & ".join(escape(h) for h in g.headers)} \\
\midrule
{body}
\bottomrule
\end{{tabular}}}}
\end{{table*}}"""


def _notes(g: Grid) -> list[str]:
    """Why rows did not finish: too long for a cell."""
    return [f"{line.cells[0].text} ({cell.text}): {cell.note}." for line in g.lines for cell in line.cells if cell.note]


def _line(line: Line, width: int, first: bool) -> str:
    if line.kind == "heading":
        rule = "" if first else "\\midrule\n"
        return rf"{rule}\multicolumn{{{width}}}{{l}}{{\textit{{{escape(line.cells[0].text)}}}}} \\"
    texts = [rf"\textbf{{{escape(c.text)}}}" if c.bold else escape(c.text) for c in line.cells]
    return " & ".join(texts) + r" \\"

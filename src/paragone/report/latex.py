"""Write tables as LaTeX: booktabs, one float a table."""

from collections.abc import Iterable

from paragone.report.render import Grid, Line

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
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "³": r"$^3$",
    "–": "--",
    "·": r"$\cdot$",
}


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_SPECIAL.get(c, c) for c in " ".join(text.split()))


def latex(grids: Iterable[Grid], label: str) -> str:
    """The tables as floats; the document needs the packages booktabs and graphicx, and utf8 input."""
    parts = ["% needs \\usepackage{booktabs,graphicx}"]
    parts += [_float(g, f"tab:{label}" + (f"-{i}" if i else "")) for i, g in enumerate(grids)]
    return "\n\n".join(parts) + "\n"


def _float(g: Grid, label: str) -> str:
    align = "".join("r" if numeric else "l" for numeric in g.numeric)
    body = "\n".join(_line(line, len(g.headers), first=i == 0) for i, line in enumerate(g.lines))
    return rf"""\begin{{table*}}
\centering
\caption{{{escape(" ".join([f"{g.title}.", *g.caption, *_notes(g)]))}}}
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

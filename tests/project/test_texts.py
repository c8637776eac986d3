"""Texts from outside, wherever they are shown: no orders, no formulas, no homes."""

from pathlib import Path

import pytest

from paragone.project import failures, files, paths, texts
from paragone.report import latex, render
from paragone.report.render import Grid, Line, Text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("Fréchet 猫 ↓", "Fréchet 猫 ↓"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("a\rb", "a b"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("caf\udce9.png", "caf\\udce9.png"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("nul\x00", "nul\\x00"),
        ("line\u2028separator", "line separator"),
        ("c1\x9b2J", "c1\\x9b2J"),
    ],
)
def test_a_line_gives_no_orders(text, shown):
    assert texts.line(text) == shown
    assert texts.lines({text: [text, {"a": text}, 1, None]}) == {shown: [shown, {"a": shown}, 1, None]}


@pytest.mark.parametrize(
    "text",
    ["=1+1", "=cmd|' /C calc'!A0", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-1e5x", "=HYPERLINK()"],
)
def test_a_cell_is_no_formula(text):
    assert texts.cell(text) == f"'{text}"
    grid = Grid("t", ["Model"], [""], [False], [Line("model", [Text(text)])], [])
    assert render.text_csv([grid]).splitlines()[1].lstrip('"').startswith("'")


@pytest.mark.parametrize("value", ["-0.53", "-0.53 ± 0.02", "+12,000 %", "-1.2e-05", "–", "a=b", "", -0.5, None, 3])
def test_figures_stay_as_they_are(value):
    assert texts.cell(value) is value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/work/mine/data/x.png: damaged", "data/x.png: damaged"),
        ("no file '/work/mine'", "no file '.'"),
        ("/work/minefield stays", "/work/minefield stays"),
        ("OSError: '/home/ann/pics/x.png'", "OSError: '~/pics/x.png'"),
        ("in /Users/Ann.B/x, and /home/bob", "in ~/x, and ~"),
        ("https://host/home/page and a/home/b", "https://host/home/page and a/home/b"),
        ("/opt/data stays, as /homework does", "/opt/data stays, as /homework does"),
        ("from https://me:secret@host/x", "from https://host/x"),
    ],
)
def test_nothing_says_whose_machine_it_was(text, shown):
    assert texts.private(text, Path("/work/mine")) == shown


def test_this_users_home_is_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/srv/people/ann")
    assert texts.private("at /srv/people/ann/x and /srv/people/anna/x") == "at ~/x and /srv/people/anna/x"
    monkeypatch.setenv("HOME", "/")
    assert texts.private("at /srv/people/ann/x") == "at /srv/people/ann/x"


def test_a_failure_note_travels(tmp_path):
    run = paths.Run("quick", "digits", "gan", 0)
    (tmp_path / run.branch).mkdir(parents=True)
    failures.note(tmp_path, run, "train", f"OSError: {tmp_path}/data/x and /home/ann/y")
    assert files.read_json(tmp_path / run.failure)["reason"] == "OSError: data/x and ~/y"


HOSTILE = "a|b <script>alert(1)</script> [x](javascript:y) \\| ![i](http://evil)"


def test_markdown_and_latex_print_it_as_it_stands():
    from markdown_it import MarkdownIt

    line = Line("model", [Text(HOSTILE), Text("1")])
    grid = Grid(HOSTILE, ["Model", "n|o"], [""] * 2, [False] * 2, [line], [])
    html = MarkdownIt("commonmark").enable("table").render(render.markdown([grid]))
    assert html.count("<td>") == 2
    assert "<script" not in html
    assert "<a " not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    shown = latex.escape("a\n\\input{/etc/passwd} % $x$ {}")
    assert shown == r"a \textbackslash{}input\{/etc/passwd\} \% \$x\$ \{\}"

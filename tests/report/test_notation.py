"""Docstrings as the pages show them: parts told apart, formulas set, nothing of them taken for markup."""

import pytest

from paragone.project import registry
from paragone.report import notation

SAMPLE = """XYZ: an example. Author, 2020.

https://example.org/abs/1. It makes `things` out of <noise>, see https://example.org/code.

    eq. 1    L = E[||x - x_hat||^2]
             x_hat = f(z), z ~ N(0, I)
    table 1  two layers of 10 units, and one that is
             of 20

More of it.

Deviations:
- The first,
  which goes on.
- The second.
"""


def test_a_docstring_is_told_apart():
    found = notation.read(SAMPLE)
    assert found.headline == "XYZ: an example. Author, 2020."
    assert found.address == "https://example.org/abs/1"
    assert [b.kind for b in found.body] == ["text", "equations", "text"]
    assert [list(map(str, b.text)) for b in found.deviations] == [["The first, which goes on.", "The second."]]


def test_prose_is_escaped_and_links_and_code_are_marked():
    (text,) = notation.read(SAMPLE).body[0].text
    assert text == (
        "It makes <code>things</code> out of &lt;noise&gt;, see "
        '<a href="https://example.org/code">https://example.org/code</a>.'
    )


def test_symbols_in_prose_are_set_and_other_names_are_not():
    rendered = notation.inline("L_simple of alpha_bar_t, beta~, n_critic; `x_0` and vq_vae, f(x_0), https://a.org/x_y.")
    assert rendered == (
        "L<sub>simple</sub> of α\u0304<sub>t</sub>, β\u0303, n<sub>critic</sub>; <code>x_0</code> and vq_vae, "
        'f(x<sub>0</sub>), <a href="https://a.org/x_y">https://a.org/x_y</a>.'
    )


def test_wrapped_prose_is_one_line_again_and_a_second_formula_is_not():
    equations = notation.read(SAMPLE).body[1].equations
    assert [str(e.label) for e in equations] == ["eq. 1", "", "table 1"]
    assert equations[2].formula == "two layers of 10 units, and one that is of 20"


def test_deviations_within_a_paragraph_are_told_apart():
    found = notation.read("A.\n\nThe paper leaves it open. Deviations: none.\n")
    assert [str(b.text[0]) for b in found.body + found.deviations] == ["The paper leaves it open.", "none."]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("alpha_bar_{t-1}", "α\u0304<sub>t−1</sub>"),
        ("beta~_{S_{t-1}}", "β\u0303<sub>S<sub>t−1</sub></sub>"),
        ("E_{t~p_t}[L_t^2]", "E<sub>t~p<sub>t</sub></sub>[L<sub>t</sub><sup>2</sup>]"),
        ("z ~ N(0, I)", "z ~ N(0, I)"),
        ("||x - f(x)||^2", "‖x − f(x)‖<sup>2</sup>"),
        ("-log p, a = -1, non-zero", "−log p, a = −1, non-zero"),
        ("the sum of sqrt(x), prod_j p_j", "the sum of √(x), ∏<sub>j</sub> p<sub>j</sub>"),
        ("w <- clip(w, -c, c)", "w ← clip(w, −c, c)"),
        ("`z_dim` of <b> & 10^6", "<code>z_dim</code> of &lt;b&gt; &amp; 10<sup>6</sup>"),
        ("the metaphor of lambdas", "the metaphor of lambdas"),
    ],
)
def test_a_formula_is_set(text, html):
    assert str(notation.formula(text)) == html


@pytest.mark.parametrize("name", registry.names("models"))
def test_every_model_has_an_address_and_equations(name):
    """What its page begins with (CONTRIBUTING.md says how to write them)."""
    found = notation.read(registry.load("models", name).__doc__)
    assert found.address.startswith("https://")
    equations = [e for block in found.body for e in block.equations]
    assert equations
    assert not any("_" in e.formula or "^" in e.formula for e in equations), "a script that was not set"

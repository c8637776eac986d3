"""R. Poudel's page: the advantages and disadvantages of VAE, GAN and both together, as a checklist with verdicts.

poudel.csv holds the items, whose each is, and the claims and figures that test it.
"""

from paragone.report.render import Grid, Line, Text
from paragone.report.surveys import base
from paragone.report.surveys.base import Sources, SurveyPage, section
from paragone.results.claims.base import SURVEYS
from paragone.results.runs import Json

WHOSE = (
    "Source: survey (the survey names it), implied (it follows from what the survey says about combinations), li (a "
    "claim of another survey about a system that this one names) or textbook (a general point, added here)."
)
BOUND = "A bound in bits per dimension needs a likelihood over grey levels: rows with a Bernoulli likelihood have none."


def page(sources: Sources) -> SurveyPage:
    """The checklist, and everything else that the survey names."""
    return SurveyPage(
        "poudel",
        SURVEYS["poudel"],
        "Advantages and disadvantages of VAE, GAN and their combinations as a checklist: what tests each, the verdict, "
        "and the figures.",
        [section("Checklist", WHOSE, grids=[_checklist(sources)]), base.lists("poudel", sources)],
    )


def _checklist(sources: Sources) -> Grid:
    lines: list[Line] = []
    of = ""
    items = base.read("poudel.csv")
    for item in items:
        if item["of"] != of:
            of = item["of"]
            lines.append(Line("heading", [Text(of)]))
        lines.append(Line("model", [*map(Text, _cells(item, sources))]))
    models = dict.fromkeys(token.partition(":")[0] for item in items for token in item["figures"].split())
    budgets = [f"{m.dataset.title}: {seen}" for m in sources.measured for seen in m.budgets(models)]
    sharp = [sources.about_sharpness(m.dataset.name) for m in sources.measured]
    return Grid(
        "Advantages and disadvantages, tested",
        ["Item", "Side", "Source", "Tested", "Figures", "Evidence"],
        ["", "", "who says so", "the verdict of the claim that tests it", "mean over seeds", ""],
        [False] * 6,
        lines,
        [BOUND, *sources.protocol(), *dict.fromkeys(sharp), *budgets],
    )


def _cells(item: Json, sources: Sources) -> list[str]:
    figures = base.figures(item["figures"].split(), sources)
    tested, evidence = "no claim: figures only", ""
    if item["claims"]:
        id_, verdict, evidence = base.verdict_of(item["claims"], sources)
        tested = f"{verdict} ({id_})"
    return [item["item"], item["side"], item["source"], tested, figures, evidence]

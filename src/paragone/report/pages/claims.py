"""The surveys' claims: the board of the start page, and one page per claim."""

import math
from collections import Counter

import pandas as pd

from paragone.report.claims.verdicts import PROFILE, Assessment
from paragone.report.pages import base
from paragone.report.pages.base import Site
from paragone.report.render import Grid, Line, Text
from paragone.results.claims.base import SURVEYS, Effect, Verdict, number
from paragone.results.runs import Json

SHOWN = 3  # effects of a claim on the board; its page has all


def write(site: Site) -> None:
    """Write one page per claim."""
    assessments = site.report.assessments
    for i, j in enumerate(assessments):
        path = base.claim_page(j.id)
        plots = [site.report.claims[j.id]] if j.id in site.report.claims else []
        joined = [study for study in j.claim.joined_studies if study in site.report.studies]
        studies = [*j.claim.studies, *joined]
        plots += [plot for study in studies for plot in site.report.studies.get(study, [])]
        site.page(
            path,
            "claim.html",
            claim=_entry(site, j),
            measured=j.claim.measured,
            rule=j.claim.rule,
            reason=j.finding.reason,
            surveys=[(base.survey_page(s), SURVEYS[s]) for s in j.claim.surveys],
            effects=_effects(j.finding.effects) if j.finding.effects else None,
            plots=[site.plot(plot) for plot in plots],
            rows=_rows(site, j),
            seen=_seen(site, j),
            studies=[(s, s in site.report.studies) for s in studies],
            beside=beside([(k.id, base.claim_page(k.id)) for k in assessments], i),
        )


def beside(pages: list[tuple[str, str]], i: int) -> list[tuple[str, str, str]]:
    """The pages before and after one of a list: (relation, title, path)."""
    found = [("prev", *pages[i - 1])] if i else []
    return [*found, *([("next", *pages[i + 1])] if i + 1 < len(pages) else [])]


def board(site: Site) -> Json:
    """How many claims have each verdict, and every claim in brief: those with a verdict, then those that wait."""
    assessments = site.report.assessments
    counts = Counter(j.finding.verdict for j in assessments)
    return {
        "counts": [(str(v), slug(v), counts[v]) for v in Verdict if counts[v]],
        "total": len(assessments),
        "made_for": PROFILE if site.report.results.profile != PROFILE else None,
        "claims": [_entry(site, j) for j in assessments if j.finding.verdict != Verdict.UNMEASURED],
        "waiting": [_entry(site, j) for j in assessments if j.finding.verdict == Verdict.UNMEASURED],
    }


def of_model(site: Site, row: str) -> list[Json]:
    """The claims that a row takes part in."""
    return [_entry(site, j) for j in site.report.assessments if row in j.claim.rows]


def of_study(site: Site, study: str) -> list[Json]:
    """The claims that rest on a study."""
    claims = ((j, (*j.claim.studies, *j.claim.joined_studies)) for j in site.report.assessments)
    return [_entry(site, j) for j, studies in claims if study in studies]


def slug(verdict: Verdict) -> str:
    """A verdict as a class of the style sheet."""
    return verdict.name.lower()


def _entry(site: Site, j: Assessment) -> Json:
    effects = j.finding.effects
    return {
        "id": j.id,
        "page": base.claim_page(j.id),
        "sentence": j.claim.sentence,
        "verdict": str(j.finding.verdict),
        "slug": slug(j.finding.verdict),
        "parts": [(part, str(verdict)) for part, verdict in j.finding.parts.items()],
        "surveys": j.claim.surveys,
        "effects": [(number(e), e.what, slug(e.verdict)) for e in effects[:SHOWN]],
        "more": max(0, len(effects) - SHOWN),
        "datasets": _datasets(site, effects),
        "repeats": ", ".join(dict.fromkeys(f"{e.size.n} {e.repeats}" for e in effects)),
        "reason": j.finding.reason,
        "plot": site.plot(site.report.claims[j.id]) if j.id in site.report.claims else None,
    }


def _datasets(site: Site, effects: tuple[Effect, ...]) -> list[tuple[str, str]]:
    """Title and page of the data sets that the effects name; of titles that hold one another, the longest. A note lists
    several where their runs are counted together."""
    datasets = site.report.results.datasets
    named = {}
    for effect in effects:
        within = [d for d in datasets if d.title in effect.what]
        if within:
            longest = max(within, key=lambda d: len(d.title))
            named[longest.title] = base.data_page(longest.name)
        named |= {d.title: base.data_page(d.name) for d in datasets if f" on {d.title}" in effect.note}
    return list(named.items())


def _rows(site: Site, j: Assessment) -> list[tuple[str, str]]:
    """(title, page) of the rows that a claim needs; no page where the profile has no such row."""
    runs = site.report.results.runs
    titles = dict(zip(runs["model"], runs["title"], strict=True))
    return [(str(titles.get(row, row)), base.model_page(row) if row in titles else "") for row in j.claim.rows]


def _seen(site: Site, j: Assessment) -> list[tuple[str, str]]:
    """(title of a data set, how many images each row that trains on it has seen): without it no comparison is fair."""
    found = []
    for dataset in site.report.results.datasets:
        runs = site.report.results.of(dataset.name).reindex(columns=["model", "title", "train.images"])
        trained = runs[runs["model"].isin(j.claim.rows) & (pd.to_numeric(runs["train.images"]) > 0)]
        seen = [f"{title} {_range(images)}" for title, images in trained.groupby("title", sort=False)["train.images"]]
        if seen:
            found.append((dataset.title, ", ".join(seen)))
    return found


def _range(figures: pd.Series) -> str:
    low, high = int(figures.min()), int(figures.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _effects(effects: tuple[Effect, ...]) -> Grid:
    """Every effect with its interval, what would be no effect, what the claim needs, and its verdict."""
    headers = ["Effect", "Size", "No effect", "Claimed", "n", "Verdict"]
    lines = []
    for e in effects:
        n = Text(f"{e.size.n} {e.repeats}")
        what = Text(f"{e.what} ({e.note})" if e.note else e.what)
        bounds = [Text(equivalent(e)), Text(claimed(e))]
        lines.append(Line("model", [what, Text(number(e), value=e.size.value), *bounds, n, Text(str(e.verdict))]))
    abouts = ["", "estimate, with its 95 % interval",
              "the size that means none, and the margin within which an interval counts as none",
              "the size or bound that the rule names", "what the interval is over", ""]  # fmt: skip
    return Grid("Effects", headers, abouts, [h == "Size" for h in headers], lines, [])


def claimed(effect: Effect) -> str:
    """The sizes that the claim needs: "at least 1.1", "below 10", "300 to 3,000"."""
    _, low, high, equal = effect.bounds
    ends = [f"{(100 if effect.unit == '%' else 1) * end:,g}" for end in (low, high)]
    if math.isfinite(low) and math.isfinite(high):
        return f"{ends[0]} to {ends[1]}"
    if math.isfinite(low):
        return f"{'above' if equal is None else 'at least'} {ends[0]}"
    return f"{'below' if equal is None else 'at most'} {ends[1]}"


def equivalent(effect: Effect) -> str:
    """The size that means no effect, and the margin around it: "1 (0.909 to 1.1)"; nothing for a mere bound."""
    neutral, _, _, equal = effect.bounds
    if equal is None:
        return ""
    middle, low, high = (f"{(100 if effect.unit == '%' else 1) * end:,.3g}" for end in (neutral, *equal))
    return f"{middle} ({low} to {high})"

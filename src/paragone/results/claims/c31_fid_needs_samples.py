"""C31: the bias of a Frechet distance of few samples, against the gaps between models, and what it does to order."""

import statistics
from itertools import combinations, pairwise

from paragone.evaluation import intervals
from paragone.results.claims.base import Claim, Effect, Evidence, Json, NotMeasuredError, at_least

SAID = at_least(0.1, neutral=0.0, equal=0.05)  # of the pairs
BIAS = at_least(1.0, neutral=0.0, equal=0.1)  # gaps between neighbours

FEWEST = 3  # rows of a data set that are compared; sets with fewer say nothing of order

CLAIM = Claim(
    surveys=("zhao",),
    sentence="FID needs many samples to be reliable.",
    measured="Several rows' Frechet distances of subsets of their samples, drawn afresh each time. Bias: the distance "
    "of the smallest subsets less that of the largest, mean of the rows, over the median gap between rows that are "
    "neighbours by the largest. Order, as many images each: share of pairs of rows, over draws, which the smallest "
    "subsets order otherwise than the largest do. Order, fewer images for the better row: share of pairs of which the "
    "better row looks worse by the smallest subsets than the other one by the largest.",
    rule="Bias: at least one gap, within 0.1 of one no effect. Order: at least 10 % of pairs, Wilson's interval above "
    "0; all of it below 5 % is no effect. Each has a verdict.",
    studies=("sample_size",),
)


def effects(evidence: Evidence) -> list[Effect]:
    study = evidence.study("sample_size")
    rows = {d: {study["row"]: found["figures"]["row"], **found["others"]} for d, found in study["datasets"].items()}
    enough = {dataset: compared for dataset, compared in rows.items() if len(compared) >= FEWEST}
    if not enough:
        most = max(map(len, rows.values()), default=0)
        raise NotMeasuredError(
            f"study 'sample_size' compares {most} of at least {FEWEST} rows on one data set; name more in its `rows`"
        )
    return [effect for d, compared in enough.items() for effect in _of_dataset(compared, evidence.title(d))]


def _of_dataset(rows: dict[str, list[Json]], title: str) -> list[Effect]:
    sizes = sorted(set.intersection(*({f["n"] for f in figures} for figures in rows.values())))
    few, many = ({row: _at(figures, n) for row, figures in rows.items()} for n in (sizes[0], sizes[-1]))
    true = {row: statistics.mean(draws) for row, draws in many.items()}
    gap = statistics.median(b - a for a, b in pairwise(sorted(true.values())))
    draws = len(next(iter(few.values())))
    excess = [statistics.mean(few[row][i] - true[row] for row in rows) / gap for i in range(draws)]
    pairs = list(combinations(sorted(rows, key=true.__getitem__), 2))  # the better row first
    swapped = sum(few[a][i] >= few[b][i] for a, b in pairs for i in range(draws))
    worse = sum(few[a][i] >= many[b][i] for a, b in pairs for i in range(draws))
    n, of = len(pairs) * draws, f"{len(rows)} rows, {title}"
    bias = f"Excess of FD-clf of {sizes[0]} images over that of {sizes[-1]:,}, in gaps between neighbours of {of}"
    equal = f"Pairs ordered otherwise by FD-clf of {sizes[0]} images than of {sizes[-1]:,}, {of}"
    unequal = f"Pairs whose better row looks worse with {sizes[0]} images beside {sizes[-1]:,}, {of}"
    return [
        Effect(bias, "times", intervals.mean(excess), BIAS, "draws", f"the median gap is {gap:.3g}", "bias"),
        Effect(equal, "%", intervals.share(swapped, n), SAID, "pairs", part="order, as many images each"),
        Effect(unequal, "%", intervals.share(worse, n), SAID, "pairs", part="order, fewer for the better row"),
    ]


def _at(figures: list[Json], n: int) -> list[float]:
    return [f["fd"] for f in figures if f["n"] == n]

"""The Fréchet distance and the Inception Score step by step, from what the study `worked_scores` left.

Every number is computed here or by the study; the totals are beside the metrics' own values on the same features.
"""

import math
from collections.abc import Sequence

from PIL import Image

from paragone.report.render import Grid, Line, Text
from paragone.report.surveys.base import Measured, Picture, Section, Sources, section
from paragone.results.runs import Json, is_figure
from paragone.results.space_names import fd_label

STUDY = "worked_scores"
CLASSES = 10  # columns of the score's table; the most probable, where a classifier has more
TOLERANCE = 1e-6  # relative, of two ways to the same value
FID = (
    "FID = |m_r - m_g|² + tr(S_r + S_g - 2 √(S_r S_g)), with mean m and covariance S of the features of real (r) and "
    "generated (g) images (Heusel et al. 2017, equation 6). In other features than the Inception network's, the "
    "distance has another name."
)
IS = (
    "IS = exp(mean over x of KL(p(y|x) || p(y))), with a classifier's probabilities p(y|x) of a sample x, and their "
    "mean p(y) over samples (Salimans et al. 2016, section 4). Natural logarithms."
)


def fid(sources: Sources) -> Section:
    """The distance in a plane, by hand, and all its terms in the whole space."""
    title = "FID, worked"
    found = _found(sources)
    if not found:
        return section(title, FID, sources.no_study(STUDY))
    grids = [grid for m, example in found for grid in (_plane(m, example), _terms(m, example, sources))]
    return section(title, FID, grids=grids, plots=sources.plots(STUDY, sources.measured))


def score(sources: Sources) -> Section:
    """The score of a few samples, by hand, and the parts that the whole is averaged over."""
    title = "IS, worked"
    found = _found(sources)
    if not found:
        return section(title, IS, sources.no_study(STUDY))
    grids = [grid for m, example in found for grid in (_few(m, example), _parts(m, example, sources))]
    return section(title, IS, grids=grids, pictures=[p for m, example in found for p in _shown(m, example, sources)])


def _found(sources: Sources) -> list[tuple[Measured, Json]]:
    study = sources.studies.get(STUDY, {})
    datasets = study.get("datasets", {})
    return [
        (m, datasets[m.dataset.name] | {"row": study["row"]}) for m in sources.measured if m.dataset.name in datasets
    ]


def _number(value: float) -> str:
    """Four digits; as few as zero has of what rounding left of it."""
    return "0" if abs(value) < 1e-9 else f"{value:.4g}"


def _about(m: Measured, example: Json, network: str) -> list[str]:
    return [
        f"{_title(m, example)}, seed {example['seed']} (the first with samples).",
        (
            f"{example['n']:,} samples, {example['n_real']:,} real images, "
            f"features of {network} ({example['dims']} dimensions)."
        ),
        *m.budgets([example["row"]]),
    ]


def _network(example: Json) -> str:
    """The network whose features they are."""
    judge, space = example.get("judge"), str(example["space"])
    return f"judge {judge} of {space}" if judge else space


def _column(example: Json) -> str:
    """Where its figures stand in the table of runs."""
    judge, space = example.get("judge"), str(example["space"])
    return f"metrics.spaces.{space}" + (f".judges.{judge}" if judge else "")


def _title(m: Measured, example: Json) -> str:
    return m.rows[example["row"]].title if example["row"] in m.rows else str(example["row"])


def _steps(title: str, steps: Sequence[tuple[str, str, str, float | None]], caption: list[str]) -> Grid:
    lines = [
        Line("model", [Text(name), Text(formula), Text(shown), Text("" if v is None else _number(v), value=v)])
        for name, formula, shown, v in steps
    ]
    return Grid(title, ["Step", "Formula", "Numbers", "Value"], [""] * 4, [False, False, False, True], lines, caption)


def _plane(m: Measured, example: Json) -> Grid:
    """The distance in two dimensions, where the root's trace has a closed form: for the eigenvalues a and b of S_r S_g,
    (√a + √b)² = a + b + 2√(ab), which is its trace plus twice the root of its determinant."""
    plane = example["plane"]
    (rx, ry), (gx, gy) = plane["real"]["mean"], plane["fake"]["mean"]
    ((a, b), (_, c)), ((d, e), (_, f)) = plane["real"]["cov"], plane["fake"]["cov"]
    means = (rx - gx) ** 2 + (ry - gy) ** 2
    product, dets = a * d + 2 * b * e + c * f, (a * c - b * b) * (d * f - e * e)
    root = math.sqrt(product + 2 * math.sqrt(dets))
    total = means + a + c + d + f - 2 * root
    n = _number
    steps = [
        ("Means", "m_r; m_g", f"({n(rx)}, {n(ry)}); ({n(gx)}, {n(gy)})", None),
        ("Real covariance", "S_r", f"({n(a)}, {n(b)}; {n(b)}, {n(c)})", None),
        ("Generated covariance", "S_g", f"({n(d)}, {n(e)}; {n(e)}, {n(f)})", None),
        ("Distance of means", "|m_r - m_g|²", f"({n(rx - gx)})² + ({n(ry - gy)})²", means),
        ("Traces", "tr S_r + tr S_g", f"{n(a)} + {n(c)} + {n(d)} + {n(f)}", a + c + d + f),
        (
            "Trace of the product",
            "tr(S_r S_g)",
            f"{n(a)} × {n(d)} + 2 × ({n(b)}) × ({n(e)}) + {n(c)} × {n(f)}",
            product,
        ),
        ("Determinants", "det S_r × det S_g", f"{n(a * c - b * b)} × {n(d * f - e * e)}", dets),
        ("Trace of the root", "√(tr(S_r S_g) + 2 √(det S_r × det S_g))", f"√({n(product)} + 2 √{n(dets)})", root),
        ("Distance", "means + traces - 2 × root", f"{n(means)} + {n(a + c + d + f)} - 2 × {n(root)}", total),
        _check("the metric, of the same features", total, plane["metric"]),
    ]
    caption = [
        "Features projected onto the first two principal components of the real ones; the origin is the real mean.",
        f"The two hold {100 * plane['share']:.0f} % of the real features' variance.",
        *_about(m, example, _network(example)),
        m.protocol[0],
    ]
    return _steps(f"By hand, in a plane: {m.dataset.title}", steps, caption)


def _check(what: str, ours: float, other: float) -> tuple[str, str, str, float]:
    """A line that says whether another way leads to the same value."""
    agree = math.isclose(ours, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return "Check", what, "equal" if agree else f"differs by {other - ours:.3g}", other


def _terms(m: Measured, example: Json, sources: Sources) -> Grid:
    f = example["frechet"]
    total = f["means"] + f["trace_real"] + f["trace_fake"] - 2 * f["trace_root"]
    shown = (
        " + ".join(_number(f[k]) for k in ("means", "trace_real", "trace_fake")) + f" - 2 × {_number(f['trace_root'])}"
    )
    steps = [
        ("Distance of means", "|m_r - m_g|²", "", f["means"]),
        ("Real trace", "tr S_r", "", f["trace_real"]),
        ("Generated trace", "tr S_g", "", f["trace_fake"]),
        ("Trace of the root", "tr √(S_r S_g): sum of the roots of the product's eigenvalues", "", f["trace_root"]),
        (f"Distance ({fd_label(example['space'])})", "means + traces - 2 × root", shown, total),
        _check("the metric, of the same features", total, f["metric"]),
        *_against_run(f"{_column(example)}.fd", total, m, example, sources),
    ]
    caption = [*_about(m, example, _network(example)), *m.protocol]
    return _steps(f"In all {example['dims']} dimensions: {m.dataset.title}", steps, caption)


def _against_run(
    column: str, ours: float, m: Measured, example: Json, sources: Sources
) -> list[tuple[str, str, str, float]]:
    """The figure of the run itself: another one, if the study is of an earlier run."""
    values = [run.get(column) for run in _runs(m, example, sources)]
    return [_check("metrics.json of the run", ours, v) for v in values if is_figure(v)]


def _runs(m: Measured, example: Json, sources: Sources) -> list[Json]:
    """The run that was worked, if the profile still has it."""
    return [
        r for r in sources.results.rows(m.dataset.name) if (r["model"], r["seed"]) == (example["row"], example["seed"])
    ]


def _few(m: Measured, example: Json) -> Grid:
    few = example["few"]
    order = sorted(range(len(few["marginal"])), key=lambda c: -few["marginal"][c])
    shown = sorted(order[:CLASSES])
    names = (m.dataset.about or {}).get("class_names") or [str(c) for c in range(len(order))]

    def line(title: str, p: list[float], kl: float | None) -> Line:
        cells = [Text(f"{p[c]:.3f}", value=p[c]) for c in shown]
        return Line("model", [Text(title), *cells, Text("" if kl is None else _number(kl), value=kl)])

    def total(title: str, value: float) -> Line:
        return Line("model", [Text(title), *(Text("") for _ in shown), Text(_number(value), value=value)])

    mean = sum(few["kl"]) / len(few["kl"])
    _, what, agrees, metric = _check("the metric, of the same samples", math.exp(mean), few["metric"])
    lines = [
        *(line(f"p(y|x) of sample {i}", p, kl) for i, (p, kl) in enumerate(zip(few["p"], few["kl"], strict=True), 1)),
        line("p(y), their mean", few["marginal"], None),
        total("Mean KL", mean),
        total("exp of it: IS", math.exp(mean)),
        total(f"Check: {what} ({agrees})", metric),
    ]
    caption = [
        f"The first {len(few['p'])} samples, not selected, in one part.",
        *([f"The {CLASSES} most probable of {len(order):,} classes."] if len(order) > CLASSES else []),
        "With so few samples the score cannot exceed their number, nor the number of classes.",
        *_about(m, example, str(example["space"])),
        m.protocol[0],
    ]
    headers = ["Step", *(f"{names[c]}" for c in shown), "KL"]
    numeric = [False, *(True for _ in shown), True]
    return Grid(f"By hand, a few samples: {m.dataset.title}", headers, [""] * len(headers), numeric, lines, caption)


def _parts(m: Measured, example: Json, sources: Sources) -> Grid:
    kl = example["score"]["mean_kl"]
    scores = [math.exp(v) for v in kl]
    total = sum(scores) / len(scores)
    steps = [
        *(
            (f"Part {i}", "exp(mean KL)", f"exp({_number(v)})", s)
            for i, (v, s) in enumerate(zip(kl, scores, strict=True), 1)
        ),
        ("Score (IS-clf)", "mean of the parts", "", total),
        _check("the metric, of the same samples", total, example["score"]["metric"]),
        *_against_run("metrics.is.mean", total, m, example, sources),
    ]
    caption = [
        f"The samples in random order, in {len(kl)} equal parts, as the evaluation takes them.",
        "Each part has its own p(y).",
        *_about(m, example, str(example["space"])),
        *m.protocol,
    ]
    return _steps(f"All samples: {m.dataset.title}", steps, caption)


def _shown(m: Measured, example: Json, sources: Sources) -> list[Picture]:
    """The few samples, cut from the run's grid, which begins with them."""
    files = [sources.results.root / sources.results.where(run).sample_grid for run in _runs(m, example, sources)]
    found = []
    for file in (f for f in files if f.exists()):
        with Image.open(file) as grid:
            step, n = (grid.width + 1) // 10, len(example["few"]["p"])
            cut = grid.crop((0, 0, n * step - 1, step - 1))
        found.append(
            Picture(f"{_title(m, example)}, seed {example['seed']}", f"The {n} samples. {m.dataset.title}.", cut)
        )
    return found

"""The protocol in words, as captions of tables: what was compared with what, in which spaces, over which seeds."""

import pandas as pd

from paragone.evaluation.intervals import CONFIDENCE
from paragone.results.runs import DataSet, Results, is_figure
from paragone.results.space_names import fd_label, space_short

ALONE = (
    "A classifier's space rewards recognisable classes, and no space here was made without the data's labels: add "
    "lite0 or random_conv to the profile's `spaces`."
)
BEST = (
    "Bold: the best of each column, as printed, unless several rows share a count; the floor and models with an "
    "unfinished seed do not compete."
)


def describe(results: Results, dataset: DataSet, spaces: list[str]) -> list[str]:
    """The whole caption that every table of a data set begins with, one sentence each."""
    runs = results.of(dataset.name)
    return [
        _about_data(dataset),
        about_reference(dataset, runs),
        _about_spaces(dataset, spaces),
        _about_seeds(results),
        BEST,
        about_hardware(runs),
    ]


def _about_data(dataset: DataSet) -> str:
    about = dataset.about
    if about is None:
        return f"{dataset.title}: not ingested yet."
    size = " × ".join(str(v) for v in (about.get("shape") or [])[1:])
    made = ["made-up images"] if about.get("source") == "generated" else []
    notes = [*made, str(about.get("padding") or ""), str(about.get("altered") or ""), *(about.get("warnings") or [])]
    checked = dataset.validation or {}
    notes += ["failed its validation"] if checked.get("success") is False else []
    notes += [f"validation: {warning}" for warning in checked.get("warnings") or []]
    label = "; ".join(note for note in notes if note)
    return f"{dataset.title}, {size} pixels" + (f" ({label})." if label else ".")


def about_reference(dataset: DataSet, runs: pd.DataFrame) -> str:
    """How many samples were compared with how many real images, and what the floor is."""
    if dataset.set_aside:
        return f"No floor: {dataset.set_aside}."

    def known(key: str) -> str | None:
        finished = runs[runs["outcome"] == "finished"]
        found = list(finished[f"metrics.{key}"].dropna().unique()) if f"metrics.{key}" in runs else []
        values = found or [v for v in [(dataset.floor or {}).get(key)] if v is not None]
        return " or ".join(f"{int(v):,}" if is_figure(v) else str(v) for v in values) or None

    floor_n = (dataset.floor or {}).get("n")
    floor = (
        f" Floor: {floor_n:,} real test images, drawn at random and evaluated as if they were samples; for distances "
        "to the test split, the same number of training images."
        if floor_n
        else ""
    )
    n, real, split = map(known, ("n", "n_real", "reference_split"))
    if n is None:
        return "No run has been evaluated yet."
    return f"{n} samples per run against {real or 'unknown'} real images (the {split or 'unknown'} split).{floor}"


def _about_spaces(dataset: DataSet, spaces: list[str]) -> str:
    measured = (dataset.floor or {}).get("spaces", {}) or (dataset.reference or {}).get("spaces", {})
    hashes = {s: str(measured[s].get("hash", "")) if isinstance(measured.get(s), dict) else "" for s in spaces}
    names = [f"{fd_label(s)} is in {s}" + (f" ({hashes[s][:12]})" if hashes[s] else "") for s in spaces]
    first = f" KID, precision, recall, density and coverage of the main table are in {spaces[0]}." if spaces else ""
    if spaces and all(space_short(s) == "clf" for s in spaces):
        first += f" {ALONE}"
    return f"Feature spaces: {', '.join(names) or 'none measured yet'}.{first}"


def _about_seeds(results: Results) -> str:
    n = len(results.seeds)
    if n == 1:
        return f"One seed ({results.seeds[0]}): no interval over seeds can be given, so small differences mean nothing."
    return (
        f"Mean ± half-width of the {CONFIDENCE:.0%} t-interval over {n} seeds (those that finished); there is no "
        "interval where all seeds give the same value."
    )


def about_hardware(runs: pd.DataFrame) -> str:
    """On what the runs were trained, and by which clock they were timed."""
    keys = [f"train.{k}" for k in ("device", "threads", "precision", "torch")]
    if not set(keys) <= set(runs):
        return "Hardware: nothing has been trained yet."
    seen = runs[keys].dropna().drop_duplicates()
    parts = [
        f"{r['train.device']}, {int(r['train.threads'])} thread{'s' * (r['train.threads'] > 1)}, "
        f"{r['train.precision']}, torch {r['train.torch']}"
        for _, r in seen.iterrows()
    ]
    clocks = set(runs["train.clock"].dropna()) if "train.clock" in runs else set()
    timed = {"cpu": " Seconds are CPU time, one thread.", "wall": " Seconds are wall time."}
    clock = timed[clocks.pop()] if len(clocks) == 1 else ""
    return f"Hardware: {'; '.join(parts) or 'nothing has been trained yet'}.{clock}"

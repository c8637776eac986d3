"""Run a random search: each configuration of each row is a line of a CSV file; a rerun goes on where it stopped."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from paragone.data import base
from paragone.engine.hardware import be_deterministic, device
from paragone.evaluation import protocol
from paragone.evaluation import search as trials
from paragone.evaluation.extractors.base import Extractor
from paragone.project import checks, files, fingerprint, paths, registry, search
from paragone.project.params import Params

COLUMNS = ("row", "configuration", "settings", "outcome", "reason", "score", "seconds", "digest")
Line = dict[str, str]


def run(root: Path, params: Params, name: str) -> None:
    """Write docs/search/NAME.csv, line by line, and NAME-best.csv; print the best of each row. Raises ValueError."""
    spec = search.read(root, name)
    ranges = search.check(params, name, spec)
    for row in spec.rows:
        checks.row(params, spec.profile, row)
    prepared = root / paths.prepared(spec.dataset)
    data = base.load(prepared, "train")
    (extractor,) = protocol.load_extractors(root, spec.dataset, [spec.space]).values()
    be_deterministic(device())
    facts = {"data": files.read_json(prepared / "dataset.json")["content_hash"], "space": extractor.hash}
    facts |= spec.model_dump(include={"kimg", "seed", "held_out", "samples"})
    planned = list(_planned(params, name, spec, ranges, facts))
    done = {line["digest"]: line for line in _read(root / search.outcome(name))}
    lines = [done.get(plan["digest"]) for plan in planned]
    parts = None if all(lines) else trials.split(data, spec.held_out, spec.seed, extractor)
    for i, plan in enumerate(tqdm(planned, desc=f"search {name}", unit=" configurations")):
        if lines[i] is None and parts is not None:
            lines[i] = _line(root, params, spec, plan, parts, extractor)
            _write(root / search.outcome(name), COLUMNS, [line for line in lines if line is not None])
    found = [line for line in lines if line is not None]
    _write(root / search.outcome(name), COLUMNS, found)
    _write(root / search.outcome(f"{name}-best"), ("row", "k", "expected", "deviation"), list(_best_of(found)))
    for sentence in summary(found):
        print(sentence)


def _planned(
    params: Params, name: str, spec: search.Search, ranges: Any, facts: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Number by number and row by row: so that a search that is stopped has as many configurations of each row."""
    for number in range(spec.configurations + 1):
        for row in spec.rows:
            drawn = search.draw(spec, row, number, ranges[row])
            plan, config = search.applied(params, name, spec, row, drawn)
            model = params.model(spec.profile, row)
            code = fingerprint.closure("paragone.evaluation.search", registry.module_name("models", model))
            whole = {**facts, "model": model, "plan": asdict(plan), "config": config, "code": code}
            digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]
            yield {"row": row, "number": number, "drawn": drawn, "plan": plan, "config": config, "digest": digest}


def _line(
    root: Path, params: Params, spec: search.Search, plan: dict[str, Any], parts: trials.Split, extractor: Extractor
) -> Line:
    folder = root / ".ckpt/search" / plan["digest"]
    model = params.model(spec.profile, plan["row"])
    trial = trials.run(model, plan["plan"], plan["config"], parts, spec.samples, spec.seed, extractor, folder)
    return {
        "row": plan["row"],
        "configuration": str(plan["number"]),
        "settings": json.dumps(plan["drawn"], sort_keys=True),
        "outcome": trial.outcome,
        "reason": trial.reason,
        "score": "" if trial.score is None else f"{trial.score:.6g}",
        "seconds": f"{trial.seconds:.1f}",
        "digest": plan["digest"],
    }


def scores(lines: list[Line]) -> dict[str, dict[int, float]]:
    """The score of each configuration, row by row; one that diverged counts as the worst of its row that did not."""
    found: dict[str, dict[int, float]] = {}
    for row in dict.fromkeys(line["row"] for line in lines):
        of_row = [line for line in lines if line["row"] == row]
        if finished := [float(line["score"]) for line in of_row if line["score"]]:
            worst = max(finished)
            found[row] = {int(line["configuration"]): float(line["score"] or worst) for line in of_row}
    return found


def _best_of(lines: list[Line]) -> Iterator[Line]:
    """What the best of k drawn configurations scores on average, and how far it varies."""
    for row, by_number in scores(lines).items():
        drawn = [score for number, score in by_number.items() if number]
        for k in range(1, len(drawn) + 1):
            mean, deviation = trials.expected_best(drawn, k)
            yield {"row": row, "k": str(k), "expected": f"{mean:.6g}", "deviation": f"{deviation:.6g}"}


def summary(lines: list[Line]) -> Iterator[str]:
    """The best of each row in one sentence."""
    for row, by_number in scores(lines).items():
        best = min(by_number, key=lambda number: by_number[number])
        settings = next(x["settings"] for x in lines if x["row"] == row and int(x["configuration"]) == best)
        which = f"configuration {best}, {settings}" if best else "as the profile has it"
        yield f"{row}: KID {by_number[best]:.3g} ({which}); the profile's own {by_number[0]:.3g}"


def _read(file: Path) -> list[Line]:
    """The lines of an earlier run. Raises ValueError for a file that is not one of a search."""
    if not file.exists():
        return []
    lines = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    if wrong := next((line for line in lines if set(line) != set(COLUMNS) or None in line.values()), None):
        raise ValueError(f"{file}: line {lines.index(wrong) + 2} is not of a search; correct it, or delete the file")
    return lines


def _write(file: Path, columns: tuple[str, ...], lines: list[Line]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    files.write_text(file, text.getvalue())

"""Verdicts from a saved table: the same as from the files, for machines too, and what is refused."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy import stats

from paragone.evaluation.intervals import Interval
from paragone.evaluation.protocol_number import PROTOCOL as NUMBER
from paragone.report import scatter
from paragone.report.claims import verdicts
from paragone.report.claims.verdicts import Assessment
from paragone.results import runs, schema
from paragone.results.claims.base import Effect, at_least, number
from paragone.results.evidence import PROTOCOL
from support import sample_project


@pytest.fixture(scope="module")
def assessments(project) -> list[Assessment]:
    return verdicts.assess(project.found, project.params)


@pytest.fixture
def saved(project, tmp_path: Path) -> Path:
    schema.write(schema.as_table(project.found.runs), tmp_path / "runs.parquet")
    return tmp_path / "runs.parquet"


def test_what_stands_above_an_interval_is_whole_and_on_the_sheet():
    size, words = (
        Interval(1.04, 0.582, 1.84, 3),
        "Growth of the untrained generator's gradient, the loss over its penalty",
    )
    effects = tuple(
        Effect("; ".join([words] * times), unit, size, at_least(1.1)) for unit in ("times", "%") for times in (1, 2, 3)
    )
    figure = verdicts.forest(effects)
    scatter.settle(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    found = [(ax, text) for ax in figure.axes for text in ax.texts]
    shown = [" ".join(text.get_text().replace("\N{NO-BREAK SPACE}", " ").split()) for _, text in found]
    assert sorted(shown) == sorted(f"{e.what}: {number(e)}" for e in effects)
    boxes = [text.get_window_extent(renderer) for _, text in found]
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    lines = [line.get_window_extent(renderer) for ax, _ in found for line in ax.lines]
    assert not [box for box in boxes if any(box.overlaps(line) for line in lines)]
    assert max(len(text.get_text().splitlines()) for _, text in found) >= 2


def change(saved: Path, **columns: object) -> None:
    table = schema.read(saved)
    gans = (table["model"] == "gan") & (table["seed"] == 1)
    for column, value in columns.items():
        table.loc[gans, column.replace("__", ".")] = value
    schema.write(table, saved)


def test_a_saved_table_gives_the_verdicts_of_the_files(project, saved, assessments):
    found, again = verdicts.assess_file(saved, project.root / "runs/quick/studies")
    assert again == assessments
    assert found.profile == "quick"
    assert {j.finding.verdict for j in again} == {"mixed", "too uncertain", "not yet measured"}


def test_pandas_alone_makes_the_same_of_the_table(tmp_path):
    """C02, by hand: the differences, paired by seed, and Student's t."""
    params = sample_project.make(tmp_path, seeds=(0, 1, 2, 3, 4))
    schema.write(schema.as_table(runs.read(tmp_path, params, "quick").runs), tmp_path / "runs.parquet")
    effects = next(j for j in verdicts.assess_file(tmp_path / "runs.parquet", None)[1] if j.id == "C02").finding.effects
    table = pd.read_parquet(tmp_path / "runs.parquet").query("outcome == 'finished'")
    hand = []
    for dataset in ("mnist-5k", "fashion-mnist"):
        for space in (f"clf-{dataset}", "lite0-64"):
            by_seed = table[table["dataset"] == dataset].pivot(
                index="seed", columns="model", values=f"metrics.spaces.{space}.coverage"
            )
            less = by_seed["vae"] - by_seed["dcgan"]
            half = stats.t.ppf(0.975, len(less) - 1) * less.std() / len(less) ** 0.5
            hand.append([less.mean(), less.mean() - half, less.mean() + half])
    assert np.array([e.size[:3] for e in effects]) == pytest.approx(np.array(hand))
    labels = table["floor.spaces.clf-mnist-5k.fd"].dropna().unique()
    assert list(labels) == [0.8]  # what real images score stands in every row


def test_studies_are_read_beside_it(saved, tmp_path):
    folder = tmp_path / "studies"
    folder.mkdir()
    sets = {
        name: [{"is": 9.0 + i * fd / 1000, "fd": fd + i / 100, "ssim": 0.5, "coverage": 0.5} for i in range(3)]
        for name, fd in (("real", 1), ("repeated", 9))
    }
    content = {"protocol": NUMBER, "datasets": {"mnist-5k": {"sets": sets}}}
    (folder / "blind_scores.json").write_text(json.dumps(content))
    by_id = {j.id: j.finding for j in verdicts.assess_file(saved, folder)[1]}
    assert by_id["C32"].verdict == "supported"
    (folder / "blind_scores.json").write_text(json.dumps({**content, "protocol": 1}))
    with pytest.raises(
        ValueError, match=r"blind_scores\.json: is of protocol 1, and figures .* 2 here; measure it again"
    ):
        verdicts.assess_file(saved, folder)
    with pytest.raises(ValueError, match=r"none: no such folder; studies are in runs/<profile>/studies"):
        verdicts.assess_file(saved, tmp_path / "none")


def test_mixed_protocols_are_refused(saved):
    change(saved, metrics__n=500)
    with pytest.raises(ValueError, match=r"column 'metrics\.n' has 1000 and 500 for mnist-5k.*keep the runs of one"):
        verdicts.assess_file(saved, None)


@pytest.mark.parametrize("key", PROTOCOL)
def test_a_table_that_does_not_say_its_protocol_is_refused(saved, key):
    schema.write(schema.read(saved).drop(columns=key), saved)
    with pytest.raises(ValueError, match=f"column '{key}' is missing or empty, so the protocol is not known; write"):
        verdicts.assess_file(saved, None)


def test_a_protocol_that_is_empty_for_one_run_is_refused(saved):
    change(saved, train__data=None)
    with pytest.raises(ValueError, match=r"column 'train\.data' is missing or empty"):
        verdicts.assess_file(saved, None)


def test_machines_get_every_effect(assessments):
    effects = [e for j in assessments for e in j.finding.effects]
    assert json.loads(json.dumps(verdicts.records(assessments)))[2]["claim"] == "C03"
    frame = pd.read_csv(io.StringIO(verdicts.effects_csv(assessments)))
    assert frame["value"].notna().sum() == len(effects)
    assert set(frame["claim"]) == {j.id for j in assessments}
    assert set(frame["protocol"]) == {NUMBER}
    first = frame[frame["claim"] == "C31"].iloc[0]
    effect = next(j for j in assessments if j.id == "C31").finding.effects[0]
    size, said = effect.size, effect.bounds
    assert [first["claimed_low"], first["equal_low"], first["equal_high"]] == pytest.approx([said.low, *said.equal])
    assert np.isnan(first["claimed_high"])
    assert [first["value"], first["low"], first["high"], first["n"]] == pytest.approx(list(size))
    assert (first["verdict"], first["effect_verdict"], first["unit"]) == ("too uncertain", "supported", "times")

"""How long a flow will take: by progress bars, by what stages took before, by what others of their kind take."""

import pytest

from flows.run import forecast
from flows.run.rows import read
from paragone.project import settings
from support import ROOT


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("vae:  50%|#####     | 20/40 [00:10<00:12, 2.0 kimg/s]", 12),
        ("x\rvae: 1%| | 1/40 [00:10<1:02:03, 2.0 kimg/s]\rvae: 2%| | 2/40 [00:11<01:05, 2.0 kimg/s]", 65),
        ("vae:   0%|          | 0/40 [00:00<?, ?/s]", None),
        ("vae: 1%| | 1/40 [00:10<01:00, 1/s]\nsampling is done", None),
        ("", None),
    ],
)
def test_what_a_progress_bar_says_is_left(tmp_path, text, left):
    (tmp_path / "log").write_text(text)
    assert forecast.seconds_left(tmp_path / "log") == left


@pytest.mark.parametrize(
    ("stage", "left"), [("runs/quick/mnist-5k/vae/dvc.yaml:train@0", 12), ("classifier-mnist-5k", None)]
)
def test_a_bar_of_one_judge_says_nothing_of_the_others(tmp_path, stage, left):
    (tmp_path / "log").write_text("judge 0:  50%|#####     | 20/40 [00:10<00:12, 2.0 steps/s]")
    assert forecast.left_by_bar(stage, tmp_path / "log") == left


def test_a_log_that_is_not_there_says_nothing(tmp_path):
    assert forecast.seconds_left(tmp_path / "none") is None


def test_nothing_is_expected_before_anything_is_known():
    assert forecast.expect({"train@0": set()}, {"code": None}, {}, 2) is None


def test_work_is_shared_by_the_slots_and_a_chain_is_not():
    known = {"a": 10.0, "b": 10.0, "c": 10.0, "d": 10.0}
    assert forecast.expect({name: set() for name in "abcd"}, {}, known, 2) == 20
    assert forecast.expect({"a": set(), "b": {"a"}, "c": {"b"}}, {}, known, 2) == 30
    assert forecast.expect({"b": {"a"}}, {"a": 4.0}, known, 2) == 14  # a runs and has 4 s left


def test_a_stage_never_seen_takes_what_others_of_its_kind_take():
    known = {"x/vae train@0": 30.0, "x/vae evaluate@0": 6.0}
    assert forecast.expect({"x/gan train@0": set()}, {}, known, 1) == 30
    assert forecast.expect({"x/gan evaluate@0": set()}, {}, known, 1) == 6
    assert forecast.expect({"report": set()}, {}, known, 1) == 18  # of no kind: the mean of all


def test_nothing_is_expected_before_a_training_is_known():
    assert forecast.expect({"x/vae train@0": set()}, {}, {"ingest": 3.0}, 1) is None
    assert forecast.expect({"x/vae train@0": set()}, {}, {"ingest": 3.0, "x/gan train@0": 9.0}, 1) == 9


def test_what_stages_take_elsewhere_is_scaled_by_those_that_are_done_here():
    usual = {"ingest": 2.0, "judge": 40.0, "x/vae train@0": 30.0, "x/gan train@0": 60.0}
    assert forecast.expect({"x/vae train@0": set(), "x/gan train@0": set()}, {}, {"judge": 80.0}, 1, usual) == 180
    assert forecast.expect({"x/vae train@0": set()}, {}, {"other": 4.0, "x/gan train@0": 42.0}, 1, usual) == 21
    assert forecast.expect({"x/vae train@0": set()}, {}, {"ingest": 9.0}, 1, usual) is None  # too short to tell
    assert forecast.expect({"x/vae train@0": set()}, {}, {"other": 4.0}, 1, usual) is None  # nothing in common


@pytest.mark.parametrize("file", sorted(forecast.USUAL.glob("*.json")), ids=lambda file: file.stem)
def test_the_seconds_that_are_kept_are_those_of_the_rows_that_the_profile_has(file):
    rows = read(ROOT, settings.load(ROOT, file.stem), file.stem)
    there = {f"{row.run.branch}/dvc.yaml:train@{row.run.seed}" for row in rows}
    assert {stage for stage in forecast.usual_seconds(file.stem) if forecast.kind(stage) == "train"} == there


@pytest.mark.parametrize(
    ("stage", "kind"),
    [("mnist-5k/vae train@0", "train"), ("runs/q/mnist-5k/vae/dvc.yaml:evaluate@1", "evaluate"), ("report", "report"),
     ("reference-mnist-5k", "reference")],
)  # fmt: skip
def test_kinds(stage, kind):
    assert forecast.kind(stage) == kind


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (45, "45 s"), (100, "2 min"), (7800, "2 h 10 min")])
def test_words(seconds, words):
    assert forecast.in_words(seconds) == words

"""Time to a quality: what is made of two sides' points, and the script itself, for a few steps."""

import json
import math

import pytest

from support import ROOT


@pytest.fixture
def quality(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))  # the comparisons are scripts, and import each other
    import quality

    return quality


def points(quality, *pairs):
    return [quality.Point(cpu, 10 * cpu, {"lite0": fd, "random_conv": fd}) for cpu, fd in pairs]


def test_a_target_is_reached_between_two_points_where_the_logarithm_says(quality):
    along = points(quality, (1, 100), (2, 50), (3, 60), (4, 10))
    assert quality.reached(along, "lite0", 200) == 1
    assert quality.reached(along, "lite0", 50) == 2
    assert quality.reached(along, "lite0", math.sqrt(100 * 50)) == pytest.approx(1.5)
    assert quality.reached(along, "lite0", math.sqrt(60 * 10)) == pytest.approx(3.5)  # not on the way back up
    assert quality.reached(along, "lite0", 9) is None


def test_both_sides_come_to_the_target_and_the_ratio_is_paired_by_seed(quality):
    sides = {
        "ours": [points(quality, (1, 40), (2, 10)), points(quality, (2, 40), (4, 10))],
        "peer": [points(quality, (3, 80), (6, 20)), points(quality, (6, 80), (12, 20))],
    }
    found = quality.compared(sides, "lite0", None)
    assert found["target"] == 20
    assert found["seconds"]["peer"] == [6, 12]
    assert found["seconds"]["ours"] == [pytest.approx(1.5), pytest.approx(3)]
    assert found["ratio"]["mean"] == pytest.approx(4)
    assert "| 4.00 (" in quality.line("dcgan", "lite0", found, 2)
    assert "| met | 10 | 20 |" in quality.line("dcgan", "lite0", found, 2)
    never = quality.compared(sides, "lite0", 15.0)
    assert (never["seconds"]["peer"], never["ratio"]) == ([None, None], None)
    assert "– (0 of 2)" in quality.line("dcgan", "lite0", never, 2)


def test_an_unknown_space_is_named(quality, capsys):
    with pytest.raises(SystemExit):
        quality.main(["--target", "inception=3"])
    assert "there is no space 'inception'; name lite0 or random_conv" in capsys.readouterr().err


@pytest.mark.slow
def test_both_sides_train_and_are_judged(quality, tmp_path):
    given = ["--systems", "dcgan", "--seeds", "0", "1", "--budget", "0.003", "--points", "2", "--samples", "32"]
    quality.main([*given, "--out", str(tmp_path / "found")])
    found = json.loads((tmp_path / "found.json").read_text())["systems"]["dcgan"]
    for side in ("ours", "peer"):
        for run in found["points"][side]:
            assert [point["cpu"] > 0 for point in run] == [True, True]
            assert run[0]["cpu"] < run[1]["cpu"]
            assert 0.35 <= run[1]["kimg"] <= 0.65  # a peer ends with a slice of 320 images
            assert all(value > 0 for point in run for value in point["fd"].values())
    assert found["points"]["ours"][0] != found["points"]["ours"][1]
    assert len((tmp_path / "found.md").read_text().splitlines()) == 6

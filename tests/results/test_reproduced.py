"""Published figures and ours: what is inside, what is outside, and what too few seeds cannot say."""

import pytest

from paragone.evaluation import intervals
from paragone.results import reproduced
from paragone.results.reproduced import Reproduction


def figure(value, std=float("nan"), rule="within", values=()):
    return Reproduction("row", {"value": value, "std": std}, rule, "", list(values), [], 1.0, 1.0)


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (figure(90, 0.5, values=[90.4]), "inside"),  # a stated spread needs one seed
        (figure(90, 0.5, values=[90.6]), "outside"),
        (figure(90, values=[90.0]), "too few seeds"),
        (figure(90, values=[90.0, 91.0]), "too few seeds"),
        (figure(90, values=[90.2, 91.0, 90.6]), "inside"),
        (figure(90, values=[95.2, 95.3, 95.1]), "outside"),
        (figure(90, values=[95.0, 95.0, 95.0]), "too few seeds"),  # no spread says nothing
        (figure(1200, rule="at_least", values=[1300.0]), "inside"),
        (figure(1200, rule="at_least", values=[1100.0]), "outside"),
        (figure(23.01, rule="rounds", values=[23.0096]), "inside"),
        (figure(30, rule="rounds", values=[30.51]), "outside"),
        (figure(90), "not run"),
    ],
)
def test_inside_or_outside(given, outcome):
    assert given.outcome == outcome


def test_the_spread_is_where_one_more_run_would_fall():
    spread = figure(0, values=[1.0, 2.0, 3.0]).spread
    assert spread.value == 2
    assert spread.high - 2 == pytest.approx(intervals.student(2) * 1 * (4 / 3) ** 0.5)


def test_a_study_is_compared_figure_by_figure():
    run = {"seed": 0, "outcome": "finished", "reason": None, "kimg": 2500, "seconds": 120.0}
    found = {
        "rows": {
            "vae_400": [{**run, "importance": {"nats": 89.785, "se": 0.3}}],
            "infogan": [{**run, "outcome": "diverged", "reason": "loss is nan"}],
        },
        "sampling": {"ddpm": {"ratio": [1500.0, 1700.0]}},
        "plane": {
            "ring_2": {
                "modes": [8.0, 7.0],
                "high_quality": [95.0, 97.0],
                "reverse_kl": [0.05, 0.3],
                "diverged": 1,
                "trials": 3,
                "seconds": 540.0,
                "kimg": 4000,
            },
        },
        "size": {"stylegan_ffhq": {"mapping": 2.1, "synthesis": 24.11, "D": 23.0}},
    }
    compared = {r.published["key"]: r for r in reproduced.compare(found)}
    vae = compared["pythae-vae"]
    assert (vae.values, vae.errors, vae.minutes, vae.outcome) == ([89.785], [0.3], 2.0, "inside")
    assert vae.length == 0.1
    assert compared["infogan-categories"].outcome == "not run"
    assert compared["infogan-categories"].reason == "seed 0 diverged: loss is nan"
    assert compared["ddpm-over-gan"].outcome == "inside"
    ring = {short: compared[f"pacgan-ring-2-{short}"] for short in ("modes", "quality", "kl")}
    assert {short: r.outcome for short, r in ring.items()} == {"modes": "outside", "quality": "inside", "kl": "outside"}
    assert ring["modes"].values == [8.0, 7.0]
    assert (ring["modes"].minutes, ring["modes"].length) == (3.0, 0.1)
    assert ring["modes"].reason == "1 of 3 trials diverged"
    assert compared["pacgan-grid-4-kl"].reason == "was not trained"
    assert compared["stylegan-g-size"].values == [pytest.approx(26.21)]
    assert compared["ddpm-size"].reason == "was not laid out"
    assert reproduced.counts(list(compared.values()))["inside"] == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row,figure\na,b\n", "columns are row, figure; they must be row, figure, key, rule, kimg, differs"),
        (
            "row,figure,key,rule,kimg,differs\na,b.c,pythae-vae,near,1,\n",
            "rule 'near' is not known; it is within or at_least or rounds",
        ),
        (
            "row,figure,key,rule,kimg,differs\na,magic.nats,pythae-vae,within,1,\n",
            "a: figure 'magic.nats' is of no known protocol; they are importance, parzen",
        ),
        ("row,figure,key,rule,kimg,differs\na,parzen.nats,mine,within,1,\n", "there is no figure with the key 'mine'"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, monkeypatch, text, message):
    (tmp_path / "reproduced.csv").write_text(text)
    monkeypatch.setattr(reproduced, "_FILE", tmp_path / "reproduced.csv")
    with pytest.raises(ValueError, match=message):
        reproduced.compare({"rows": {}, "sampling": {}, "size": {}})

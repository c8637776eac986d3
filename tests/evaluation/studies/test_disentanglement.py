"""The scores on codes whose disentanglement is known, and the study on models that were really trained."""

from pathlib import Path

import numpy as np
import pytest

from paragone.evaluation.studies.disentanglement import dci, factor_vae, mig, sap
from paragone.project import files, paths
from paragone.project.params import ParamsError
from paragone.results import runs
from paragone.results.claims import base
from paragone.results.claims import c09_beta_trades as c09
from paragone.results.claims.base import Evidence
from paragone.stages import study
from support import drawn_project, square_images

COUNTS = (6, 8, 12)  # the first one is categorical
CATEGORICAL = np.array([True, False, False])
DRAW = np.random.default_rng(0)
VALUES = DRAW.integers(COUNTS, size=(4000, 3))
TEST = np.arange(4000) >= 3000
PERFECT = (VALUES - VALUES.mean(0)) / VALUES.std(0) + 0.01 * DRAW.normal(size=VALUES.shape)
PERFECT = np.concatenate([PERFECT, DRAW.normal(size=(4000, 2))], 1)  # and two latents that tell nothing
ROTATED = PERFECT @ np.linalg.qr(DRAW.normal(size=(5, 5)))[0]


def scores(codes: np.ndarray) -> list[float]:
    votes = factor_vae(codes, VALUES, 600, 64)
    return [mig(codes, VALUES, 20).mean(), sap(codes, VALUES, TEST, CATEGORICAL).mean(), votes]


def test_a_perfect_code_scores_one() -> None:
    found = scores(PERFECT)
    assert found[0] == pytest.approx(1, abs=0.02)
    assert found[1] == pytest.approx((1 - 1 / 6 + 1 + 1) / 3, abs=0.03)  # of six classes, a sixth is chance
    assert found[2] == 1


def test_a_rotation_of_it_scores_low() -> None:
    assert scores(ROTATED)[0] < 0.2
    assert scores(ROTATED)[1] < 0.4
    assert scores(ROTATED)[2] < 0.95


def test_noise_scores_nothing() -> None:
    found = scores(DRAW.normal(size=(4000, 5)))
    assert found[0] == pytest.approx(0, abs=0.01)
    assert found[1] == pytest.approx(0, abs=0.03)
    assert found[2] == pytest.approx(1 / 3, abs=0.08)


def test_order_sign_and_scale_of_the_latents_mean_nothing() -> None:
    other = (PERFECT * np.array([-3, 0.5, -1, 20, 1]))[:, [4, 2, 0, 3, 1]]
    assert scores(other) == pytest.approx(scores(PERFECT), abs=0.005)


def test_latents_that_never_move_tell_nothing() -> None:
    still = PERFECT * np.array([1, 0, 1, 0, 0])
    gaps = mig(still, VALUES, 20)
    assert gaps[1] == pytest.approx(0, abs=0.01)
    assert gaps[[0, 2]] == pytest.approx(1, abs=0.02)
    assert np.isfinite(scores(np.zeros((4000, 5)))).all()
    assert scores(np.zeros((4000, 5)))[2] == pytest.approx(1 / 3)


def forests(codes: np.ndarray) -> tuple[float, float, float]:
    return dci(codes, VALUES, TEST, CATEGORICAL, 5)


def test_forests_find_a_latent_a_factor_and_a_factor_a_latent() -> None:
    assert forests(PERFECT) == pytest.approx((1, 1, 1), abs=0.03)
    assert forests(DRAW.normal(size=(4000, 5)))[0] < 0.1
    assert forests(np.zeros((4000, 5))) == pytest.approx((0, 0, 1 / 18), abs=0.01)  # a sixth of one factor is chance


def test_two_latents_of_one_factor_are_disentangled_and_not_complete() -> None:
    """A latent of which either half of a factor's range is told, and another of the other half."""
    code = PERFECT[:, :3].copy()
    middle = code[:, 2] > 0
    split = np.stack([np.where(middle, code[:, 2], 0), np.where(middle, 0, code[:, 2])], 1)
    found = forests(np.concatenate([code[:, :2], split], 1))
    assert found[0] == pytest.approx(1, abs=0.03)
    assert found[1] < 0.9
    mixed = forests(np.stack([code[:, 0] + 10 * code[:, 1], code[:, 2]], 1))  # one latent of two factors
    assert mixed[0] < 0.8


def test_values_of_disent() -> None:
    """disent 0.8.0, `_compute_mig` and `_compute_sap` (continuous_factors=True), on these very codes."""
    draw = np.random.default_rng(7)
    values = np.stack([draw.integers(0, n, 3000) for n in (6, 12, 16)], 1)
    codes = values @ draw.normal(size=(3, 5)) + draw.normal(size=(3000, 5))
    everything = np.ones(3000, bool)
    assert mig(codes, values, 20).mean() == pytest.approx(0.10057544919574928)
    assert sap(codes, values, everything, np.zeros(3, bool)).mean() == pytest.approx(0.24427696200634705)


def test_a_middle_class_is_cut_out_of_one_latent() -> None:
    """What a linear classifier of one latent cannot do."""
    code = np.stack([VALUES[:, 0] + 0.01 * DRAW.normal(size=4000), DRAW.normal(size=4000)], 1)
    (score,) = sap(code, VALUES[:, :1], TEST, np.array([True]))
    assert score == pytest.approx(1 - 1 / 6, abs=0.05)


def test_too_few_images_a_value_are_named() -> None:
    with pytest.raises(ValueError, match="no 64 images share a value of some factor; lower the study's batch"):
        factor_vae(PERFECT[:90], VALUES[:90], 10, 64)


def test_one_latent_is_too_few() -> None:
    with pytest.raises(ValueError, match="one latent has no second best"):
        mig(PERFECT[:, :1], VALUES, 20)


OPTIONS = {"votes": 200, "batch": 16, "trees": 2}  # every row has an encoder


def test_trained_models_are_scored_and_tested(drawn: Path) -> None:
    params = drawn_project.params(studies={"disentanglement": OPTIONS})
    study.run(drawn, params, "small", "disentanglement")
    written = files.read_json(drawn / paths.study("small", "disentanglement"))
    found = written["datasets"]["drawn"]
    assert found["n"] == 720
    assert found["n_test"] == 120
    assert found["factors"] == {
        "shape": 6, "colour": 8, "scale": 8, "rotation": 12, "x": 16, "y": 16, "background": 6
    }  # fmt: skip
    for row in drawn_project.ROWS:
        assert [run["seed"] for run in found["rows"][row]] == list(drawn_project.SEEDS)
        for run in found["rows"][row]:
            metrics = files.read_json(drawn / paths.Run("small", "drawn", row, run["seed"]).metrics)
            assert run["mse"] == metrics["reconstruction"]["mse"]
            assert run["nats"] == metrics["rate"]["nats"]
            assert run["active"] <= run["latents"] == 4
            assert 0 <= run["mig"] <= 1
            assert all(0 <= run[score] <= 1 for score in ("dci", "completeness", "informativeness"))
            assert run["mig"] == pytest.approx(np.mean([f["mig"] for f in run["by_factor"].values()]))
    table = runs.read(drawn, params, "small")
    finding = base.find(c09.CLAIM, c09.effects, Evidence(table, {"disentanglement": written}))
    assert [e.what.split(" ")[0] for e in finding.effects] == ["MSE", "Rate", "MIG", "SAP", "FactorVAE"] * 3
    large, small = ([run["mig"] for run in found["rows"][row]] for row in ("beta_vae_4", "beta_vae_1"))
    assert finding.effects[2].size.value == pytest.approx(np.mean(large) - np.mean(small))


def test_images_that_are_not_known_by_factors_are_refused(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    params = square_images.params(studies={"disentanglement": {"rows": ["vae"]}})
    with pytest.raises(ValueError, match="squares: the factors of its images are not known; use a drawn set"):
        study.run(tmp_path, params, "small", "disentanglement")


def test_a_factor_that_does_not_exist_is_named(drawn: Path) -> None:
    params = drawn_project.params(studies={"disentanglement": {**OPTIONS, "categorical": ["form"]}})
    with pytest.raises(ValueError, match=r"no factor 'form' \(categorical\) in it; those that vary: shape, "):
        study.run(drawn, params, "small", "disentanglement")


def test_options_that_cannot_be_are_named(tmp_path: Path) -> None:
    params = drawn_project.params(studies={"disentanglement": {"votes": 1}})
    with pytest.raises(ParamsError, match="disentanglement: votes is 1; it must be at least 2"):
        study.run(tmp_path, params, "small", "disentanglement")


def test_a_row_that_does_not_exist_is_named(tmp_path: Path) -> None:
    params = drawn_project.params(studies={"disentanglement": {"rows": ["vae"]}})
    with pytest.raises(ValueError, match=r"profiles/small\.yaml: studies: there is no row 'vae' in the profile"):
        study.run(tmp_path, params, "small", "disentanglement")

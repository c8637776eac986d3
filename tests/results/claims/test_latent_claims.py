"""C09, C12, C17, C18, C19: verdicts on tables of known figures, each way a rule can go, and what is no evidence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paragone.project import registry
from paragone.results.claims.base import Evidence, Finding, Verdict, find
from paragone.results.runs import DataSet, Results

DATASET = DataSet("d", "D", "shapes", None, None, None, None)
SEEDS = (0, 1, 2)
NOISE = (-0.01, 0.0, 0.01)  # of the three seeds, relative
PROTOCOL = {"metrics.n": 1000, "metrics.n_real": 6000, "metrics.reference_split": "train", "train.data": "d" * 8}
SPACE = {"metrics.spaces.clf-d.hash": "a" * 8}


def evidence(columns: dict[str, dict[str, float]], studies: dict[str, Any] | None = None) -> Evidence:
    """Rows with figures by column, a little different from seed to seed."""
    rows = [
        {"dataset": "d", "model": row, "title": row, "seed": seed, "outcome": "finished", **PROTOCOL, **SPACE}
        | {column: value * (1 + noise) for column, value in figures.items()}
        for row, figures in columns.items()
        for seed, noise in zip(SEEDS, NOISE, strict=True)
    ]
    results = Results(Path(), "p", "", list(SEEDS), [DATASET], pd.DataFrame(rows, dtype=object))
    return Evidence(results, studies or {})


def assess(name: str, given: Evidence) -> Finding:
    module = registry.load("claims", name)
    return find(module.CLAIM, module.effects, given)


def verdicts(finding: Finding) -> list[Verdict]:
    return [effect.verdict for effect in finding.effects]


S, C, U = Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.UNMEASURED
MSE, NATS = "metrics.reconstruction.mse", "metrics.rate.nats"


def swept(small: dict[str, float], large: dict[str, float], seeds: tuple[int, ...] = SEEDS) -> dict[str, Any]:
    """What the study of disentanglement leaves."""

    def row(scores: dict[str, float]) -> list[dict[str, float]]:
        return [{"seed": s} | {k: v + 0.002 * s * (k == "mig") for k, v in scores.items()} for s in seeds]

    return {"disentanglement": {"datasets": {"d": {"rows": {"beta_vae_1": row(small), "beta_vae_4": row(large)}}}}}


BETAS = {"beta_vae_1": {MSE: 0.01, NATS: 20.0}, "beta_vae_4": {MSE: 0.03, NATS: 8.0}}
LOW, HIGH = {"mig": 0.1, "sap": 0.05, "factor_vae": 0.5}, {"mig": 0.3, "sap": 0.1, "factor_vae": 0.7}


@pytest.mark.parametrize(
    ("small", "large", "verdict", "each"),
    [
        (LOW, HIGH, S, [S, S, S, S, S]),
        (HIGH, LOW, Verdict.MIXED, [S, S, C, C, C]),
        (LOW, HIGH | {"sap": 0.055}, Verdict.MIXED, [S, S, S, C, S]),
    ],
)
def test_c09_a_price_and_what_it_buys(
    small: dict[str, float], large: dict[str, float], verdict: Verdict, each: list[Verdict]
) -> None:
    finding = assess("c09_beta_trades", evidence(BETAS, swept(small, large)))
    assert finding.verdict is verdict
    assert verdicts(finding) == each
    assert finding.effects[0].size.value == pytest.approx(3)
    assert finding.effects[2].size.value == pytest.approx(large["mig"] - small["mig"])


def test_c09_needs_the_study_and_three_seeds_of_it() -> None:
    assert assess("c09_beta_trades", evidence(BETAS)).reason == "study 'disentanglement' of profile p has not run"
    few = assess("c09_beta_trades", evidence(BETAS, swept(LOW, HIGH, seeds=(0, 1))))
    assert (few.verdict, few.reason) == (U, "d: 2 seeds have a MIG of both rows; it takes at least 3")
    elsewhere = {"disentanglement": {"datasets": {"other": {"rows": {}}}}}
    none = assess("c09_beta_trades", evidence(BETAS, elsewhere))
    assert none.reason == "study 'disentanglement' measured no data set on which both rows run"


FD = "metrics.spaces.clf-d.fd"


@pytest.mark.parametrize(("uniform", "learned", "verdict"), [(80.0, 10.0, S), (10.0, 10.0, C), (10.0, 80.0, C)])
def test_c12_what_a_learned_prior_buys(uniform: float, learned: float, verdict: Verdict) -> None:
    finding = assess("c12_structured_latents", evidence({"vq_vae": {FD: uniform}, "vq_prior": {FD: learned}}))
    assert verdicts(finding) == [verdict]
    assert finding.effects[0].size.value == pytest.approx(uniform / learned)


def edited(latent: float, direction: float, perfect: float = 0.96, seeds: tuple[int, ...] = SEEDS) -> dict[str, Any]:
    """What the study of edits leaves."""
    runs = [
        {"seed": s, "ssim": 0.7}
        | {way: {"success": v + n, "faithful": 0.02} for way, v in (("latent", latent), ("direction", direction))}
        for s, n in zip(seeds, NOISE, strict=False)
    ]
    classifier = {"accuracy": {"x": 1.0, "rotation": 0.8}, "left_out": ["rotation"]}
    return {"edits": {"datasets": {"d": {"side": 32, "perfect": perfect, "rows": {"beta_vae_4": runs}, **classifier}}}}


@pytest.mark.parametrize(
    ("latent", "direction", "verdict"),
    [(0.9, 0.85, S), (0.3, 0.5, C), (0.3, 0.9, Verdict.MIXED), (0.76, 0.74, Verdict.UNCERTAIN)],
)
def test_c17_how_often_edits_succeed(latent: float, direction: float, verdict: Verdict) -> None:
    finding = assess("c17_beta_vae_edits", evidence({"beta_vae_4": {MSE: 0.01}}, edited(latent, direction)))
    assert finding.verdict is verdict
    assert [e.size.value for e in finding.effects] == pytest.approx([latent, direction])
    assert "2% by the image itself, SSIM 0.70 at 32 x 32, 'rotation' left out, read right on 80%" in finding.reason


def test_c17_a_strict_classifier_and_few_seeds_are_no_evidence() -> None:
    table = {"beta_vae_4": {MSE: 0.01}}
    harsh = assess("c17_beta_vae_edits", evidence(table, edited(0.3, 0.3, perfect=0.8)))
    assert (harsh.verdict, harsh.reason) == (U, "d: only 80% of perfect edits pass the classifier")
    few = assess("c17_beta_vae_edits", evidence(table, edited(0.9, 0.9, seeds=(0, 1))))
    assert (few.verdict, few.reason) == (U, "d: 2 seeds of 'beta_vae_4' were edited; it takes at least 3")
    nothing = assess("c17_beta_vae_edits", evidence(table, {"edits": {"datasets": {}}}))
    assert nothing.reason == "study 'edits' found no data set that is drawn from known factors"


PSNR = "metrics.reconstruction.psnr"


@pytest.mark.parametrize(("quantised", "verdict"), [(28.0, S), (29.9, C), (22.0, C), (28.7, Verdict.UNCERTAIN)])
def test_c18_what_quantisation_costs(quantised: float, verdict: Verdict) -> None:
    given = evidence({"autoencoder": {PSNR: 30.0}, "vq_vae_512_restarts": {PSNR: quantised}})
    noise = np.array(NOISE) * (30 if verdict is Verdict.UNCERTAIN else 1)  # dB
    plain = given.results.runs["model"] == "autoencoder"
    given.results.runs.loc[plain, PSNR] = 30.0 + noise
    given.results.runs.loc[~plain, PSNR] = quantised
    finding = assess("c18_quantisation_costs", given)
    assert verdicts(finding) == [verdict]
    assert finding.effects[0].size.value == pytest.approx(30 - quantised)


@pytest.mark.parametrize(("few", "many", "verdict"), [(1.0, 0.3, S), (1.0, 1.0, C), (0.3, 0.9, C)])
def test_c19_how_much_of_a_codebook_lies_idle(few: float, many: float, verdict: Verdict) -> None:
    used = "metrics.codebook.used"
    finding = assess("c19_codebook_size", evidence({"vq_vae_32": {used: few}, "vq_vae_512": {used: many}}))
    assert verdicts(finding) == [verdict]

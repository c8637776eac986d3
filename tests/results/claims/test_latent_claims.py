"""C09, C12, C17, C18, C19: verdicts on tables of known figures, each way a rule can go, and what is no evidence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paragone.project import registry
from paragone.results.claims import c09_beta_trades as c09
from paragone.results.claims import c18_quantisation_costs as c18
from paragone.results.claims import c19_codebook_size as c19
from paragone.results.claims.base import Evidence, Finding, Verdict, find
from paragone.results.runs import DataSet, Results

DATASET = DataSet("d", "D", "shapes", None, None, None, None)
SEEDS = (0, 1, 2, 3, 4)
NOISE = (-0.01, 0.0, 0.01, 0.005, -0.005)  # of the five seeds, relative
PROTOCOL = {"metrics.n": 1000, "metrics.n_real": 6000, "metrics.reference_split": "train", "train.data": "d" * 8}
SPACE = {"metrics.spaces.clf-d.hash": "a" * 8}


def evidence(columns: dict[str, dict[str, float]], studies: dict[str, Any] | None = None) -> Evidence:
    """Rows with figures by column, a little different from seed to seed."""
    rows = [
        {"dataset": "d", "model": row, "title": row, "seed": seed, "outcome": "finished", **PROTOCOL, **SPACE}
        | {column: value * (1 + noise * (1 + i / 10)) for column, value in figures.items()}
        for i, (row, figures) in enumerate(columns.items())
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

    def row(scores: dict[str, float], sign: int) -> list[dict[str, float]]:
        return [{"seed": s} | {k: v + sign * 0.001 * (s - 2) for k, v in scores.items()} for s in seeds]

    rows = {"beta_vae_1": row(small, 1)} | {larger: row(large, -1) for larger in c09.LARGER}
    return {"disentanglement": {"datasets": {"d": {"rows": rows}}}}


BETAS = {"beta_vae_1": {MSE: 0.01, NATS: 20.0}} | {row: {MSE: 0.03, NATS: 8.0} for row in c09.LARGER}
LOW, HIGH = {"mig": 0.1, "sap": 0.05, "factor_vae": 0.5}, {"mig": 0.3, "sap": 0.1, "factor_vae": 0.7}
NONE = Verdict.NO_EFFECT


@pytest.mark.parametrize(
    ("small", "large", "verdict", "each"),
    [
        (LOW, HIGH, S, [S, S, S, S, S]),
        (HIGH, LOW, Verdict.MIXED, [S, S, C, C, C]),
        (LOW, HIGH | {"mig": 0.13}, Verdict.MIXED, [S, S, Verdict.SMALLER, S, S]),
        (LOW, LOW, Verdict.MIXED, [S, S, NONE, NONE, NONE]),
    ],
)
def test_c09_a_price_and_what_it_buys(
    small: dict[str, float], large: dict[str, float], verdict: Verdict, each: list[Verdict]
) -> None:
    finding = assess("c09_beta_trades", evidence(BETAS, swept(small, large)))
    assert finding.verdict is verdict
    assert verdicts(finding) == each * 3
    assert finding.parts["price"] is S
    assert finding.effects[0].size.value == pytest.approx(3, rel=1e-3)
    assert finding.effects[2].size.value == pytest.approx(large["mig"] - small["mig"])


def test_c09_needs_the_study_and_five_seeds_of_it() -> None:
    assert assess("c09_beta_trades", evidence(BETAS)).reason == "study 'disentanglement' of profile p has not run"
    few = assess("c09_beta_trades", evidence(BETAS, swept(LOW, HIGH, seeds=(0, 1, 2, 3))))
    reason = "d: 4 seeds have a MIG of both beta_vae_4 and beta_vae_1; it takes at least 5"
    assert (few.verdict, few.reason) == (U, reason)
    elsewhere = {"disentanglement": {"datasets": {"other": {"rows": {}}}}}
    none = assess("c09_beta_trades", evidence(BETAS, elsewhere))
    assert none.reason == "study 'disentanglement' measured no data set on which all the rows run"


FD = "metrics.spaces.clf-d.fd"


@pytest.mark.parametrize(
    ("vae", "learned", "verdict"),
    [(80.0, 10.0, S), (10.0, 10.0, NONE), (10.0, 80.0, C), (10.7, 10.0, Verdict.SMALLER)],
)
def test_c12_what_learned_latents_buy_is_measured_against_the_vae(vae: float, learned: float, verdict: Verdict) -> None:
    table = {"vae": {FD: vae}, "flow_prior": {FD: learned}, "vq_prior": {FD: learned}}
    finding = assess("c12_structured_latents", evidence(table))
    assert finding.parts == {"flow": verdict, "autoregressive": verdict}
    assert [e.size.value for e in finding.effects] == pytest.approx([vae / learned] * 2, rel=1e-3)


def edited(changed: float, kept: float, perfect: float = 0.96, seeds: tuple[int, ...] = SEEDS) -> dict[str, Any]:
    """What the study of edits leaves."""

    def way(noise: float) -> dict[str, Any]:
        by_factor = {"x": {"changed": changed + noise, "kept": kept}, "y": {"changed": changed, "kept": kept + noise}}
        return {"success": 0.5, "by_factor": by_factor}

    runs = [{"seed": s, "ssim": 0.7, "latent": way(n), "direction": way(n)} for s, n in zip(seeds, NOISE, strict=False)]
    classifier = {"accuracy": {"x": 1.0, "rotation": 0.8}, "left_out": ["rotation"]}
    rows = dict.fromkeys(("beta_vae_4", "beta_tcvae_4"), runs)
    return {"edits": {"datasets": {"d": {"side": 32, "n": 200, "perfect": perfect, "rows": rows, **classifier}}}}


EDITED = {"beta_vae_4": {MSE: 0.01}, "beta_tcvae_4": {MSE: 0.01}}


@pytest.mark.parametrize(
    ("changed", "kept", "verdict"),
    [(0.9, 0.85, S), (0.3, 0.5, C), (0.3, 0.9, Verdict.MIXED), (0.751, 0.749, Verdict.UNCERTAIN)],
)
def test_c17_wanted_change_and_kept_rest_are_told_apart(changed: float, kept: float, verdict: Verdict) -> None:
    finding = assess("c17_beta_vae_edits", evidence(EDITED, edited(changed, kept)))
    assert finding.verdict is verdict
    assert list(finding.parts) == ["wanted change", "kept rest"]
    assert [e.size.value for e in finding.effects] == pytest.approx([changed, kept] * 4)
    assert "both in 50%, SSIM 0.70 at 32 x 32, 'rotation' left out, read right on 80%" in finding.reason


def test_c17_a_strict_classifier_and_few_seeds_are_no_evidence() -> None:
    harsh = assess("c17_beta_vae_edits", evidence(EDITED, edited(0.3, 0.3, perfect=0.8)))
    assert (harsh.verdict, harsh.reason) == (U, "d: only 80% of perfect edits pass the classifier")
    few = assess("c17_beta_vae_edits", evidence(EDITED, edited(0.9, 0.9, seeds=(0, 1))))
    assert (few.verdict, few.reason) == (U, "d: 2 seeds of 'beta_vae_4' were edited; it takes at least 5")
    nothing = assess("c17_beta_vae_edits", evidence(EDITED, {"edits": {"datasets": {}}}))
    assert nothing.reason == "study 'edits' found no data set that is drawn from known factors"


PSNR = "metrics.reconstruction.psnr"


@pytest.mark.parametrize(
    ("quantised", "verdict"),
    [(28.0, S), (29.4, Verdict.SMALLER), (22.0, C), (29.0, Verdict.UNCERTAIN), (30.0, NONE)],
)
def test_c18_what_quantisation_costs(quantised: float, verdict: Verdict) -> None:
    rows = {row: {PSNR: 30.0 if row.startswith("auto") else quantised} for pair in c18.PAIRS for row in pair}
    given = evidence(rows)
    plain = given.results.runs["model"].str.startswith("autoencoder")
    given.results.runs.loc[plain, PSNR] = np.tile(30.0 + np.array(NOISE), 2)  # dB
    given.results.runs.loc[~plain, PSNR] = quantised
    finding = assess("c18_quantisation_costs", given)
    assert verdicts(finding) == [verdict] * 2
    assert [e.size.value for e in finding.effects] == pytest.approx([30 - quantised] * 2)


@pytest.mark.parametrize(("few", "many", "verdict"), [(1.0, 0.3, S), (1.0, 1.0, NONE), (0.3, 0.9, C)])
def test_c19_how_much_of_a_codebook_lies_idle(few: float, many: float, verdict: Verdict) -> None:
    used = "metrics.codebook.used"
    rows = {row: {used: few if row.endswith("_32") else many} for pair in c19.PAIRS for row in pair}
    assert verdicts(assess("c19_codebook_size", evidence(rows))) == [verdict] * 2

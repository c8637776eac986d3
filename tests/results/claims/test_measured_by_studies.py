"""C13, C14, C27 and C28 come out either way, as their studies' figures do, and refuse what is no evidence."""

from collections.abc import Callable
from typing import Any

import pytest

from paragone.project import registry
from paragone.results import runs as results
from paragone.results.claims.base import Evidence, Finding, Verdict, find
from support import sample_project

SUPPORTED, SMALLER, NO_EFFECT, CONTRADICTED, UNCERTAIN, MIXED = (
    Verdict.SUPPORTED, Verdict.SMALLER, Verdict.NO_EFFECT, Verdict.CONTRADICTED, Verdict.UNCERTAIN, Verdict.MIXED,
)  # fmt: skip
SEEDS = (0, 1, 2, 3, 4)


@pytest.fixture(scope="module")
def assess(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str, dict[str, Any]], Finding]:
    root = tmp_path_factory.mktemp("project")
    found = results.read(root, sample_project.make(root, datasets=("mnist-5k",)), "quick")

    def assess(claim: str, study: str, measured: dict[str, Any]) -> Finding:
        module = registry.load("claims", claim)
        return find(module.CLAIM, module.effects, Evidence(found, {study: measured}))

    return assess


WIDE = -0.2  # of one defence: a gain that varies over the seeds


def robustness(seeds: int = 5, **gains: float) -> dict[str, Any]:
    """What each defence gains over a plain network's 20 %."""
    names = {"dropout": "dropout", "norm": "batch norm", "training": "adversarial training"}
    of = {"plain": 0.0} | {names[key]: gain for key, gain in gains.items()}
    defences = {d: [{"seed": s, "survived": 0.2 + gain + 0.01 * s * (gain != 0) * (20 if gain == WIDE else 1)}
               for s in range(seeds)]
           for d, gain in of.items()}  # fmt: skip
    networks = {name: {"eps": 0.1, "defences": defences} for name in ("encoder", "discriminator")}
    return {"dataset": "mnist-5k", "n": 150, "seeds": list(range(seeds)), "networks": networks}


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ({"dropout": 0.2, "norm": 0.2, "training": 0.5}, SUPPORTED),
        ({"dropout": -0.1, "norm": -0.1, "training": -0.3}, CONTRADICTED),
        ({"dropout": 0.0, "norm": 0.0, "training": 0.5}, MIXED),
        ({"dropout": 0.2, "norm": 0.2, "training": WIDE}, UNCERTAIN),
    ],
)
def test_c13(assess: Any, gains: dict[str, float], verdict: Verdict) -> None:
    finding = assess("c13_adversarial_robustness", "robustness", robustness(**gains))
    assert finding.verdict is verdict
    assert len(finding.effects) == 6


def test_c13_has_a_verdict_for_each_defence(assess: Any) -> None:
    finding = assess("c13_adversarial_robustness", "robustness", robustness(dropout=0.0, norm=0.025, training=0.5))
    assert finding.parts == {"dropout": NO_EFFECT, "batch norm": SMALLER, "adversarial training": SUPPORTED}
    assert finding.reason.startswith("dropout: no effect. batch norm: smaller than claimed. adversarial training: ")


def test_c13_needs_five_seeds(assess: Any) -> None:
    measured = robustness(seeds=4, dropout=0.2, norm=0.2, training=0.5)
    finding = assess("c13_adversarial_robustness", "robustness", measured)
    assert finding == (Verdict.UNMEASURED, "study 'robustness' has 4 seeds; it takes at least 5", ())


def pretraining(steadier: float, more: float) -> dict[str, Any]:
    def run(seed: int, better: bool) -> dict[str, Any]:
        factor, shown = (steadier, more) if better else (1.0, 1.0)
        points = [
            {"kimg": kimg, "classes": round(shown * (100 + seed)) + better * (seed % 2)} for kimg in (0.0, 10.0, 40.0)
        ]
        swing = (2.0 + 0.1 * seed) / factor * (1 + 0.001 * (seed - 2) * better)
        return {"seed": seed, "outcome": "finished", "peaks": swing, "oscillation": swing, "points": points}

    arms = {arm: [run(s, arm == "pretrained") for s in SEEDS] for arm in ("scratch", "pretrained")}
    return {"row": "dcgan", "target": "mnist-5k", "early_kimg": 10.0, "kimg": 40.0, "arms": arms}


@pytest.mark.parametrize(
    ("steadier", "more", "verdict"),
    [(2.0, 3.0, SUPPORTED), (0.7, 0.5, CONTRADICTED), (2.0, 0.5, MIXED), (1.0, 1.0, NO_EFFECT)],
)
def test_c14(assess: Any, steadier: float, more: float, verdict: Verdict) -> None:
    finding = assess("c14_pretrained", "pretraining", pretraining(steadier, more))
    assert finding.verdict is verdict
    assert len(finding.effects) == 4


def test_c14_names_an_arm_that_diverged(assess: Any) -> None:
    measured = pretraining(2.0, 0.2)
    measured["arms"]["scratch"][1] |= {"outcome": "diverged", "reason": "loss became nan"}
    finding = assess("c14_pretrained", "pretraining", measured)
    assert finding.verdict is Verdict.UNMEASURED
    assert finding.reason == "study 'pretraining': scratch, seed 1 diverged: loss became nan"


def watermark(psnr: float, detected: int, after: str = "") -> dict[str, Any]:
    """Detected, of 20 sheets of each row; none of `after`."""
    names = ("none", "jpeg 75", "resize 0.5", "crop 0.9", "noise 5")
    changes = {name: {"detected": 0 if name == after else detected} for name in names}
    default = {"method": "dwtDctSvd", "strength": 36, "psnr": [psnr, psnr + 0.1] * 10, "changes": changes}
    other = {"method": "dwtDct", "strength": 36, "psnr": [0.0] * 20, "changes": {}}
    sheets = {"real": [other, default], "dcgan": [other, default], "vae": [other, default]}
    about = {"rows": ["dcgan", "vae", "ddpm"], "rate": 0.01, "default": ["dwtDctSvd", 36]}
    return {**about, "datasets": {"mnist-5k": {"sheets": sheets}}}


@pytest.mark.parametrize(
    ("psnr", "detected", "after", "verdict"),
    [
        (45.0, 20, "", SUPPORTED),
        (30.0, 2, "", CONTRADICTED),
        (30.0, 20, "", MIXED),
        (45.0, 20, "crop 0.9", MIXED),
        (45.0, 17, "", UNCERTAIN),
    ],
)
def test_c27(assess: Any, psnr: float, detected: int, after: str, verdict: Verdict) -> None:
    finding = assess("c27_watermark", "watermark", watermark(psnr, detected, after))
    assert finding.verdict is verdict
    assert {effect.size.n for effect in finding.effects} == {40}  # two rows' sheets, without the real ones


def memorisation(excess: float, copies: float, seeds: int = 5) -> dict[str, Any]:
    def figures(excess: float, copies: float) -> dict[str, Any]:
        return {"pixels": {"excess": excess, "near_copies": copies}}

    pooled = {"pixels": {"value": excess, "low": excess - 0.1, "high": excess + 0.1, "n": 800}}
    runs = [figures(excess, copies + 0.0005 * s) for s in range(seeds)]
    controls = {"unseen": figures(0, 0.002), "blurred": figures(0.05, 0.002), "copied": figures(1.0, 0.99)}
    rows = {row: {"runs": runs, "pooled": pooled} for row in ("vae", "dcgan", "ddpm")}
    return {"datasets": {"mnist-5k": {"controls": controls, "rows": rows}}}


@pytest.mark.parametrize(
    ("excess", "copies", "verdict"),
    [
        (0.6, 0.3, SUPPORTED),
        (0.0, 0.001, NO_EFFECT),
        (-0.5, -0.1, CONTRADICTED),
        (0.15, 0.05, MIXED),
        (0.15, 0.005, SMALLER),
        (0.25, 0.05, SUPPORTED),
        (0.11, -0.0005, MIXED),
    ],
)
def test_c28(assess: Any, excess: float, copies: float, verdict: Verdict) -> None:
    finding = assess("c28_memorisation", "memorisation", memorisation(excess, copies))
    assert finding.verdict is verdict
    assert len(finding.effects) == 6


def test_c28_trusts_no_measure_that_misses_copies(assess: Any) -> None:
    measured = memorisation(0.0, 0.0)
    measured["datasets"]["mnist-5k"]["controls"]["copied"]["pixels"]["near_copies"] = 0.005
    finding = assess("c28_memorisation", "memorisation", measured)
    assert finding.verdict is Verdict.UNMEASURED
    assert "near_copies is 0.005 of copies and 0.002 of blurred unseen images" in finding.reason


def test_c28_needs_five_seeds_of_every_row(assess: Any) -> None:
    finding = assess("c28_memorisation", "memorisation", memorisation(0.0, 0.0, seeds=4))
    assert finding.reason.endswith("4 seeds left samples; it takes 5")

"""C13, C14, C27, C28, C31 to C33 come out either way, as their studies' figures do, and refuse what is no evidence."""

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
def assess(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Finding]:
    root = tmp_path_factory.mktemp("project")
    found = results.read(root, sample_project.make(root, datasets=("mnist-5k",)), "quick")

    def assess(claim: str, study: str, measured: dict[str, Any], **more: dict[str, Any]) -> Finding:
        module = registry.load("claims", claim)
        return find(module.CLAIM, module.effects, Evidence(found, {study: measured, **more}))

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
        at = (0.0, 10.0, 40.0) if better else (0.0, 10.0, 40.0, 60.0)
        points = [{"kimg": kimg, "classes": round(shown * (100 + seed)) + better * (seed % 2)} for kimg in at]
        swing = (2.0 + 0.1 * seed) / factor * (1 + 0.001 * (seed - 2) * better)
        return {"seed": seed, "outcome": "finished", "peaks": swing, "oscillation": swing, "points": points}

    arms = {arm: [run(s, arm == "pretrained") for s in range(6)] for arm in ("scratch", "pretrained")}
    return {"row": "dcgan", "target": "mnist-5k", "early_kimg": 10.0, "kimg": 40.0, "arms": arms}


@pytest.mark.parametrize(
    ("steadier", "more", "verdict"),
    [(2.0, 3.0, SUPPORTED), (0.7, 0.5, CONTRADICTED), (2.0, 0.5, MIXED), (1.0, 1.0, NO_EFFECT)],
)
def test_c14(assess: Any, steadier: float, more: float, verdict: Verdict) -> None:
    finding = assess("c14_pretrained", "pretraining", pretraining(steadier, more))
    assert finding.verdict is verdict
    assert len(finding.effects) == 5
    assert set(finding.parts) == {"early instability", "mode collapse"}


def test_c14_compares_at_equal_images_in_all(assess: Any) -> None:
    measured = pretraining(2.0, 3.0)
    for run, classes in zip(measured["arms"]["scratch"], (302, 303, 307, 309, 313, 315), strict=True):
        run["points"][-1]["classes"] = classes  # as many as the pre-trained ones, give or take
    last = assess("c14_pretrained", "pretraining", measured).effects[-1]
    assert last.what.startswith("Classes shown, pre-trained after 40 kimg over from scratch after as many images")
    assert last.verdict is NO_EFFECT


def test_c14_counts_runs_that_diverged(assess: Any) -> None:
    measured = pretraining(2.0, 3.0)
    measured["arms"]["scratch"][1] |= {"outcome": "diverged", "reason": "loss became nan"}
    finding = assess("c14_pretrained", "pretraining", measured)
    (share,) = (e for e in finding.effects if e.unit == "%")
    assert share.size.value == pytest.approx(1 / 6)
    assert {e.size.n for e in finding.effects if e.unit == "times"} == {5}
    measured["arms"]["pretrained"][2] |= {"outcome": "diverged", "reason": "loss became inf"}
    finding = assess("c14_pretrained", "pretraining", measured)
    assert finding.verdict is Verdict.UNMEASURED
    assert finding.reason == (
        "study 'pretraining' has 4 seeds of which both arms finished; it takes at least 5 (seed 1 diverged: loss "
        "became nan)"
    )


def watermark(psnr: float, detected: int, after: str = "") -> dict[str, Any]:
    """Detected, of 20 sheets of each row; none of `after`."""
    names = ("none", "jpeg 75", "resize 0.5", "crop 0.9", "noise 5")
    changes = {name: {"detected": 0 if name == after else detected} for name in names}
    default = {"method": "corrected", "strength": 36, "psnr": [psnr, psnr + 0.1] * 10, "changes": changes}
    other = {"method": "dwtDct", "strength": 36, "psnr": [0.0] * 20, "changes": {}}
    sheets = {"real": [other, default], "dcgan": [other, default], "vae": [other, default]}
    about = {"rows": ["dcgan", "vae", "ddpm"], "rate": 0.01, "default": ["corrected", 36]}
    return {**about, "datasets": {"mnist-5k": {"sheets": sheets}}}


def noise_watermark(ratio: float, detected: int, seeds: int = 5) -> dict[str, Any]:
    """Detected, of 20 images a seed, after every change."""
    names = ("none", "jpeg 75", "resize 0.5", "crop 0.9", "noise 5")
    counts = {"detected": detected, "n": 20, "passed": 0, "n_unmarked": 10}
    runs = [
        {
            "seed": s,
            "fd": {"unmarked": 9.0, "marked": 9 * ratio * (1 + 0.001 * s)},
            "changes": dict.fromkeys(names, counts),
        }
        for s in range(seeds)
    ]
    return {"row": "ddim", "rate": 0.01, "datasets": {"mnist-5k": {"runs": runs, "diverged": []}}}


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
    of_noise = noise_watermark(1.0, 20)
    finding = assess("c27_watermark", "watermark", watermark(psnr, detected, after), noise_watermark=of_noise)
    assert finding.parts["in pixels, as handed out"] is verdict
    assert finding.parts["in the noise, at generation"] is SUPPORTED
    assert {e.size.n for e in finding.effects if "pixels" in e.part} == {40}  # two rows' sheets, without the real ones
    assert {e.note for e in finding.effects if e.repeats == "images"} == {"0 of 50 unmarked images pass"}


def test_c27_sees_what_a_mark_in_the_noise_costs_and_survives(assess: Any) -> None:
    pixels = watermark(45.0, 20)
    costly = assess("c27_watermark", "watermark", pixels, noise_watermark=noise_watermark(1.5, 3))
    assert costly.parts["in the noise, at generation"] is CONTRADICTED
    few = assess("c27_watermark", "watermark", pixels, noise_watermark=noise_watermark(1.0, 20, seeds=4))
    assert few.reason == "mnist-5k: study 'noise_watermark' has 4 seeds; it takes 5"


def memorisation() -> dict[str, Any]:
    def figures(excess: float, copies: float) -> dict[str, Any]:
        return {"pixels": {"excess": excess, "near_copies": copies}}

    controls = {"unseen": figures(0, 0.002), "blurred": figures(0.05, 0.002), "copied": figures(1.0, 0.99)}
    return {"datasets": {"mnist-5k": {"controls": controls}}}


def set_sizes(excess: dict[int, float], copies: dict[int, int], seeds: int = 5) -> dict[str, Any]:
    """By number of training images: the excess, and how many of 1,000 samples are near-copies."""

    def row(n_train: int) -> dict[str, Any]:
        value = excess[n_train]
        pooled = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 80}
        trained = list(range(seeds if n_train == 4000 else 2))
        return {"seeds": trained, "n": 1000, "near_copies": copies[n_train], "excess": pooled, "diverged": []}

    sizes = [
        {"n_train": n, "unseen": {"near_copies": 2, "n": 1000}, "rows": {r: row(n) for r in ("vae", "dcgan", "ddpm")}}
        for n in excess
    ]
    return {"datasets": {"mnist-5k": {"sizes": sizes}}}


@pytest.mark.parametrize(
    ("excess", "copies", "verdict"),
    [
        (0.6, 300, SUPPORTED),
        (0.0, 2, NO_EFFECT),
        (-0.5, 2, MIXED),
        (0.15, 50, MIXED),
        (0.15, 9, SMALLER),
        (0.25, 50, SUPPORTED),
    ],
)
def test_c28(assess: Any, excess: float, copies: int, verdict: Verdict) -> None:
    measured = set_sizes({4000: excess, 100: 0.9}, {4000: copies, 100: 900})
    finding = assess("c28_memorisation", "memorisation", memorisation(), training_set_size=measured)
    assert finding.parts == {"100 training images": SUPPORTED, "4,000 training images": verdict}
    assert len(finding.effects) == 12
    assert all(effect.size.low < effect.size.high for effect in finding.effects)


def test_c28_has_an_interval_where_no_sample_is_a_copy(assess: Any) -> None:
    measured = set_sizes({4000: 0.0}, {4000: 0})
    for size in measured["datasets"]["mnist-5k"]["sizes"]:
        size["unseen"]["near_copies"] = 0
    finding = assess("c28_memorisation", "memorisation", memorisation(), training_set_size=measured)
    (copies, *_) = (e.size for e in finding.effects if "Near-copies" in e.what)
    assert copies.value == 0
    assert -0.01 < copies.low < 0 < copies.high < 0.01


def test_c28_leaves_out_models_that_all_diverged(assess: Any) -> None:
    measured = set_sizes({4000: 0.0, 100: 0.9}, {4000: 0, 100: 900})
    few = measured["datasets"]["mnist-5k"]["sizes"][1]
    few["rows"]["dcgan"] |= {"n": 0, "seeds": [], "excess": None}
    finding = assess("c28_memorisation", "memorisation", memorisation(), training_set_size=measured)
    assert len(finding.effects) == 10


def test_c28_trusts_no_measure_that_misses_copies(assess: Any) -> None:
    controls = memorisation()
    controls["datasets"]["mnist-5k"]["controls"]["copied"]["pixels"]["near_copies"] = 0.005
    measured = set_sizes({4000: 0.0}, {4000: 0})
    finding = assess("c28_memorisation", "memorisation", controls, training_set_size=measured)
    assert finding.verdict is Verdict.UNMEASURED
    assert "near_copies is 0.005 of copies and 0.002 of blurred unseen images" in finding.reason


def test_c28_needs_five_seeds_of_every_row(assess: Any) -> None:
    measured = set_sizes({4000: 0.0}, {4000: 0}, seeds=4)
    finding = assess("c28_memorisation", "memorisation", memorisation(), training_set_size=measured)
    assert finding.reason.endswith("4 seeds left samples; it takes 5")


def sample_size(bias: float, apart: float, noise: float = 0.0) -> dict[str, Any]:
    """Three rows, `apart` from each other by the largest subsets; the smallest say `bias` more, give or take."""

    def figures(limit: float, way: int) -> list[dict[str, Any]]:
        few = [{"n": 50, "draw": i, "fd": limit + bias + noise * (-1) ** (i + way) + 0.01 * i} for i in range(5)]
        return [*few, *({"n": 1000, "draw": i, "fd": limit + 0.001 * i} for i in range(5))]

    rows = {row: figures(10 + i * apart, i) for i, row in enumerate(("dcgan", "gan", "vae"))}
    first = {"row": rows.pop("dcgan")}
    return {"row": "dcgan", "datasets": {"mnist-5k": {"figures": first, "others": rows}}}


@pytest.mark.parametrize(
    ("measured", "verdicts"),
    [
        (sample_size(bias=20.0, apart=4.0, noise=3.0), [SUPPORTED] * 3),
        (sample_size(bias=0.0, apart=4.0), [NO_EFFECT, UNCERTAIN, UNCERTAIN]),  # 15 pairs do not exclude 5 %
        (sample_size(bias=20.0, apart=4.0), [SUPPORTED, UNCERTAIN, SUPPORTED]),  # all rows rise alike
        (sample_size(bias=2.0, apart=4.0), [SMALLER, UNCERTAIN, UNCERTAIN]),
    ],
)
def test_c31(assess: Any, measured: dict[str, Any], verdicts: list[Verdict]) -> None:
    finding = assess("c31_fid_needs_samples", "sample_size", measured)
    assert [effect.verdict for effect in finding.effects] == verdicts


def test_c31_needs_rows_to_compare(assess: Any) -> None:
    measured = sample_size(20.0, 4.0)
    measured["datasets"]["mnist-5k"]["others"] = {}
    finding = assess("c31_fid_needs_samples", "sample_size", measured)
    assert finding.reason == (
        "study 'sample_size' compares 1 of at least 3 rows on one data set; name more in its `rows`"
    )


def test_c31_leaves_out_a_data_set_with_fewer_rows(assess: Any) -> None:
    measured, alone = sample_size(20.0, 4.0), sample_size(20.0, 4.0)["datasets"]["mnist-5k"]
    finding = assess("c31_fid_needs_samples", "sample_size", measured)
    measured["datasets"]["shapes"] = {**alone, "others": {}}
    assert assess("c31_fid_needs_samples", "sample_size", measured).effects == finding.effects


def blind_scores(**sets: dict[str, float]) -> dict[str, Any]:
    usual = {"is": 9.5, "fd": 1.0, "coverage": 0.9, "ssim": 0.85, "pairs": 0.3}
    drawn = {
        name: [{k: v * (1 + 0.001 * (i + len(name))) for k, v in (usual | of_set).items()} for i in range(5)]
        for name, of_set in {"real": {}, **sets}.items()
    }
    return {"datasets": {"mnist-5k": {"sets": drawn}}}


def test_c32_has_a_verdict_for_each_set(assess: Any) -> None:
    measured = blind_scores(
        repeated={"is": 9.4, "fd": 30.0}, dropped={"is": 4.9, "fd": 40.0}, foreign={"is": 2.0, "fd": 90.0}
    )
    finding = assess("c32_is_blind_to_repeats", "blind_scores", measured)
    assert finding.parts == {
        "repeats": SUPPORTED, "dropped classes": CONTRADICTED, "another domain": CONTRADICTED
    }  # fmt: skip
    assert finding.effects[0].note.startswith("FD-clf of these is 30")


def test_c32_counts_no_set_that_the_distance_does_not_see_either(assess: Any) -> None:
    finding = assess("c32_is_blind_to_repeats", "blind_scores", blind_scores(repeated={"fd": 1.2}))
    sentence = "no set that is surely worse: mnist-5k: FD-clf of repeated ones is 1.2 times that of different ones"
    assert finding.reason.endswith(sentence)


def test_c33_sees_what_pairs_see(assess: Any) -> None:
    measured = blind_scores(repeated={"coverage": 0.1, "pairs": 0.5})
    finding = assess("c33_ssim_blind_to_diversity", "blind_scores", measured)
    assert finding.parts == {
        "detail": SUPPORTED, "diversity, image by image": SUPPORTED, "diversity, in pairs": CONTRADICTED
    }  # fmt: skip
    finding = assess("c33_ssim_blind_to_diversity", "blind_scores", blind_scores(repeated={"ssim": 0.6}))
    assert "repeating costs" in finding.reason
    assert finding.verdict is Verdict.UNMEASURED

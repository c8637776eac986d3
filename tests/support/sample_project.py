"""A small project folder as the stages leave it, made without running them: for the tests of report and tracking.

Two data sets, eight models, three seeds, two studies. On the second data set wgan_gp diverges (seed 1 alone on the
first), vq_vae crashes, so its child vq_prior never ran, and nothing of ddpm and ddim is there yet.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from paragone.engine import sampling
from paragone.evaluation.protocol_number import PROTOCOL
from paragone.project import paths, registry
from paragone.project.params import Params
from paragone.results import history, runs
from paragone.results.runs import Results

DATASETS = {"mnist-5k": ("mnist", "packaged"), "fashion-mnist": ("fashion_mnist", "local")}
MODELS: dict[str, dict[str, Any]] = {
    "gan": {"plan": {"kimg": 100}},
    "dcgan": {"plan": {"kimg": 100}, "config": {"width": 32}},
    "wgan_gp": {"plan": {"kimg": 100}},
    "vae": {"plan": {"kimg": 100}},
    "vq_vae": {"plan": {"kimg": 100}},
    "vq_prior": {"plan": {"kimg": 100}, "parents": {"vq_vae": "vq_vae"}},
    "ddpm": {"plan": {"kimg": 100}},
    "ddim": {"config": {"steps": 25}, "parents": {"ddpm": "ddpm"}},
}
LOSSES = {"gan": ["d", "g"], "dcgan": ["d", "g"], "wgan_gp": ["critic", "g"], "ddim": []}
PICTURES = {
    "dcgan": ["interpolation", "traversal"],
    "vae": ["interpolation", "pairs", "traversal"],
    "vq_vae": ["pairs"],
}
QUALITY = dict(zip(MODELS, [31, 9, 14, 12, 18, 11, 4, 5], strict=True))  # FD-clf of the first seed
RATE = dict(zip(MODELS, [9e4, 2e4, 2e4, 3e4, 2e4, 300, 9, 40], strict=True))  # images/s


class Project(NamedTuple):
    """The sample project and its results; not to be changed by a test."""

    root: Path
    params: Params
    found: Results


def load(root: Path) -> Project:
    """Make it in a folder, with two data sets, three seeds, every outcome and both studies, and read it."""
    params = make(root)
    found = runs.read(root, params, "quick")
    _history(root, found)
    return Project(root, params, found)


def _history(root: Path, found: Results) -> None:
    """Two reports: the first, of another commit and by a tenth worse, and what there is now."""
    history.record(root, found)
    file = root / paths.history("quick")
    fields, *lines = [line.split(",") for line in file.read_text().splitlines()]
    first = [["2026-01-01T03:00:00Z", "1" * 40, *x[2:7], str(1.1 * float(x[7])), *x[8:]] for x in lines]
    last = [["2026-01-02T03:00:00Z", "2" * 40, *x[2:]] for x in lines]
    file.write_text("".join(",".join(line) + "\n" for line in [fields, *first, *last]))


def make(root: Path, seeds: tuple[int, ...] = (0, 1, 2), datasets: tuple[str, ...] = tuple(DATASETS)) -> Params:
    """Write the folder and return its params (profile `quick`)."""
    params = Params.model_validate(
        {
            "profile": "quick",
            "datasets": {n: {"loader": DATASETS[n][0], "source": "packaged", "title": n.upper()} for n in datasets},
            "profiles": {
                "quick": {
                    "about": "A benchmark for tests.",
                    "datasets": list(datasets),
                    "seeds": list(seeds),
                    "samples": 1000,
                    "sample_batch": 250,
                    "spaces": ["classifier", "lite0"],
                    "models": MODELS,
                    "studies": {"sample_size": {"row": "dcgan"}, "blind_scores": {}},
                }
            },
        }
    )
    for dataset in datasets:
        _data(root, dataset)
        for model in MODELS:
            for seed in seeds:
                _run(root, paths.Run("quick", dataset, model, seed))
    put(root / paths.study("quick", "sample_size"), _sample_size(datasets, seeds))
    put(root / paths.study("quick", "blind_scores"), _blind_scores(datasets))
    return params


def put(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=2))


def digits(seed: int, n: int = 100) -> np.ndarray[Any, Any]:
    """Images (n,32,32,1) uint8 of soft strokes: something to see in a sample grid."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    angle, shift = draw.uniform(0, np.pi, (n, 1, 1)), draw.uniform(-4, 4, (n, 1, 1))
    across = np.abs((x - 16) * np.cos(angle) + (y - 16) * np.sin(angle) + shift)
    inside = (x - 16) ** 2 + (y - 16) ** 2 < 120
    return (np.clip(1.6 - across / 2, 0, 1) * inside * 255).astype(np.uint8)[..., None]


def _data(root: Path, dataset: str) -> None:
    loader, source = DATASETS[dataset]
    folder = root / paths.prepared(dataset)
    for split, seed in (("train", 98), ("test", 99)):
        (folder / split).mkdir(parents=True)
        np.save(folder / split / "images.npy", digits(seed))
    manifest = {"split": ["train"] * 100 + ["test"] * 100, "label": [i % 10 for i in range(200)]}
    pd.DataFrame(manifest).to_parquet(folder / "manifest.parquet")
    facts = {"name": dataset, "title": dataset.upper(), "loader": loader, "source": source, "shape": [1, 32, 32],
             "classes": 10, "class_names": list("0123456789"), "counts": {"train": 4000, "test": 1000},
             "padding": "zero-padded from 28x28 to 32x32", "lossy": False, "exact": source == "local",
             "warnings": ["5,000 of the 70,000 images of MNIST"] if source == "packaged" else [],
             "licence": "CC BY-SA 3.0", "citation": "LeCun et al. 1998", "content_hash": "d" * 64}  # fmt: skip
    put(folder / "dataset.json", facts)
    put(
        root / paths.reference("quick", dataset) / "reference.json", {"protocol": PROTOCOL, "split": "train", "n": 4000}
    )
    put(root / paths.reference("quick", dataset) / "floor.json", metrics(dataset, 0.8, 0))
    abouts = ["labels are in 0..9", "no image is constant", "no image stands in both splits"]
    checks = [
        {"suite": "images", "about": a, "severity": "critical", "success": True, "observed": None} for a in abouts
    ]
    put(root / paths.validation(dataset), {"dataset": dataset, "success": True, "warnings": [], "checks": checks})


def metrics(dataset: str, fd: float, seed: int, model: str = "") -> dict[str, Any]:
    """A metrics.json whose figures grow worse with fd."""
    value = fd * (1 + (0.05 + 0.001 * (model == "gan")) * seed)  # the ratio of two rows is not always the same
    near = {"precision": 0.9 - value / 100, "recall": 0.8 - value / 100, "density": 0.95, "coverage": 0.85 - value / 90}
    spaces = {
        f"clf-{dataset}": {"hash": "a" * 64, "fd": value, "kid": value / 2e4, **near},
        "lite0-64": {"hash": "b" * 64, "fd": 12 * value + 60, "kid": value / 1e3, **near},
    }
    for space in spaces.values():
        space |= {"fd_se": space["fd"] / 20, "kid_se": 1e-4}
    found = {
        "protocol": PROTOCOL, "outcome": "finished", "reason": None,
        "n": 1000, "n_real": 4000, "reference_split": "train", "spaces": spaces,
        "is": {"mean": 9.5 - value / 20, "std": 0.1, "splits": 10, "n": 1000},
        "modes": {"shares": [0.1] * 10, "missing": int(value // 15), "tv": value / 100, "n": 1000},
        "duplicates": {"rate": 0.005 + value / 1e3, "threshold": 0.05, "n": 1000},
        "nearest_train": {"mean": 0.1, "median": 0.1, "ratio": 1 - value / 100, "copies": 0.01, "n": 1000},
    }  # fmt: skip
    if model in ("vae", "vq_vae"):
        found |= {"reconstruction": {"ssim": 0.9, "ms_ssim": 0.95, "ms_ssim_scales": 2, "psnr": 21.5, "mse": 0.007}}
    if model in ("vae", "ddpm"):
        found |= {"bits_per_dimension": 1.4 + value / 100}
    return found


def _sample_size(datasets: tuple[str, ...], seeds: tuple[int, ...]) -> dict[str, Any]:
    """As `paragone.evaluation.studies.sample_size` leaves it: distances that fall as a + b / n."""
    limits = {"row": 8.0, "real": 0.1}
    figures = {
        images: [
            {"n": n, "draw": draw, "fd": limit + 400 / n + 0.05 * draw, "kid": limit / 1e3 + draw / 1e4}
            for n in (50, 200, 800)
            for draw in range(3)
        ]
        for images, limit in limits.items()
    }
    others = {
        row: [{**f, "fd": f["fd"] + apart} for f in figures["row"]] for row, apart in (("gan", 5.0), ("vae", -3.0))
    }
    about = {"n_real": 4000, "available": {"row": 3000, "real": 1000}, "others": others}
    found = {d: {"space": f"clf-{d}", **about, "figures": figures, "limit": limits} for d in datasets}
    return {"protocol": PROTOCOL, "row": "dcgan", "seeds": list(seeds), "datasets": found}


def _blind_scores(datasets: tuple[str, ...]) -> dict[str, Any]:
    """As `paragone.evaluation.studies.blind_scores` leaves it."""
    scores = {
        "real": {"is": 9.5, "fd": 1.2, "coverage": 0.8, "ssim": 0.85, "pairs": 0.3},
        "repeated": {"is": 9.4, "fd": 30.0, "coverage": 0.1, "ssim": 0.851, "pairs": 0.5},
        "blurred": {"is": 7.0, "fd": 25.0, "coverage": 0.5, "ssim": 0.99, "pairs": 0.4},
        "dropped": {"is": 4.9, "fd": 40.0, "coverage": 0.4, "ssim": 0.85, "pairs": 0.3},
    }
    sets = {
        name: [
            {"draw": draw, **{k: v * (1 + 0.0005 * draw * len(name)) for k, v in scores_of_row.items()}}
            for draw in range(3)
        ]
        for name, scores_of_row in scores.items()
    }
    found = {d: {"space": f"clf-{d}", "n_real": 4000, "foreign": None, "sets": sets} for d in datasets}
    return {"protocol": PROTOCOL, "n": 500, "kept": 3, "sigma": 1.5, "draws": 3, "pairs": 500, "datasets": found}


def _run(root: Path, run: paths.Run) -> None:
    second = run.dataset == "fashion-mnist"
    if second and run.model in ("ddpm", "ddim", "vq_prior"):
        return
    if second and run.model == "vq_vae":
        put(root / run.failure, {"stage": "train", "reason": "RuntimeError: <codebook> is empty & lost", "time": ""})
        return
    diverged = run.model == "wgan_gp" and (second or run.seed == 1)
    reason = "loss/critic became nan by 31.2 kimg (step 487 of 1562)" if diverged else None
    outcome = "diverged" if diverged else "finished"
    put(root / run.training, _training(run, outcome, reason))
    kimg = np.linspace(0.5, 31 if diverged else 100, 200)
    curve = {f"loss/{k}": (1 + i) * np.exp(-kimg / 30) + 0.3 + 0.02 * np.sin(kimg + run.seed)
             for i, k in enumerate(LOSSES.get(run.model, ["model"]))}  # fmt: skip
    curve |= {k.replace("loss", "grad"): v / 2 for k, v in curve.items()}
    pd.DataFrame({"kimg": kimg} | curve if curve else {"kimg": [0.0]}).to_csv(root / run.curves, index=False)
    sampling.sample_grid(
        digits(run.seed + len(run.model)) if not diverged else np.zeros((1, 32, 32, 1), np.uint8)
    ).save(root / run.sample_grid)
    (root / run.pictures).mkdir()
    for name in PICTURES.get(run.model, ()):
        sampling.sample_grid(digits(7 + run.seed, 60), 10, 6).save(root / run.pictures / f"{name}.png")
    rate = None if diverged else RATE[run.model]
    speed = {"images_per_second": rate, "latency_ms": None if rate is None else 9e3 / rate, "latency_runs": 19,
             "n": 0 if diverged else 1000, "batch": 250, "device": "Test CPU", "threads": 1, "clock": "cpu",
             "precision": "fp32",
             "parameters": 2_500_000}  # fmt: skip
    put(root / run.sampling, speed)
    good = metrics(run.dataset, QUALITY[run.model] * (1 + second), run.seed, run.model)
    bad = {
        "protocol": PROTOCOL,
        "outcome": outcome,
        "reason": reason,
        "n": 0,
        "n_real": 4000,
        "reference_split": "train",
        "spaces": {},
    }
    put(root / run.metrics, bad if diverged else good)


def _training(run: paths.Run, outcome: str, reason: str | None) -> dict[str, Any]:
    trained = run.model != "ddim"
    return {
        "outcome": outcome, "reason": reason, "title": registry.model_class(run.model).title,
        "family": registry.family(run.model), "images": 100_000 * trained, "kimg": 100.0 * trained, "batch": 64,
        "steps": 1562 * trained, "seconds": (60.0 + run.seed + len(run.model)) * trained,
        "images_per_second": 1600.0 if trained else None, "parameters": 1_200_000 * trained, "peak_memory_mb": 512.5,
        "device": "Test CPU", "cpu": "Test CPU", "threads": 1, "clock": "cpu",
        "precision": "fp32", "torch": "2.13.0", "ema_kimg": 5.0, "replayed_steps": 0,
        "eager_because": "there is no GPU",
        "commit": "c0ffee" + "0" * 34, "dirty": False, "code": "e" * 64, "data": "d" * 64, "seed": run.seed,
        "plan": {"kimg": 100.0 * trained, "batch": 64, "decay": "none"}, "config": MODELS[run.model].get("config", {}),
        "parents": dict.fromkeys(MODELS[run.model].get("parents", {}), "f" * 64), "started": "2026-01-02T03:04:05Z",
    }  # fmt: skip

"""Worked examples of the Frechet distance and the Inception Score, on the samples of one run.

Whole: every term of both formulas over all samples, as the run was evaluated. Small enough to follow with a pocket
calculator: the distance in a plane (features projected on the first two principal components of the real ones), and the
score of a few samples. Terms are computed as the formulas are written, by other code than the metrics'; the metrics'
value on the same features is beside each total.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_softmax
from torch import Tensor

from paragone.data import base as datasets
from paragone.engine import hardware
from paragone.engine.seeding import Stream, generator
from paragone.evaluation import protocol
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.metrics.inception_score import SPLITS, inception_score
from paragone.evaluation.studies.base import Work
from paragone.project import paths

SPACE = "classifier"
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Options:
    row: str = "dcgan"  # whose samples; of the first seed that left some
    few: int = 4  # samples of the small example of the score: the run's first


def depends(work: Work) -> list[Path]:
    """The samples, the real data, its classifier and the reference."""
    runs = work.runs(work.options.row)
    of_data = [f(run.dataset) for run in runs for f in (paths.prepared, paths.classifier)]
    references = [paths.reference(run.profile, run.dataset) for run in runs]
    return [*dict.fromkeys([*of_data, *references]), *(run.samples for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{data set: {seed, space, n, n_real, dims, frechet, plane, score, few}}: see the functions of those names."""
    found: dict[str, Any] = {}
    for dataset in {run.dataset: None for run in work.runs(work.options.row)}:
        seed, samples = _first(work, dataset)
        prepared = work.root / paths.prepared(dataset)
        train = datasets.load(prepared, "train")
        if train.labels is None:
            continue
        extractors = protocol.load_extractors(work.root, dataset, [SPACE])
        reference = protocol.load(work.root / paths.reference(work.profile, dataset), extractors, train)
        ((name, extractor),) = extractors.items()
        features = extractor.extract(samples, hardware.device())
        assert features.logits is not None
        space = reference.spaces[name]
        real, fake = space.first.statistics, Statistics.of(space.split(features.values)[0])
        found[dataset] = {
            "seed": seed,
            "space": name,
            "judge": extractor.judges[0] if len(space.judges) > 1 else "",  # whose features they are
            "n": fake.n,
            "n_real": real.n,
            "dims": len(real.mean),
            "frechet": frechet(real, fake),
            "plane": plane(real, fake),
            "score": score(features.logits),
            "few": few(features.logits[: work.options.few]),
        }
    return {"row": work.options.row, "datasets": found}


def _first(work: Work, dataset: str) -> tuple[int, Tensor]:
    """The first seed that left samples, and these. Raises ValueError if none did."""
    for run in work.runs(work.options.row):
        if run.dataset == dataset and (samples := np.load(work.root / run.samples)).size:
            return run.seed, torch.from_numpy(samples)
    raise ValueError(f"{work.options.row} on {dataset}: no run left samples; choose another row for the study")


def frechet(real: Statistics, fake: Statistics) -> dict[str, float]:
    """The terms of |mu_r - mu_g|^2 + tr S_r + tr S_g - 2 tr (S_r S_g)^(1/2), and the metric's value."""
    mu_r, mu_g, s_r, s_g = (t.numpy() for t in (real.mean, fake.mean, real.cov, fake.cov))
    roots = np.sqrt(np.linalg.eigvals(s_r @ s_g).real.clip(0))  # a product of covariances has none below 0
    return {
        "means": float(((mu_r - mu_g) ** 2).sum()),
        "trace_real": float(np.trace(s_r)),
        "trace_fake": float(np.trace(s_g)),
        "trace_root": float(roots.sum()),
        "metric": frechet_distance(real, fake),
    }


def plane(real: Statistics, fake: Statistics) -> dict[str, Any]:
    """Both Gaussians in the plane of the real features' first two principal components, and the metric's value there.

    Their coordinates are those of the features less the real mean, so mu_r is 0.
    """
    values, vectors = torch.linalg.eigh(real.cov)  # rising
    axes = vectors[:, -2:].flip(1).T  # (2,D)
    axes = axes * torch.where(axes.sum(1) < 0, -1.0, 1.0)[:, None]  # an eigenvector's sign is arbitrary
    there = [Statistics(s.n, axes @ (s.mean - real.mean), axes @ s.cov @ axes.T) for s in (real, fake)]
    return {
        "share": float(values[-2:].sum() / values.sum()),  # of the real features' variance
        "real": {"mean": there[0].mean.tolist(), "cov": there[0].cov.tolist()},
        "fake": {"mean": there[1].mean.tolist(), "cov": there[1].cov.tolist()},
        "metric": frechet_distance(*there),
    }


def score(logits: Tensor) -> dict[str, Any]:
    """Mean KL(p(y|x) || p(y)) of each part that the score is averaged over, in the evaluation's order, and the metric's
    value."""
    shuffled = logits[torch.randperm(len(logits), generator=generator(0, Stream.EVALUATE))]
    bounds = [i * len(logits) // SPLITS for i in range(SPLITS + 1)]
    parts = [_divergences(shuffled[a:b])[2] for a, b in pairwise(bounds)]
    return {"marginal": _divergences(logits)[1].tolist(), "mean_kl": [float(kl.mean()) for kl in parts],
            "metric": inception_score(shuffled)[0]}  # fmt: skip


def few(logits: Tensor) -> dict[str, Any]:
    """p(y|x) of each sample, their mean p(y), the divergences, and the metric's value of one part."""
    p, marginal, kl = _divergences(logits)
    return {
        "p": p.tolist(),
        "marginal": marginal.tolist(),
        "kl": kl.tolist(),
        "metric": inception_score(logits, splits=1)[0],
    }


def _divergences(logits: Tensor) -> tuple[Values, Values, Values]:
    """p(y|x) (N,K), p(y) (K,), and KL(p(y|x) || p(y)) (N,) in nats."""
    log_p = log_softmax(logits.double().numpy(), axis=1)
    p = np.exp(log_p)
    marginal = p.mean(0)
    return p, marginal, (p * (log_p - np.log(marginal))).sum(1)

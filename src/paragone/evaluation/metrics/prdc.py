"""Precision, recall, density and coverage.

Precision and recall: Kynkaanniemi et al. 2019 (https://arxiv.org/abs/1904.06991), eq. 1 and 2. Density and coverage:
Naeem et al. 2020 (https://arxiv.org/abs/2002.09797), eq. 4 and 5. A ball reaches to the k-th nearest neighbour within
its own set and, as in Naeem's code, leaves its edge out.

As many real images as fakes are compared. Coverage by N fakes of M real images is at most about 1 - (M / (M + N))^k
(0.67 for 1,000 fakes of 4,000), so a share says little unless M = N, where it is 0.97.
"""

import torch
from torch import Tensor

from paragone.evaluation.metrics.base import Embedded

needs = Embedded
K = 5
BLOCK = 1024


def prdc(
    real: Tensor, fake: Tensor, k: int = K, block: int = BLOCK, real_radius: Tensor | None = None
) -> dict[str, float]:
    """The four shares (density may exceed 1) from features (M,D) and (N,D), M > k and N > k; higher is better.

    real_radius: (M,), the squared radii of the real balls, if known.
    """
    for name, x in (("real", real), ("fake", fake)):
        if len(x) <= k:
            raise ValueError(f"{len(x)} {name} images are too few for {k} nearest neighbours; take at least {k + 1}")
    centre = _centre(real)
    real, fake = real - centre, fake - centre
    real_radius = _radii(real, k, block) if real_radius is None else real_radius
    fake_radius = _radii(fake, k, block)  # (N,) squared
    balls = torch.zeros(len(fake), dtype=torch.int64, device=fake.device)  # how many real balls a fake lies in
    recalled = covered = 0
    for part, radius in zip(real.split(block), real_radius.split(block), strict=True):
        d = _squared_distances(part, fake)  # (block,N)
        inside = d < radius[:, None]
        balls += inside.sum(0)
        covered += int(inside.any(1).sum())
        recalled += int((d < fake_radius).any(1).sum())
    return {
        "precision": float((balls > 0).double().mean()),
        "recall": recalled / len(real),
        "density": float(balls.double().mean()) / k,
        "coverage": covered / len(real),
    }


def _centre(real: Tensor) -> Tensor:
    """What all features are shifted by: distances do not change, and cancel less."""
    return real.double().mean(0).float()


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    return torch.addmm(y.square().sum(1), x, y.T, alpha=-2).add_(x.square().sum(1)[:, None])


def _radii(x: Tensor, k: int, block: int) -> Tensor:
    """Squared distance of each row to its k-th nearest other row."""
    radii = []
    for i, part in enumerate(x.split(block)):
        d = _squared_distances(part, x)
        d[:, i * block :].fill_diagonal_(torch.inf)
        radii.append(d.topk(k, largest=False).values[:, -1])
    return torch.cat(radii)


def prepare(subset: Tensor, n: int) -> dict[str, Tensor]:
    """prdc_radius: the squared radii of the balls of the first n real images."""
    real = subset[:n]
    return {"prdc_radius": _radii(real - _centre(real), K, BLOCK)}


def compute(view: Embedded) -> dict[str, float | int]:
    """precision, recall, density, coverage, of as many real images as fakes; n_neighbours: how many."""
    n = min(len(view.subset), len(view.fake))
    radius = view.prepared.get("prdc_radius")
    known = radius if radius is not None and len(radius) == n else None
    return {**prdc(view.subset[:n], view.fake[:n], real_radius=known), "n_neighbours": n}

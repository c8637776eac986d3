"""How much of a hierarchical VAE's gradient reaches each of its groups of latents, before and after training.

A group's gradient is that of the negative bound on training images (the likelihood less every KL divergence, neither
warmed up nor balanced, without the spectral penalty) by all weights of the group; its norm is taken for each group from
the top, which the image reaches through all others, to the bottom. Before: the network with the weights that the
training of its seed began with. Batch normalisation uses the batch's own statistics, as in training; all in float32.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paragone.data import base as datasets
from paragone.data.base import ImageSet
from paragone.engine import checkpoint, hardware
from paragone.engine.batches import Order, draw
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation.studies.base import Work
from paragone.models.vae.nvae import NVAE
from paragone.project import paths

IMAGE = frozenset({"image"})


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("nvae_2", "nvae_4", "nvae_8")  # of NVAE
    probe: int = 64  # images that gradients are measured on

    def __post_init__(self) -> None:
        if self.probe < 2:
            raise ValueError(f"probe is {self.probe}; it must be at least 2")


def depends(work: Work) -> list[Path]:
    """The data, and the weights of the rows."""
    runs = _runs(work)
    return [*dict.fromkeys(paths.prepared(run.dataset) for run in runs), *(run.weights for run in runs)]


def _runs(work: Work) -> list[paths.Run]:
    return [run for row in work.options.rows for run in work.runs(row)]


def measure(work: Work) -> dict[str, Any]:
    """{probe, device, datasets: {data set: {rows: {row: [{seed, before: [], after: []}]}, diverged: [run]}}}.

    before, after: norms of the groups' gradients, from the top. Raises ValueError for a row of another model.
    """
    device, found = hardware.device(), dict[str, Any]()
    for run in _runs(work):
        here = found.setdefault(run.dataset, {"rows": {}, "diverged": []})
        measured = here["rows"].setdefault(run.model, [])
        trained, meta = checkpoint.load_model(work.root / run.weights)
        if not isinstance(trained, NVAE):
            where = f"profiles/{work.profile}.yaml: studies.hierarchy.rows"
            raise ValueError(f"{where}: '{run.model}' is a {trained.title}, which has no groups; name rows of NVAE")
        if meta["outcome"] != "finished":
            here["diverged"].append({"row": run.model, "seed": run.seed, "reason": meta["reason"]})
            continue
        train = datasets.load(work.root / paths.prepared(run.dataset), "train")
        x = _images(train, work.options.probe, run.seed, device)
        seed_all(run.seed, Stream.INIT)
        fresh = NVAE(trained.cfg, train.spec)
        norms = {age: group_norms(net.to(device), x, run.seed) for age, net in (("before", fresh), ("after", trained))}
        measured.append({"seed": run.seed, **norms})
    return {"probe": work.options.probe, "device": hardware.device_name(device), "datasets": found}


def _images(train: ImageSet, n: int, seed: int, device: torch.device) -> Tensor:
    return draw(train, Order(len(train.images), n, seed, Stream.EVALUATE)(0), IMAGE, device)["image"]


def group_norms(model: NVAE, x: Tensor, seed: int) -> list[float]:
    """The norm of the negative bound's gradient by the weights of each group, from the top, on images x (B,C,H,W)."""
    model.train().requires_grad_(True)
    seed_all(seed, Stream.EVALUATE)
    loss = -model.log_likelihood_bound(x).mean()
    groups = [list(group.parameters()) for group in model.groups]
    grads = iter(torch.autograd.grad(loss, [p for group in groups for p in group]))
    squares = ([next(grads).double().square().sum() for _ in group] for group in groups)
    return [float(torch.stack(parts).sum().sqrt()) for parts in squares]

"""Whether images move and turn as the generator's input does.

Karras et al. 2021 (StyleGAN3, https://arxiv.org/abs/2106.12423, section 2.1 and appendix E): with g(z_0; w) the image
of an input z_0 and styles w,

    EQ-T    10 log10(4 / E[(g(t(z_0); w) - t(g(z_0; w)))^2]), t a translation by whole pixels
    EQ-R    the same with a rotation by any angle, in the disc that stays within the image

in dB over images in [-1,1]; more is better. Translations are of up to an eighth of the side either way. The input is
what the synthesis network starts from (`moved`): StyleGAN3's Fourier features, and StyleGAN2's learned constant,
resampled bilinearly, since 4 x 4 numbers know no other place between two of them. Noise, which belongs to its pixels,
is left out. `still` is what EQ-T would be of images that do not move at all, the floor: high where images are smooth or
black for the most part. `turned` is the ceiling of EQ-R: each image turned there and back by the splines that turn it
for the comparison, against itself. Rows compare on the same data set alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from paragone.engine import hardware
from paragone.engine.seeding import Stream, seed_all
from paragone.evaluation import factors
from paragone.evaluation.factors import BATCH, Flags, Floats
from paragone.evaluation.studies.base import Work
from paragone.models.base import Model
from paragone.models.layers import ada

SPLINE = 5  # its order, where images are turned for the comparison
RIM = 2  # pixels of 32 around the disc that are not compared


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("stylegan3", "stylegan2")
    n: int = 200  # latents of each run

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n is {self.n}; it must be at least 1")


def depends(work: Work) -> list[Path]:
    """The weights of the rows."""
    return [run.weights for runs in factors.runs_by_dataset(work).values() for run in runs]


def measure(work: Work) -> dict[str, Any]:
    """{n, datasets: {data set: {rows: {row: [{seed, eq_t, still, eq_r, turned}]}, diverged}}}.

    A figure is None where nothing differs. Raises ValueError for a row whose input cannot be moved.
    """
    found = {}
    for dataset, runs in factors.runs_by_dataset(work).items():
        rows: dict[str, list[dict[str, Any]]] = {run.model: [] for run in runs}
        diverged: list[dict[str, Any]] = []
        for run, model in factors.finished(work, runs, diverged):
            if "moved" not in model.capabilities:
                where = f"profiles/{work.profile}.yaml: studies.equivariance.rows"
                raise ValueError(f"{where}: '{run.model}' has no input that moves; name StyleGAN2 or 3")
            rows[run.model].append({"seed": run.seed, **assess(model, work.options.n, run.seed)})
        found[dataset] = {"rows": rows, "diverged": diverged}
    return {"n": work.options.n, "datasets": found}


def assess(model: Model, n: int, seed: int) -> dict[str, float | None]:
    """Both measures of one model, the floor of the first and the ceiling of the second."""
    able = cast(Any, hardware.place(model.eval(), hardware.device()))
    seed_all(seed, Stream.EVALUATE, 0)
    draws = np.random.default_rng(seed)
    errors: dict[str, list[Floats]] = {"eq_t": [], "still": [], "eq_r": [], "turned": []}
    with torch.no_grad():
        for start in range(0, n, BATCH):
            z = able.latents(size := min(BATCH, n - start))
            still = _images(able, z, torch.eye(3).expand(size, 3, 3))  # (B,C,H,W)
            side = still.shape[2]
            shifts = draws.integers(-(side // 8), side // 8 + 1, (size, 2))
            moved = _images(able, z, ada.translation(torch.from_numpy(2.0 * shifts / side).float()))
            errors["eq_t"] += [_apart(*_overlap(a, b, *t)) for a, b, t in zip(still, moved, shifts, strict=True)]
            errors["still"] += [_apart(*_overlap(a, a, *t)) for a, t in zip(still, shifts, strict=True)]
            angles = draws.uniform(0, 2 * np.pi, size)
            turned = _images(able, z, ada.rotation(torch.from_numpy(angles).float()))
            disc = _disc(side)
            for a, b, angle in zip(still, turned, angles, strict=True):
                errors["eq_r"].append(_apart(turn(a, angle), b, disc))
                errors["turned"].append(_apart(turn(turn(a, angle), -angle), a, disc))
    return {name: _decibel(np.concatenate(parts)) for name, parts in errors.items()}


def _images(able: Any, z: Any, matrix: Tensor) -> Floats:
    moved: Tensor = able.moved(z, matrix.to(hardware.device()))
    return moved.double().cpu().numpy()


def _overlap(still: Floats, moved: Floats, right: int, down: int) -> tuple[Floats, Floats]:
    """The parts of two images (C,H,W) that show the same where the second is the first moved by whole pixels."""
    h, w = still.shape[1:]
    ours = still[:, max(0, -down) : h - max(0, down), max(0, -right) : w - max(0, right)]
    theirs = moved[:, max(0, down) : h - max(0, -down), max(0, right) : w - max(0, -right)]
    return ours, theirs


def turn(image: Floats, angle: float) -> Floats:
    """An image (C,H,W) turned about its middle as `ada.rotation` turns content: x to y, y being down."""
    c, s = np.cos(angle), np.sin(angle)
    back = np.array([[c, -s], [s, c]])  # of (down, right): where each place comes from
    middle = (np.array(image.shape[1:]) - 1) / 2
    options: Any = {"offset": middle - back @ middle, "order": SPLINE, "mode": "nearest"}
    return np.stack([ndimage.affine_transform(plane, back, **options) for plane in image])


def _disc(side: int) -> Flags:
    place = np.arange(side) - (side - 1) / 2
    radius: Flags = np.hypot(place[:, None], place) < side / 2 - max(1, RIM * side // 32)
    return radius


def _apart(a: Floats, b: Floats, where: Flags | None = None) -> Floats:
    """The squared differences of two images, at some places."""
    square = (a - b) ** 2
    return square.ravel() if where is None else square[:, where].ravel()


def _decibel(square: Floats) -> float | None:
    mean = float(square.mean())
    return 10 * float(np.log10(4 / mean)) if mean else None

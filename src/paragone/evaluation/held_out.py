"""Training images kept from a model, by which its weights are scored while it trains.

A tenth of the training split, drawn with the run's seed, in a feature space that no label has shaped: the classifier's
has learned from these images. Samples are scored by the kernel distance (KID), which is unbiased, so it means the same
at these few images as at many; the Frechet distance stands beside it. Each score is of the same latents, so that two
differ by the weights alone, and of others than the run's samples. The run is measured later as every run is: from the
training split, of which the held-out images are a part again, and from the test split, which chose nothing.
"""

from pathlib import Path

import torch

from paragone.data.base import ImageSet
from paragone.engine import hardware, sampling
from paragone.engine.seeding import Stream, generator, mix
from paragone.engine.selection import HeldOut
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance
from paragone.evaluation.metrics.kid import kernel_distance
from paragone.models.base import Model
from paragone.project import registry

SHARE, MOST, FEWEST = 10, 1000, 16  # one image in so many; never more, or fewer
BATCH = 250


def part(root: Path, dataset: str, data: ImageSet, space: str, seed: int) -> HeldOut:
    """Images of the training split `data`, and a score by them in `space` (a file name in
    paragone/evaluation/extractors): `held-out/KID` and `held-out/FD`.

    Raises ValueError for a set that is too small, or a space whose weights are missing.
    """
    chosen, rest = split(len(data.images), seed)
    extractor = registry.load("extractors", space).load(root, dataset)
    device, n = hardware.device(), len(chosen)
    real = extractor.extract(data.images[chosen], device).values
    statistics, draws = Statistics.of(real), mix(seed, Stream.HELD_OUT, 1)
    unseen = data  # of pairs, the sources that it does not see
    if data.sources is not None and data.paired:
        unseen = data._replace(sources=data.sources[chosen])

    def score(model: Model, precision: str) -> dict[str, float]:
        images, _ = sampling.sample(
            model,
            n,
            seed=draws,
            batch=min(BATCH, n),
            device=device,
            precision=precision,
            cond=sampling.labels(model, data, n, draws),
            source=sampling.sources(model, unseen, n),
            progress=False,
        )
        fake = extractor.extract(torch.from_numpy(images), device).values
        distance = frechet_distance(statistics, Statistics.of(fake))
        return {"held-out/KID": kernel_distance(real, fake), "held-out/FD": distance}

    return HeldOut(rest, n, f"KID in {extractor.name} of {n} samples from {n} held-out training images", score)


def split(images: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which of so many images are held out, and the rest, each in order. Raises ValueError for too few."""
    n = min(images // SHARE, MOST)
    if n < FEWEST:
        raise ValueError(
            f"the training set has {images} images, of which a tenth is held out; eval_every takes "
            f"{FEWEST * SHARE} at least, leave it out"
        )
    order = torch.randperm(images, generator=generator(seed, Stream.HELD_OUT))
    return order[:n].sort().values, order[n:].sort().values

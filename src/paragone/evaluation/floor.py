"""The floor: real images measured as if a generator had drawn them, which no generator can be expected to beat.

A generator draws its classes at random, so the floor does too. A split often holds exactly as many images of each class
as of the next: measured whole, it is nearer to the training split than any draw would be.

Two floors stand in one row. What is compared with the training split is that of test images; what is compared with the
test split (fd_test) is that of as many training images.
"""

from typing import Any

import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.engine.seeding import Stream, generator
from paragone.evaluation import protocol, spaces
from paragone.evaluation.extractors.base import Extractor
from paragone.evaluation.metrics.base import Statistics
from paragone.evaluation.metrics.frechet import frechet_distance


def measure(
    reference: protocol.Reference,
    train: ImageSet,
    test: ImageSet,
    extractors: dict[str, Extractor],
    device: torch.device,
) -> dict[str, Any]:
    """What `protocol.evaluate` says of as many test images as a run has samples, or a few less; fd_test is of training
    images."""
    n, shares = reference.about["samples"], reference.about["shares"]
    chosen = draw(test.labels, len(test.images), shares, n, split=0)
    labels = None if test.labels is None else test.labels[chosen]
    floor = protocol.evaluate(test.images[chosen], reference, extractors, device, labels)
    alike = train.images[draw(train.labels, len(train.images), shares, len(chosen), split=1)]
    for name, space in reference.spaces.items():
        features = extractors[name].extract(alike, device).values
        _put(floor["spaces"][name], spaces.over_judges(space, features, _to_test))
    return floor


def _to_test(real: spaces.Real, features: Tensor) -> dict[str, float]:
    return {"fd_test": frechet_distance(real.test, Statistics.of(features))}


def _put(figures: dict[str, Any], new: dict[str, Any]) -> None:
    """Put new figures into others in place, one by one where they stand in groups."""
    for key, value in new.items():
        if isinstance(value, dict):
            _put(figures[key], value)
        else:
            figures[key] = value


def draw(labels: Tensor | None, size: int, shares: list[float] | None, n: int, split: int) -> Tensor:
    """The places (m,) of up to n different images of a split of `size`, drawn at random.

    From a split of at least 2 n, any n. From a smaller one, classes are drawn one by one by their shares, and of each
    the next image, until a class has no more: m may be less than n. At least half of the split, and no fewer than an
    evaluation takes, whatever the classes.
    """
    source = generator(0, Stream.FLOOR, split)
    order = torch.randperm(size, generator=source)
    if 2 * n <= size or labels is None or shares is None:
        return order[:n]
    asked = torch.multinomial(torch.tensor(shares, dtype=torch.float64), n, replacement=True, generator=source)
    images = {int(label): iter(order[labels[order] == label]) for label in asked.unique()}
    found: list[Tensor] = []
    for label in asked.tolist():
        image = next(images[label], None)
        if image is None:
            break
        found.append(image)
    least = max(size // 2, min(size, protocol.FEWEST))
    return torch.stack(found) if len(found) >= least else order[:least]

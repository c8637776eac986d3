"""Measure what a model can do besides drawing samples, by the capabilities that it declares: its part of metrics.json.

`protocol` says what the keys mean.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.data.pixels import to_float
from paragone.engine import hardware
from paragone.engine.sampling import quantise
from paragone.engine.seeding import Stream, generator, seed_all
from paragone.evaluation.metrics.base import (
    Bounded,
    Clustered,
    Coded,
    Encoded,
    Estimated,
    Likely,
    Posteriors,
    Reconstructed,
    Returned,
    Translated,
)
from paragone.evaluation.protocol import measure
from paragone.models.base import Model

BATCH = 100  # of a model's reconstructions and bounds


def measure_translation(samples: Tensor, test: ImageSet) -> dict[str, Any]:
    """Translations (N,H,W,C) uint8 of the sources of `test`, in order, against their true partners; empty where these
    are not known. Each source counts once."""
    if test.sources is None or not test.paired:
        return {}
    n = min(len(samples), len(test.images))
    partners, sources = test.images[:n], test.sources[:n]
    found = measure(Translated(partners, samples[:n]))
    return {"translation": {**found, "identity": measure(Translated(partners, sources)), "n": n, "split": "test"}}


def measure_cycle(model: Model, samples: Tensor, test: ImageSet, seed: int, device: torch.device) -> dict[str, Any]:
    """Translations (N,H,W,C) uint8 of the sources of `test`, in order, taken back to these; empty for a model that
    cannot. Each source counts once."""
    if "translate_back" not in model.capabilities or test.sources is None:
        return {}
    able: Any = hardware.place(model.eval(), device)
    n = min(len(samples), len(test.sources))
    sources = test.sources[:n]

    def back(x: Tensor, source: Tensor) -> Tensor:
        made: Tensor = able.translate_back(x, to_float(source))
        return made

    returned = torch.from_numpy(quantise(_batched(back, [samples[:n], sources], seed, device)))
    return measure(Returned(sources, returned))


def measure_capabilities(
    model: Model,
    test: Tensor,
    seed: int,
    device: torch.device,
    labels: Tensor | None = None,
    judge: Callable[[Tensor], dict[str, float]] | None = None,
) -> dict[str, Any]:
    """Reconstruction, rate, categories and likelihood of real test images (N,H,W,C) uint8: those that the model has.

    labels: the images' (N,), for models that take them, and to score categories that a model found without them.
    judge: the distances of images, by space, which reconstructions have too: a ceiling for what is drawn through them.
    Latents are drawn from (seed, batch), so the result is the same each time.
    """
    model = hardware.place(model.eval(), device)
    given = [test, labels] if labels is not None and "label" in model.needs else [test]
    result: dict[str, Any] = {}
    if "reconstruct" in model.capabilities:
        made = torch.from_numpy(quantise(_batched(model.reconstruct, given, seed, device)))
        far = {} if judge is None else {"fd": judge(made)}
        result["reconstruction"] = {**measure(Reconstructed(test, made)), **far, "n": len(test), "split": "test"}
    if "rate" in model.capabilities:
        result |= measure(Encoded(_batched(model.rate, given, seed, device)))
    if "posterior" in model.capabilities:
        result |= measure(_posteriors(model, given, seed, device))
    if "cluster" in model.capabilities and labels is not None:
        clusters = _batched(model.cluster, [test], seed, device)
        result["clustering"] = {**measure(Clustered(clusters, labels))["clustering"], "n": len(test), "split": "test"}
    if "codes" in model.capabilities:
        result |= measure(Coded(_batched(model.codes, given, seed, device), model.codebook_size))
    if "log_likelihood_bound" in model.capabilities:
        bound = _batched(model.log_likelihood_bound, given, seed, device)
        result |= {**measure(Bounded(bound, test[0].numel())), "n_test": len(test)}
    if "log_likelihood_estimate" in model.capabilities:
        estimate = _batched(model.log_likelihood_estimate, given, seed, device)
        result |= {**measure(Estimated(estimate, test[0].numel())), "n_test": len(test)}
    if "log_likelihood" in model.capabilities:
        exact = _batched(model.log_likelihood, given, seed, device)
        result |= {**measure(Likely(exact, test[0].numel())), "n_test": len(test)}
    return result


def _posteriors(model: Any, given: list[Tensor], seed: int, device: torch.device) -> Posteriors:
    """The posteriors of the images, and a draw of each."""
    moments = _batched(lambda *images: torch.stack(model.posterior(*images), 1), given, seed, device)  # (N,2,z_dim)
    mean, logvar = moments.unbind(1)
    noise = torch.randn(mean.shape, generator=generator(seed, Stream.EVALUATE))
    return Posteriors(mean + (logvar / 2).exp() * noise, mean, logvar)


def _batched(capability: Any, given: list[Tensor], seed: int, device: torch.device) -> Tensor:
    parts = []
    with torch.no_grad():
        for i, (part, *labels) in enumerate(zip(*(tensor.split(BATCH) for tensor in given), strict=True)):
            seed_all(seed, Stream.EVALUATE, i)
            parts.append(capability(to_float(part.to(device)), *(values.to(device) for values in labels)).cpu())
    return torch.cat(parts)

"""CPU time that cached activations save in autoregressive sampling, compared with the plain loop.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/cached_sampling.py

The networks are those of profile `all`, untrained, for packaged MNIST at 32 px. The plain loop passes the whole grid
through the network for each symbol. Both draw from the same logits, and tests check that the draws are equal. Of a
plain loop only `--passes` passes are timed, spread over the grid, and extrapolated to all; small grids are run in full.
"""

import statistics
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
import typer
from torch import Tensor

from paragone.engine import hardware
from paragone.engine.seeding import Stream, seed_all
from paragone.models.autoregressive.pixel_cnn import PixelCNN
from paragone.models.base import Model, Spec
from paragone.models.layers.gated_pixel_cnn import GatedPixelCNN
from paragone.models.layers.transformer import CausalTransformer
from paragone.models.vq.vq_prior import VQPrior
from paragone.models.vq.vq_prior_2 import VQPrior2
from paragone.project import registry, settings

ROOT = Path(__file__).resolve().parents[1]
SPEC = Spec((1, 32, 32), 10)
ROUNDS = 3  # the median is reported


class Sampler(NamedTuple):
    """One network that draws symbols: all of them from cached activations, or a single one by the plain loop."""

    name: str
    symbols: int
    cached: Callable[[int], object]
    one: Callable[[int, int], object]  # number of images, position of the symbol


def main(
    images: Annotated[list[int] | None, typer.Option(help="Number of images drawn at a time.")] = None,
    passes: Annotated[int, typer.Option(help="Number of passes of a plain loop that are timed.")] = 16,
) -> None:
    """Print the table."""
    sizes = images or [1, 16]
    print(f"{hardware.cpu_name()}, torch {torch.__version__}, {torch.get_num_threads()} thread(s), float32.\n")
    print("| network | symbols | images | cached, CPU-s | plain, CPU-s | speed-up |\n|---|---:|---:|---:|---:|---:|")
    for sampler in samplers():
        for n in sizes:
            kept = statistics.median(cpu_seconds(lambda n=n, s=sampler: s.cached(n)) for _ in range(ROUNDS))
            plain = plain_loop(sampler, n, passes)
            figures = f"{kept:.3g} | {plain:.3g} | {plain / kept:.1f}"
            print(f"| {sampler.name} | {sampler.symbols:,} | {n} | {figures} |", flush=True)


def samplers() -> list[Sampler]:
    """PixelCNN, and the priors of VQ-VAE and VQ-VAE-2."""
    built: dict[str, Model] = {}
    params = settings.load(ROOT, "all")
    for row in ("pixel_cnn", "vq_vae", "vq_prior", "vq_vae_2", "vq_prior_2"):
        seed_all(0, Stream.INIT)
        parents = {role: built[parent] for role, parent in params.entry("all", row).parents.items()}
        config = params.config("all", "mnist-5k", row)
        built[row] = registry.build_model(params.model("all", row), SPEC, config, parents).eval()
    pixels, prior, priors = built["pixel_cnn"], built["vq_prior"], built["vq_prior_2"]
    assert isinstance(pixels, PixelCNN)
    assert isinstance(prior, VQPrior)
    assert isinstance(priors, VQPrior2)
    top, bottom = priors.top_grid, priors.bottom_grid
    return [
        _convolutional("PixelCNN", pixels.net, SPEC.shape[1:], None),
        _transformer("VQ-VAE + prior (transformer)", prior.prior),
        _convolutional("VQ-VAE-2, top prior", priors.top, top, None),
        _convolutional("VQ-VAE-2, bottom prior", priors.bottom, bottom, priors),
    ]


def _convolutional(name: str, net: GatedPixelCNN, size: tuple[int, ...], prior: VQPrior2 | None) -> Sampler:
    """A gated PixelCNN over a grid with one symbol per position. The condition of a bottom prior is computed once."""
    h, w = size
    places = list(product(range(h), range(w)))

    def given(n: int) -> Tensor | None:
        return None if prior is None else prior._given(torch.zeros(n, 1, *prior.top_grid, dtype=torch.int64))

    def one(n: int, place: int) -> Tensor:
        i, j = places[place]
        logits = net(torch.zeros(n, 1, h, w, dtype=torch.int64), known[n])
        return torch.multinomial(logits[:, 0, :, i, j].softmax(1), 1)

    known: dict[int, Tensor | None] = {}

    def cached(n: int) -> Tensor:
        if n not in known:
            known[n] = given(n)
        return net.sample(n, (h, w), known[n])

    return Sampler(name, h * w, cached, one)


def _transformer(name: str, net: CausalTransformer) -> Sampler:
    def one(n: int, place: int) -> Tensor:
        logits = net(torch.zeros(n, net.length, dtype=torch.int64))
        return torch.multinomial(logits[:, place].softmax(1), 1)

    return Sampler(name, net.length, net.sample, one)


def plain_loop(sampler: Sampler, n: int, passes: int) -> float:
    """CPU seconds of all passes, extrapolated from the timed ones, after a warm-up."""
    places = torch.linspace(0, sampler.symbols - 1, min(passes, sampler.symbols)).round().int().tolist()
    sampler.one(n, 0)
    return cpu_seconds(lambda: [sampler.one(n, place) for place in places]) / len(places) * sampler.symbols


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    with torch.no_grad():
        work()
    return time.process_time() - start


if __name__ == "__main__":
    typer.run(main)

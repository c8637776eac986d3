"""Draw samples from a finished model, with the classes of the data where it takes them; show them, and time it."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count
from tqdm import tqdm

from paragone.data.base import ImageSet
from paragone.data.pixels import to_float, to_uint8
from paragone.engine import hardware, memory, replays
from paragone.engine.seeding import Stream, generator, seed_all
from paragone.models.base import Model

Images = npt.NDArray[np.uint8]  # (n,H,W,C)
AGREED = 0.02  # of the median: the spread below which timings agree
CLASS_ROWS = 20  # of a grid with one row per class, at most


class Speed(NamedTuple):
    """How fast a model samples on one device."""

    images_per_second: float  # at the batch of the run, median over its full batches
    latency_ms: float  # of one image, median
    latency_runs: int


def sample(
    model: Model,
    n: int,
    *,
    seed: int,
    batch: int,
    device: torch.device,
    precision: str = "fp32",
    cond: Tensor | None = None,
    source: Tensor | None = None,
    progress: bool = True,
) -> tuple[Images, list[float]]:
    """n samples as uint8 (n,H,W,C), and the seconds of each batch. Batch i follows from (seed, i) alone.

    cond: labels (n,), and source: images (n,C,H,W) in [-1,1] to translate, for models that take them. Raises ValueError
    for others, for a model that translates and is given no sources, and for a batch that does not fit into the memory.
    """
    _check_inputs(model, n, cond, source)
    hardware.check_precision(precision, device)
    model = hardware.place(model.eval(), device)
    images, seconds = [], []
    starts = range(0, n, batch)
    for i, start in enumerate(tqdm(starts, desc="sampling", unit=" batches", disable=not progress, mininterval=1)):
        size = min(batch, n - start)
        labels, sources = (None if t is None else t[start : start + size].to(device) for t in (cond, source))
        drawn = _tried(model, size, labels, sources, seed, i, device, precision)
        if drawn is None:
            raise ValueError(_too_little(model, size, labels, sources, device, precision))
        images.append(drawn[0])
        seconds.append(drawn[1])
    return np.concatenate(images), seconds


def _tried(model: Model, n: int, *options: Any) -> tuple[Images, float] | None:
    """As `_draw`; None where the memory does not suffice."""
    try:
        return _draw(model, n, *options)
    except torch.OutOfMemoryError:
        return None


def _too_little(
    model: Model, batch: int, cond: Tensor | None, source: Tensor | None, device: torch.device, precision: str
) -> str:
    """One sentence, with the largest half, quarter ... of the batch that can be drawn at a time."""
    said = f"{model.title}, {batch} images at a time, does not fit into the memory of {hardware.device_name(device)}"
    fewer = batch // 2
    while fewer:
        memory.clean(device)
        inputs = (None if t is None else t[:fewer] for t in (cond, source))
        if _tried(model, fewer, *inputs, 0, 0, device, precision) is not None:
            return f"{said}; {fewer} at a time do: set the profile's sample_batch, or take a card with more"
        fewer //= 2
    return f"{said}, nor does one; take a card with more"


def _check_inputs(model: Model, n: int, cond: Tensor | None, source: Tensor | None) -> None:
    if cond is not None and "label" not in model.needs:
        raise ValueError(f"{model.title} takes no labels; sample a model that was trained with them")
    if source is not None and "source" not in model.needs:
        raise ValueError(f"{model.title} takes no source images; sample a model that translates")
    if "source" in model.needs and (source is None or len(source) != n):
        given = "none" if source is None else len(source)
        raise ValueError(f"{model.title} translates: give {n} source images for {n} samples; given: {given}")


def labels(model: Model, train: ImageSet, n: int, seed: int) -> Tensor | None:
    """The labels (n,) int64 that a run samples, None for a model that takes none: drawn with the seed from the training
    split's, as a model without labels draws its classes. Exact shares would be closer to the real images than any draw.

    Raises ValueError if the set has no labels.
    """
    if "label" not in model.needs:
        return None
    if train.labels is None:
        raise ValueError(f"{model.title} samples by label and the data set has none; choose a data set with labels")
    drawn = torch.randint(len(train.labels), (n,), generator=generator(seed, Stream.LABEL))
    return train.labels[drawn]


def sources(model: Model, test: ImageSet, n: int) -> Tensor | None:
    """The source images (n,C,H,W) in [-1,1] that a run translates, None for a model that takes none: those of the test
    split in order, from the first again where there are fewer.

    Raises ValueError if the set has none.
    """
    if "source" not in model.needs:
        return None
    if test.sources is None:
        raise ValueError(f"{model.title} translates images and the data set has no sources; choose a set of pairs")
    chosen = test.sources[torch.arange(n) % len(test.sources)]  # (n,H,W,C) uint8
    return to_float(chosen)


def draw(model: Any, n: int, cond: Tensor | None = None, source: Tensor | None = None) -> Tensor:
    """n images (n,C,H,W) in [-1,1]: samples, or the translations of source images."""
    images: Tensor = model.sample(n, cond) if source is None else model.translate(source, cond)
    return images


def _draw(
    model: Model,
    n: int,
    cond: Tensor | None,
    source: Tensor | None,
    seed: int,
    counter: int,
    device: torch.device,
    precision: str,
) -> tuple[Images, float]:
    seed_all(seed, Stream.SAMPLE, counter)
    hardware.synchronize(device)
    started = hardware.seconds(device)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
    with torch.inference_mode(), autocast, replays.drawing(device):
        x = draw(model, n, cond, source)
    pixels = quantise(x)  # on the device, so that what is timed ends with the images in memory
    return pixels, hardware.seconds(device) - started


def quantise(x: Tensor) -> Images:
    """Images (n,C,H,W) in [-1,1] to uint8 (n,H,W,C), rounded to the nearest level and clipped."""
    return to_uint8(x).cpu().numpy()


def speed(
    model: Model,
    seconds: list[float],
    sizes: list[int],
    *,
    device: torch.device,
    precision: str,
    cond: Tensor | None = None,
    source: Tensor | None = None,
) -> Speed:
    """Throughput from the timed batches (the first is left out as warm-up where there are others), and the latency of
    one image: the median of up to twenty draws within about five seconds, or of fewer once they agree."""
    full = [(s, t) for s, t in zip(sizes, seconds, strict=True) if s == max(sizes)]
    rates = [s / t for s, t in (full[1:] or full)]
    times: list[float] = []
    while len(times) < 20 and (len(times) < 2 or sum(times) < 5) and not agree(times[1:]):
        label, image = (None if t is None else t[:1].to(device) for t in (cond, source))
        times.append(_draw(model, 1, label, image, 0, len(times), device, precision)[1])
    timed = times[1:]  # the first warms up
    return Speed(statistics.median(rates), 1000 * statistics.median(timed), len(timed))


def agree(times: Sequence[float]) -> bool:
    """Whether more draws would hardly move the median: there are five at least, and the middle half of them lies within
    `AGREED` of it."""
    if len(times) < 5:
        return False
    low, middle, high = statistics.quantiles(times, n=4)
    return high - low <= AGREED * middle


def macs(model: Model, device: torch.device, cond: Tensor | None = None, source: Tensor | None = None) -> int:
    """Multiply-accumulates that drawing one image takes, every pass through the networks counted: those of matrix
    products, convolutions and attention (torch's flop counter, which counts two operations each)."""
    label, image = (None if t is None else t[:1].to(device) for t in (cond, source))
    seed_all(0, Stream.SAMPLE)
    on_cpu = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # which the counter leaves out
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping={on_cpu: _attention}) as counter:
        draw(model, 1, label, image)
    return counter.get_total_flops() // 2


def evaluations(model: Model, device: torch.device, cond: Tensor | None = None, source: Tensor | None = None) -> int:
    """How often the most used layer with weights runs to draw one image: the evaluations of the network, its decoder's
    and its parents' left out where they are fewer. Counted, as `macs`."""
    label, image = (None if t is None else t[:1].to(device) for t in (cond, source))
    seed_all(0, Stream.SAMPLE)
    with torch.no_grad(), counting(model) as counted:
        draw(model, 1, label, image)
    return counted()


@contextmanager
def counting(net: nn.Module) -> Iterator[Callable[[], int]]:
    """Inside, layers are counted as they run; what is given says how often the most used one has."""
    counts: Counter[nn.Module] = Counter()
    layers = [m for m in net.modules() if next(m.parameters(recurse=False), None) is not None]
    hooks = [layer.register_forward_pre_hook(lambda m, _: counts.update([m])) for layer in layers]
    try:
        yield lambda: max(counts.values(), default=0)
    finally:
        for hook in hooks:
            hook.remove()


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Operations of attention between tensors of these shapes."""
    return int(sdpa_flop_count(query, key, value))


def sample_grid(images: Images, columns: int = 10, rows: int = 10) -> Image.Image:
    """The first images as one picture, row by row, a pixel of white between them."""
    images = images[: columns * rows]
    _, h, w, c = images.shape
    rows = -(-len(images) // columns)
    canvas = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1, c), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = divmod(i, columns)
        canvas[y * (h + 1) : y * (h + 1) + h, x * (w + 1) : x * (w + 1) + w] = image
    return Image.fromarray(canvas.squeeze(-1) if c == 1 else canvas)


def class_grid(images: Images, labels: Tensor, classes: int, columns: int = 10) -> Image.Image:
    """The first samples of each class, one row per class in their order (the first `CLASS_ROWS`); white where there are
    fewer than `columns`."""
    rows = min(classes, CLASS_ROWS)
    shown = np.full((rows, columns, *images.shape[1:]), 255, np.uint8)
    for row, label in zip(shown, range(rows), strict=True):
        of_class = images[(labels == label).numpy()][:columns]
        row[: len(of_class)] = of_class
    return sample_grid(shown.reshape(-1, *images.shape[1:]), columns, rows)

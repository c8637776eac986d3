"""An invisible watermark in what a generator hands out: what it costs, and what it survives.

The mark is that of the library invisible-watermark, which Stable Diffusion's published code puts into its samples
(https://github.com/CompVis/stable-diffusion). It needs pictures of 256 x 256 pixels, and samples here have 32 or 64: so
what is marked is a sheet of samples, tile by tile, as a service would hand it out. Each sheet carries bits of its own,
drawn at random. Sheets of grey samples are saved in colour, since the mark is in the chroma channel U:
- `dwtDct`: in the largest coefficient of each block after a wavelet transform;
- `dwtDctSvd`: in the largest singular value of each such block's cosine transform; `strength` is the step of its
  quantisation (36 by default);
- `corrected`: the same, put in by `paragone.evaluation.invisible_mark` and read by the library.

A mark is detected where at least `threshold` of its bits are read. The threshold is set on unmarked sheets, changed in
the same ways, and compared with random bits: the lowest at which at most `rate` of them pass. Whether it holds is
measured with other random bits. `whole` counts the sheets of which every bit is read, which is what names one of many
generators.

Version 0.2.0 of the library rebuilds a picture with the horizontal and vertical details of U exchanged (`dwtDctSvd.py`,
`maxDct.py`), which costs coloured pictures with sharp edges more than the mark itself does: their PSNR hardly depends
on its strength. So the corrected mark is what says how visible it is, and the library's stands beside it.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from paragone.data import base as datasets
from paragone.engine.seeding import Stream, mix
from paragone.evaluation import invisible_mark
from paragone.evaluation.invisible_mark import Bits, Pixels
from paragone.evaluation.metrics.psnr import psnr
from paragone.evaluation.metrics.ssim import ssim
from paragone.evaluation.studies.base import Work
from paragone.project import paths

SIDE = 256  # pixels of a sheet, at least: what the library asks for
CORRECTED = "corrected"
DEFAULT = (CORRECTED, 36)  # the library's strength
KEYS = 50  # random payloads that each unmarked sheet is compared with


@dataclass(frozen=True, kw_only=True)
class Options:
    rows: tuple[str, ...] = ("dcgan", "vae", "ddpm")
    bits: int = 32  # of each sheet's mark
    rate: float = 0.01  # of unmarked sheets that may pass for marked
    sheets: int = 5  # of each run, and of real images, at most
    strengths: tuple[int, ...] = (24, 36, 72)  # of the corrected mark


def depends(work: Work) -> list[Path]:
    """The rows' samples and the real data."""
    runs = [run for row in work.options.rows for run in work.runs(row)]
    return [*dict.fromkeys(paths.prepared(run.dataset) for run in runs), *(run.samples for run in runs)]


def measure(work: Work) -> dict[str, Any]:
    """{threshold: {bits, n, ...}, datasets: {data set: {sheets: {"real" or row: [{method, strength, psnr, ssim,
    changes: {change: {accuracy, detected, whole, n}}}]}}}}: detected and whole count sheets."""
    _need_library()
    options: Options = work.options
    marks = [
        *((CORRECTED, s) for s in options.strengths),
        *((method, DEFAULT[1]) for method in ("dwtDctSvd", "dwtDct")),
    ]
    if DEFAULT not in marks:
        raise ValueError(
            f"profiles/{work.profile}.yaml: studies.watermark.strengths: {list(options.strengths)} lacks the "
            f"library's default, {DEFAULT[1]}; add it"
        )
    sheets = {dataset: _sheets(work, dataset) for dataset in work.datasets}
    sheets = {dataset: groups for dataset, groups in sheets.items() if len(groups) > 1}
    if not sheets:
        raise ValueError(f"{', '.join(options.rows)}: no run left samples; choose other rows for the study")
    threshold = _threshold([s for groups in sheets.values() for part in groups.values() for s in part], options)
    found: dict[str, Any] = {}
    given = 0  # payloads: no two sheets have the same
    for dataset, groups in sheets.items():
        found[dataset] = {"tile": _tile(groups["real"][0], work, dataset), "sheets": {}}
        for images, part in groups.items():
            keys = [payload(given + i, options.bits) for i in range(len(part))]
            given += len(part)
            figures = [_marked(part, keys, mark, threshold["bits"]) for mark in marks]
            found[dataset]["sheets"][images] = figures
    return {
        "library": "invisible-watermark 0.2.0",
        "rows": list(options.rows),
        "seeds": work.seeds,
        "bits": options.bits,
        "rate": options.rate,
        "default": list(DEFAULT),
        "changes": list(CHANGES),
        "threshold": threshold,
        "datasets": found,
    }


def _need_library() -> None:
    """Raises ValueError saying what to install. (Imported only here and where it is used: it brings OpenCV.)"""
    try:
        import imwatermark  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"the study 'watermark' needs the library invisible-watermark, which cannot be imported ({error}); "
            "run pip install 'paragone[studies]', and on a system without libGL.so.1 install that (libgl1)"
        ) from None


def _sheets(work: Work, dataset: str) -> dict[str, list[Pixels]]:
    """Sheets of real test images and of each row's samples."""
    options: Options = work.options
    test = datasets.load(work.root / paths.prepared(dataset), "test").images.numpy()
    found = {"real": sheets(test)[: options.sheets]}
    for row in options.rows:
        for run in work.runs(row):
            if run.dataset == dataset and (samples := np.load(work.root / run.samples)).size:
                found.setdefault(row, []).extend(sheets(samples)[: options.sheets])
    return found


def sheets(images: NDArray[np.uint8]) -> list[Pixels]:
    """As many full sheets as images (N,H,W,C) fill, each a square of tiles at least SIDE pixels wide, in RGB.

    Raises ValueError if they do not fill one.
    """
    n, h, w, c = images.shape
    across = -(-SIDE // min(h, w))
    if n < across**2:
        raise ValueError(f"{n} images of {h}x{w} do not fill a sheet of {across}x{across}; sample more")
    whole = images[: n // across**2 * across**2].reshape(-1, across, across, h, w, c)
    tiled = whole.transpose(0, 1, 3, 2, 4, 5).reshape(-1, across * h, across * w, c)
    return list(np.broadcast_to(tiled, (*tiled.shape[:3], 3)).copy())


def _tile(sheet: Pixels, work: Work, dataset: str) -> dict[str, int]:
    side = datasets.load(work.root / paths.prepared(dataset), "test").spec.shape[1]
    return {"side": side, "tiles": (sheet.shape[0] // side) ** 2, "sheet": sheet.shape[0]}


def payload(i: int, bits: int) -> Bits:
    """The random bits of sheet i."""
    return np.random.default_rng(mix(0, Stream.EVALUATE, i)).integers(0, 2, bits).astype(bool)


def embed(sheet: Pixels, bits: Bits, method: str, strength: int) -> Pixels:
    """The marked sheet."""
    if method == CORRECTED:
        return invisible_mark.embed(sheet, bits, strength)
    from imwatermark import WatermarkEncoder

    encoder = WatermarkEncoder()
    encoder.set_watermark("bits", bits.astype(int).tolist())
    bgr = np.ascontiguousarray(sheet[..., ::-1])
    marked: Pixels = encoder.encode(bgr, method, scales=[0, strength, 0])[..., ::-1].copy()
    return marked


def read(sheet: Pixels, bits: int, method: str, strength: int) -> Bits:
    """The bits that a sheet seems to carry, whether it was marked or not."""
    from imwatermark import WatermarkDecoder

    decoder = WatermarkDecoder("bits", bits)
    bgr = np.ascontiguousarray(sheet[..., ::-1])
    by = "dwtDctSvd" if method == CORRECTED else method
    return np.array(decoder.decode(bgr, by, scales=[0, strength, 0])).astype(bool)


def _jpeg(quality: int) -> Callable[[Pixels], Pixels]:
    def change(sheet: Pixels) -> Pixels:
        buffer = io.BytesIO()
        Image.fromarray(sheet).save(buffer, "JPEG", quality=quality)
        with Image.open(buffer) as image:
            return np.asarray(image)

    return change


def _resize(factor: float) -> Callable[[Pixels], Pixels]:
    def change(sheet: Pixels) -> Pixels:
        image = Image.fromarray(sheet)
        small = image.resize([round(factor * side) for side in image.size], Image.Resampling.BILINEAR)
        return np.asarray(small.resize(image.size, Image.Resampling.BILINEAR))

    return change


def _crop(kept: float, enlarge: bool) -> Callable[[Pixels], Pixels]:
    """The middle: `kept` of each side, enlarged again, or in its place with black around it."""

    def change(sheet: Pixels) -> Pixels:
        side = sheet.shape[0]
        edge = round((1 - kept) * side / 2)
        middle = sheet[edge : side - edge, edge : side - edge]
        if enlarge:
            return np.asarray(Image.fromarray(middle).resize((side, side), Image.Resampling.BILINEAR))
        return np.pad(middle, ((edge, edge), (edge, edge), (0, 0)))

    return change


def _noise(sigma: float) -> Callable[[Pixels], Pixels]:
    def change(sheet: Pixels) -> Pixels:
        noise = np.random.default_rng(int(sheet.sum())).normal(0, sigma, sheet.shape)  # other noise on another sheet
        return (sheet + noise).round().clip(0, 255).astype(np.uint8)

    return change


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "none": lambda sheet: sheet,
    **{f"jpeg {q}": _jpeg(q) for q in (95, 75, 50)},
    **{f"resize {f}": _resize(f) for f in (0.75, 0.5)},
    **{f"crop {k}": _crop(k, enlarge=True) for k in (0.9, 0.75)},
    "crop 0.75 in place": _crop(0.75, enlarge=False),
    **{f"noise {s}": _noise(s) for s in (2, 5, 10)},
}
"""What happens to a sheet on its way: JPEG quality; factor of resizing, and back; share of each side kept; standard
deviation of Gaussian noise in grey levels."""


def _threshold(unmarked: list[Pixels], options: Options) -> dict[str, Any]:
    """How many bits must be read right, from unmarked sheets; and the share of these that pass by other bits."""
    method, strength = DEFAULT
    read_bits = np.stack(
        [read(change(sheet), options.bits, method, strength) for sheet in unmarked for change in CHANGES.values()]
    )  # (n,bits)

    def matches(stream: int) -> NDArray[np.int64]:
        draw = np.random.default_rng(mix(stream, Stream.EVALUATE))
        keys = draw.integers(0, 2, (len(read_bits), KEYS, options.bits)).astype(bool)
        return (keys == read_bits[:, None]).sum(2).ravel()

    first, second = matches(1), matches(2)
    bits = next(b for b in range(options.bits // 2, options.bits + 2) if (first >= b).mean() <= options.rate)
    return {
        "bits": bits,
        "sheets": len(unmarked),
        "changes": len(CHANGES),
        "keys": KEYS,
        "n": len(first),
        "false_positives": float((second >= bits).mean()),
        "binomial": float(stats.binom.sf(bits - 1, options.bits, 0.5)),
    }


def _marked(unmarked: list[Pixels], keys: list[Bits], mark: tuple[str, int], threshold: int) -> dict[str, Any]:
    """What one kind of mark costs these sheets, and how the keys are read after each change."""
    (method, strength), bits = mark, len(keys[0])
    marked = [embed(sheet, key, method, strength) for sheet, key in zip(unmarked, keys, strict=True)]
    pair = [torch.from_numpy(np.stack(sheets)) for sheets in (unmarked, marked)]  # (n,H,W,3) each
    changes = {}
    for name, change in CHANGES.items():
        right = np.array(
            [(read(change(m), bits, method, strength) == k).sum() for m, k in zip(marked, keys, strict=True)]
        )
        changes[name] = {
            "accuracy": float(right.mean() / bits),
            "detected": int((right >= threshold).sum()),
            "whole": int((right == bits).sum()),
            "n": len(right),
        }
    return {
        "method": method,
        "strength": strength,
        "psnr": psnr(*pair).tolist(),
        "ssim": ssim(*pair).tolist(),
        "changes": changes,
    }

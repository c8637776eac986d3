"""Draw images from a finished model: of a run's folder, of one that `paragone export` wrote, or of a weights file.

It is also the loader that MLflow's python_function flavour names: `_load_pyfunc` and `FinishedModel.predict`.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from paragone.data.pixels import to_float
from paragone.engine import checkpoint, hardware, sampling
from paragone.engine.sampling import Images
from paragone.models.base import Model
from paragone.project import files

WEIGHTS = "model.safetensors"
BATCH = 250  # where nothing says at which batch the run was sampled


class ReuseError(ValueError):
    """There is no finished model to draw from, or nowhere to put what was asked for."""


class FinishedModel(NamedTuple):
    """A trained generator, and how its run was sampled."""

    network: Model
    metadata: dict[str, Any]  # outcome, precision, seed, recipe
    batch: int  # that of the run

    @property
    def classes(self) -> int:
        """How many labels it takes; 0 for a model that takes none."""
        return int(self.metadata["recipe"]["classes"]) if "label" in self.network.needs else 0

    @property
    def translates(self) -> bool:
        """Whether it turns source images into others, and so needs some."""
        return "source" in self.network.needs

    def sample(
        self,
        n: int,
        seed: int = 0,
        labels: Sequence[int] | None = None,
        batch: int = 0,
        progress: bool = False,
        sources: Images | None = None,
    ) -> Images:
        """n images, uint8 (n,H,W,C). The same n, seed, labels, sources and batch (0: the run's) give the same bits.

        labels: one per image, for a model that takes them; by default the classes in turn. sources: images to
        translate, uint8 (n,H,W,C), for a model that needs them. Raises ReuseError.
        """
        if n < 1 or seed < 0 or batch < 0:
            raise ReuseError(f"n is {n}, seed {seed}, batch {batch}; n must be at least 1, the others not negative")
        images, _ = sampling.sample(
            self.network,
            n,
            seed=seed,
            batch=min(batch or self.batch, n),
            device=hardware.device(),
            precision=self.metadata["precision"],
            cond=self.labels(n, labels),
            source=self.sources(n, sources),
            progress=progress,
        )
        return images

    def sources(self, n: int, given: Images | None = None) -> torch.Tensor | None:
        """The source images (n,C,H,W) in [-1,1] that n images are translated from, None for a model that takes none.
        Raises ReuseError."""
        title = self.network.title
        if not self.translates:
            if given is not None:
                raise ReuseError(f"{title} takes no source images; leave them out")
            return None
        c, h, w = self.metadata["recipe"]["shape"]
        if given is None:
            raise ReuseError(f"{title} translates images; give {n} source images (uint8, {h}x{w}x{c})")
        if given.dtype != np.uint8 or given.shape != (n, h, w, c):
            found = "x".join(map(str, given.shape))
            raise ReuseError(f"source images are {found} {given.dtype}; {title} translates {n}x{h}x{w}x{c} uint8")
        return to_float(torch.from_numpy(np.array(given)))

    def labels(self, n: int, given: Sequence[int] | None = None) -> torch.Tensor | None:
        """The labels (n,) int64 that n images are drawn with, None for a model that takes none. Raises ReuseError."""
        if not self.classes:
            if given is not None:
                raise ReuseError(f"{self.network.title} takes no labels; leave them out")
            return None
        chosen = torch.arange(n) % self.classes if given is None else torch.tensor(list(given), dtype=torch.int64)
        if len(chosen) != n:
            raise ReuseError(f"{len(chosen)} labels for {n} images; give {n}, each from 0 to {self.classes - 1}")
        if unknown := [label for label in chosen.tolist() if not 0 <= label < self.classes]:
            title, last = self.network.title, self.classes - 1
            raise ReuseError(f"there is no class {unknown[0]}; {title} was trained on the classes 0 to {last}")
        return chosen

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> Images:
        """MLflow's way in: a table with a column `n` (images, summed over rows) or, for a model that takes labels,
        `label` (one image per row); params: `seed`. Images uint8 (n,H,W,C). A model that translates is called through
        `sample`, since a table holds no images."""
        table = pd.DataFrame(model_input)
        seed = int((params or {}).get("seed", 0))
        if self.classes and "label" in table:
            return self.sample(len(table), seed, [int(label) for label in table["label"]])
        if "n" not in table:
            raise ReuseError(f"the input has the columns {list(table)}; give 'n'{' or labels' * bool(self.classes)}")
        return self.sample(int(table["n"].sum()), seed)


def load(path: Path | str) -> FinishedModel:
    """The model of a run's folder, of an exported folder, or of a .safetensors file.

    Raises ReuseError for a run that is missing, failed, diverged or not trained yet, checkpoint.CheckpointError for a
    file that is not whole.
    """
    path = Path(path)
    folder = path.parent if path.suffix == ".safetensors" else path
    weights = path if path.suffix == ".safetensors" else path / WEIGHTS
    _check_present(folder, weights)
    network, metadata = checkpoint.load_model(weights)
    if metadata.get("outcome") not in ("finished", "diverged") or metadata.get("precision") not in ("fp32", "bf16"):
        raise checkpoint.CheckpointError(f"{weights}: does not say how its training ended; get the file again")
    if metadata["outcome"] != "finished":
        raise ReuseError(f"{folder}: its training diverged ({metadata.get('reason')}); choose a run that finished")
    return FinishedModel(network, metadata, _batch(folder))


def _check_present(folder: Path, weights: Path) -> None:
    if not folder.is_dir():
        raise ReuseError(f"{folder}: no such run; give a folder like runs/quick/mnist-5k/dcgan/0")
    if (note := folder / "failure.json").exists():
        failure = _read(note)
        raise ReuseError(f"{folder}: its stage {failure.get('stage')} failed ({failure.get('reason')}); run it again")
    if not weights.exists():
        raise ReuseError(
            f"{folder}: holds no {weights.name}, so it is not trained yet; run it (make demo), or dvc pull"
        )


def _batch(folder: Path) -> int:
    for name in ("sampling.json", "config.json"):
        if (folder / name).exists():
            batch = _read(folder / name).get("batch")
            if type(batch) is not int or not 0 <= batch < 2**31:
                raise checkpoint.CheckpointError(
                    f"{folder / name}: its batch is {batch!r}, and no number of images; get it again"
                )
            return batch or BATCH
    return BATCH


def _read(file: Path) -> dict[str, Any]:
    found = files.read_json(file)
    if not isinstance(found, dict):
        raise checkpoint.CheckpointError(f"{file}: holds a {type(found).__name__} in place of an object; get it again")
    return found


def draw(run: Path, n: int, seed: int, labels: Sequence[int] | None, folder: Path, sources: Path | None = None) -> None:
    """Write n images of a run into a new folder: 00000.png and so on, wall.png, and labels.csv where it takes labels.

    sources: a .npy file of images, as data/prepared/<name>/test/sources.npy, the first n of which a model that
    translates is given. Raises ReuseError.
    """
    model = load(run)
    check_free(folder)
    cond = model.labels(n, labels)
    given = None if sources is None else _read_sources(sources, n)
    images = model.sample(n, seed, labels, progress=True, sources=given)
    names = [f"{i:0{max(5, len(str(n - 1)))}}.png" for i in range(n)]
    with new_folder(folder) as partial:
        for name, image in zip(names, images, strict=True):
            sampling.sample_grid(image[np.newaxis], columns=1).save(partial / name)
        if cond is not None:
            pd.DataFrame({"file": names, "label": cond.numpy()}).to_csv(partial / "labels.csv", index=False)
        sampling.sample_grid(images).save(partial / "wall.png")
    print(f"{n} images of {run} with seed {seed}: {folder}")


def _read_sources(file: Path, n: int) -> Images:
    try:
        images: Images = np.load(file, mmap_mode="r", allow_pickle=False)[:n]
    except (OSError, ValueError, EOFError, IndexError) as error:
        raise ReuseError(f"{file}: not a .npy file of images ({error}); give one like sources.npy") from None
    if len(images) < n:
        raise ReuseError(f"{file}: holds {len(images)} images, fewer than the {n} to translate; ask for fewer (--n)")
    return images


def parse_labels(text: str) -> list[int] | None:
    """Class numbers from text like 3,3,7; None for no text. Raises ReuseError."""
    try:
        return [int(part) for part in text.split(",")] if text else None
    except ValueError:
        raise ReuseError(f"labels '{text}': not class numbers; write them as 3,3,7") from None


def folder_name(run: str, seed: int) -> Path:
    """Where the images of a run are written unless a folder is named."""
    return Path("drawn") / f"{'-'.join(Path(run).resolve().parts[-4:])}-seed{seed}"


def check_free(folder: Path) -> None:
    """Raises ReuseError unless `folder` can be written to without touching anything that is there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReuseError(f"{folder}: is there already and not an empty folder; choose another, or remove it")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`, which takes its place once whole; a failure leaves neither."""
    check_free(folder)
    partial = folder.with_name(f".tmp-{os.getpid()}-{folder.name}")
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _load_pyfunc(path: str) -> FinishedModel:
    return load(Path(path))

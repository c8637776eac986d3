"""The batches of a training: in which order images come, and what a model is given of them."""

import torch
from torch import Tensor

from paragone.data.base import ImageSet
from paragone.data.pixels import binarised, to_float
from paragone.engine.seeding import Stream, generator
from paragone.models.base import Batch


class Order:
    """The order of the data: epoch e is the permutation seeded from (seed, e); an incomplete last batch is dropped."""

    def __init__(self, n: int, batch: int, seed: int, stream: Stream = Stream.ORDER, of: Tensor | None = None) -> None:
        if n < batch:
            raise ValueError(f"the training set has {n} images, fewer than one batch of {batch}; lower plan.batch")
        self.n, self.batch, self.seed, self.stream = n, batch, seed, stream
        self.of = torch.arange(n) if of is None else of  # the images that there are
        self.device = torch.device("cpu")  # where indices are wanted
        self.epoch, self.permutation = -1, torch.empty(0, dtype=torch.int64)

    def __call__(self, step: int) -> Tensor:
        """The indices of the (global) batch of a step."""
        epoch, i = divmod(step, self.n // self.batch)
        if epoch != self.epoch:
            drawn = torch.randperm(self.n, generator=generator(self.seed, self.stream, epoch))
            self.permutation, self.epoch = self.of[drawn].to(self.device), epoch
        return self.permutation[i * self.batch : (i + 1) * self.batch]


def draw(
    data: ImageSet, index: Tensor, needs: frozenset[str], device: torch.device, source_index: Tensor | None = None
) -> Batch:
    """The batch of these images: `image` (B,C,H,W) in [-1,1] as a channels-last view; if needed `label` (B,), and
    `source`, like `image`: those of the same index, or of source_index in an unpaired set. The images of a set that is
    binarised dynamically are drawn here, from torch's default generator."""
    levels = _chosen(data.images, index, device)
    batch = {"image": to_float(binarised(levels) if data.dynamic else levels)}
    if "label" in needs:
        if data.labels is None:
            raise ValueError("the model needs labels and the data set has none; choose a data set with labels")
        batch["label"] = data.labels[index.to(data.labels.device)].to(device)
    if "source" in needs:
        if data.sources is None:
            raise ValueError("the model needs source images and the data set has none; choose a set of pairs")
        batch["source"] = to_float(_chosen(data.sources, index if source_index is None else source_index, device))
    return batch


def _chosen(images: Tensor, index: Tensor, device: torch.device) -> Tensor:
    return images[index.to(images.device)].to(device)


def resident(data: ImageSet, device: torch.device) -> ImageSet:
    """The set on the device where it fits in half of its free memory; on a CPU, as it is."""
    parts = (data.images, data.labels, data.sources)
    size = sum(part.nbytes for part in parts if part is not None)
    if device.type == "cuda" and size < torch.cuda.mem_get_info(device)[0] / 2:
        images, labels, sources = (None if part is None else part.to(device) for part in parts)
        assert images is not None
        return data._replace(images=images, labels=labels, sources=sources)
    return data

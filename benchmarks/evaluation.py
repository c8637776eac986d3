"""Evaluation: Paragone's feature extraction and metrics against torch-fidelity, with the same extractor.

https://github.com/toshas/torch-fidelity: `calculate_metrics` with EfficientNet-Lite0 registered as a feature extractor.
Both sides extract features of equally many real images and fakes. Both compute the Fréchet distance, the kernel
distance over the full sets, and precision and recall with k = 5. Ours also computes density, coverage and the standard
errors of both distances. The values have to agree. torch-fidelity calls the extractor as a plain PyTorch module, like
any other; Paragone runs it as its evaluation does.
"""

import tempfile
from typing import Any

import digits
import harness
import torch
from torch import Tensor
from torch.utils.data import Dataset

from paragone.data.torchvision_compat import import_torchvision
from paragone.evaluation import protocol, spaces
from paragone.evaluation.extractors import lite0
from paragone.evaluation.metrics.base import Embedded, Statistics
from paragone.evaluation.metrics.prdc import K

import_torchvision()  # torch-fidelity imports it
import torch_fidelity  # noqa: E402
from torch_fidelity.feature_extractor_base import FeatureExtractorBase  # noqa: E402

N = 2000  # images per side
NOISE = 4  # grey levels, standard deviation
ROOT = harness.HERE.parent
AGREE = 1e-3  # relative
NAMES = {  # ours: torch-fidelity's
    "fd": "frechet_inception_distance",
    "kid": "kernel_inception_distance_mean",
    "precision": "precision",
    "recall": "recall",
}


class Lite0(FeatureExtractorBase):
    """Our extractor behind torch-fidelity's interface: uint8 (B,3,H,W) to a tuple of features."""

    def __init__(self, name: str, features_list: list[str], **_: Any) -> None:
        super().__init__(name, features_list)
        self.net = lite0.load(ROOT, "")

    @staticmethod
    def get_provided_features_list() -> tuple[str]:
        return ("pooled",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "pooled"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, input: Tensor) -> tuple[Tensor]:
        return (self.net(input.float())[0],)


class Images(Dataset[Tensor]):
    """uint8 images (N,H,W,1), handed out one by one as (3,H,W), as torch-fidelity expects."""

    def __init__(self, images: Tensor) -> None:
        self.images = images.permute(0, 3, 1, 2)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        return self.images[i].expand(3, -1, -1).contiguous()


def real_and_fake() -> tuple[Tensor, Tensor]:
    """N digits, and N other digits under faint noise; each (N,32,32,1) uint8."""
    images = digits.padded()
    other = images[N : 2 * N].float()
    noise = torch.randn(other.shape, generator=torch.Generator().manual_seed(0))
    return images[:N], (other + NOISE * noise).clamp(0, 255).round().to(torch.uint8)


def peer(real: Tensor, fake: Tensor, values: dict[str, float], **options: Any) -> harness.Slice:
    """A slice is one call of calculate_metrics; the metrics go into `values`."""

    def work() -> int:
        found = torch_fidelity.calculate_metrics(
            input1=Images(fake), input2=Images(real), cuda=False, fid=True, kid=True, prc=True,
            feature_extractor="paragone-lite0", verbose=False, **options,
        )  # fmt: skip
        values.update(found)
        return 2 * N

    return work


def ours(real: Tensor, fake: Tensor, values: dict[str, float], keep: bool) -> harness.Slice:
    """A slice is one evaluation. With `keep`, the statistics of the real images are computed only once."""
    extractor, cpu = lite0.load(ROOT, ""), torch.device("cpu")

    def reference() -> tuple[Statistics, Tensor]:
        features = extractor.extract(real, cpu).values
        return Statistics.of(features), features

    known, features = reference()
    prepared = spaces.prepare(features, N)
    kept = known.factored()

    def work() -> int:
        seen = extractor.extract(fake, cpu).values
        view = Embedded(kept, features, seen, prepared) if keep else Embedded(*reference(), seen)
        values.update(protocol.measure(view))
        return 2 * N

    return work


def agreement(mine: dict[str, float], theirs: dict[str, float]) -> dict[str, dict[str, float]]:
    """The values of both sides. Raises RuntimeError where they differ."""
    for name, other in NAMES.items():
        if abs(mine[name] - theirs[other]) > AGREE * abs(theirs[other]):
            raise RuntimeError(f"{name} is {mine[name]} here and {theirs[other]} in torch-fidelity")
    return {name: {"ours": mine[name], "peer": theirs[other]} for name, other in NAMES.items()}


def measure(rounds: int) -> dict[str, Any]:
    torch_fidelity.register_feature_extractor("paragone-lite0", Lite0)
    images = real_and_fake()
    mine: dict[str, float] = {}
    theirs: dict[str, float] = {}
    equal = {"kid_subsets": 1, "kid_subset_size": N, "prc_neighborhood": K}
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "ours": ours(*images, mine, keep=False),
            "torch-fidelity": peer(*images, theirs, **equal),
            "ours, kept": ours(*images, {}, keep=True),
            "torch-fidelity, kept": peer(*images, {}, **equal, input2_cache_name="real", cache_root=folder),
            "torch-fidelity, defaults": peer(*images, {}),
        }
        timings = harness.interleave(sides, rounds)
    pairs = [
        harness.Pair("ours", "torch-fidelity", "equal work, starting from images alone", 1.5),
        harness.Pair("ours, kept", "torch-fidelity, kept", "equal work, each side's cache of the real images kept"),
        harness.Pair(
            "ours", "torch-fidelity, defaults", "torch-fidelity's defaults: kernel distance over 100 subsets of 1,000"
        ),
    ]
    return {
        "title": "Evaluation",
        "peer": "torch-fidelity",
        "setting": f"{N} real images and {N} fakes; EfficientNet-Lite0 at 64 px, the same module on both sides. Both "
        "compute the Fréchet distance, the kernel distance over the full sets, and precision and recall "
        f"(k = {K}). Ours also computes density, coverage and the standard errors of both distances",
        "versions": harness.versions("torch-fidelity"),
        "values": agreement(mine, theirs),
        **harness.summarise(timings, pairs),
    }


if __name__ == "__main__":
    harness.main(measure)

"""torch-fidelity, given the same two folders and the same feature space, finds the same FD, KID and precision."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch_fidelity
from PIL import Image
from torch import Tensor

from paragone.data import guests
from paragone.data.base import ImageSet, Pixels
from paragone.evaluation import protocol
from paragone.evaluation.metrics.prdc import K
from paragone.models.base import Spec
from support import square_images

N = 200  # as many real images as fakes: KID of both takes all of them then
FACTS = {"name": "squares", "shape": [1, 32, 32], "classes": 0, "upstream_size": [32, 32], "altered": ""}


class Lite0(torch_fidelity.FeatureExtractorBase):
    """Our feature space as torch-fidelity calls one: uint8 RGB images (B,3,H,W) in, a tuple of features out."""

    space = protocol.load_extractors(Path(), "", ["lite0"])

    def __init__(self, name: str, features: list[str], **settings: object) -> None:
        super().__init__(name, features)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("lite0",)

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        (extractor,) = self.space.values()
        return (extractor.extract(x.permute(0, 2, 3, 1).contiguous(), x.device).values,)


def write(folder: Path, images: Pixels) -> Path:
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(folder / f"{i:03}.png")
    return folder


@pytest.mark.slow
def test_a_guests_folder_scores_as_torch_fidelity_scores_it(tmp_path: Path) -> None:
    real, test = (square_images.squares(split, n, False).images for split, n in (("train", N), ("test", 60)))
    fakes = square_images.squares("fake", N + 1, False).images[:N]
    fakes = np.clip(fakes.astype(int) + np.random.default_rng(0).integers(0, 60, fakes.shape), 0, 255).astype(np.uint8)
    folder = write(tmp_path / "samples", fakes)
    sets = [ImageSet(torch.from_numpy(images), None, Spec((1, 32, 32), 0)) for images in (real, test)]
    cpu = torch.device("cpu")
    reference = protocol.build(Lite0.space, *sets, N, cpu)
    brought = torch.from_numpy(guests.read(folder, FACTS).images)
    (ours,) = protocol.evaluate(brought, reference, Lite0.space, cpu)["spaces"].values()
    torch_fidelity.register_feature_extractor("lite0", Lite0)
    layer = {f"feature_layer_{metric}": "lite0" for metric in ("fid", "kid", "prc")}
    theirs = torch_fidelity.calculate_metrics(
        input1=str(folder), input2=str(write(tmp_path / "real", real)), cuda=False, fid=True, kid=True, prc=True,
        feature_extractor="lite0", **layer, kid_subsets=1, kid_subset_size=N, prc_neighborhood=K, cache=False,
        verbose=False, save_cpu_ram=True,
    )  # fmt: skip
    assert ours["fd"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-3)
    assert ours["kid"] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)
    assert ours["precision"] == pytest.approx(theirs["precision"], abs=1e-3)
    assert 0 < ours["precision"] < 1

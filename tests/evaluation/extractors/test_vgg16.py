"""VGG16: its stages against convolutions written out, its weights file, and the distance that a VQGAN takes from it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from paragone.evaluation.extractors import vgg16
from paragone.evaluation.extractors.base import FeatureNetwork
from paragone.models.vq.vqgan import perceptual_distance

CPU = torch.device("cpu")
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # in torchvision's numbers; 4, 9, 16, 23, 30: halvings
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
LAST = (2, 7, 14, 21, 28)  # of each stage


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Random weights in the file's layout, which keep a signal's size."""
    generator = torch.Generator().manual_seed(0)
    found, channels = {"classifier.0.bias": torch.zeros(4096)}, 3
    for number, width in zip(CONVOLUTIONS, WIDTHS, strict=True):
        kernel = torch.randn(width, channels, 3, 3, generator=generator) * (2 / (9 * channels)) ** 0.5
        found |= {f"features.{number}.weight": kernel, f"features.{number}.bias": 0.1 * torch.ones(width)}
        channels = width
    return found


def test_the_stages_are_those_of_column_d(weights: dict[str, Tensor]) -> None:
    images = torch.randint(256, (2, 32, 16, 1), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    norm = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    x = (images.permute(0, 3, 1, 2).float().expand(-1, 3, -1, -1) / 255 - norm[0]) / norm[1]
    expected = []
    for number in range(29):
        if number in CONVOLUTIONS:
            x = conv2d(x, weights[f"features.{number}.weight"], weights[f"features.{number}.bias"], padding=1).relu()
            if number in LAST:
                expected.append(x)
        elif number in (4, 9, 16, 23):
            x = max_pool2d(x, 2)
    network = vgg16.VGG16(weights)
    found = network.maps(images.permute(0, 3, 1, 2).float())
    assert [tuple(stage.shape[1:]) for stage in found] == [
        (64, 32, 16), (128, 16, 8), (256, 8, 4), (512, 4, 2), (512, 2, 1)
    ]  # fmt: skip
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(network.extract(images, CPU).values, expected[-1].mean((2, 3)), atol=1e-4, rtol=1e-4)


def test_it_is_a_perceptual_distance_with_a_gradient_and_builds_again_from_its_recipe(
    weights: dict[str, Tensor],
) -> None:
    network = vgg16.VGG16(weights)
    features = network.feature_network()
    x, y = (torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(i)) * 2 - 1 for i in (0, 1))
    y.requires_grad_()
    distance = perceptual_distance(features, x, y)
    distance.backward()
    assert distance.item() > 0
    assert y.grad is not None
    assert y.grad.abs().sum() > 0
    again = vgg16.build(network.recipe)
    assert isinstance(again, FeatureNetwork)
    again.load_state_dict(features.state_dict())
    assert torch.equal(perceptual_distance(again, x, y), distance)


def test_images_that_cannot_be_halved_four_times_are_refused(weights: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match="VGG16 takes images of at least 16 x 16, not 8 x 16"):
        vgg16.VGG16(weights).maps(torch.zeros(1, 3, 8, 16))


def test_a_missing_file_and_another_one_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(vgg16.VARIABLE, raising=False)
    with pytest.raises(
        ValueError, match=r"vgg16-397923af\.pth: weights file not found; put .* its path in PARAGONE_VGG"
    ):
        vgg16.load(tmp_path, "any")
    file = tmp_path / "vgg19.pth"
    file.write_bytes(b"other weights")
    monkeypatch.setenv(vgg16.VARIABLE, str(file))
    with pytest.raises(ValueError, match=r"vgg19\.pth: not the expected weights file .* begins with 397923af"):
        vgg16.load(tmp_path, "any")

"""The Inception network against torch-fidelity's, on random weights of the real file's layout."""

from pathlib import Path

import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from paragone.evaluation.extractors import inception

CPU = torch.device("cpu")


class _Layout(FeatureExtractorInceptionV3):
    """The network as it is built, before any weights file: for its names and shapes."""

    def load_state_dict(self, *args: object, **kwargs: object) -> None:
        pass


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> FeatureExtractorInceptionV3:
    """torch-fidelity's network with random weights."""
    file = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save({}, file)
    layout = _Layout("layout", ["2048"], feature_extractor_weights_path=str(file)).state_dict()
    torch.save(_random(layout), file)
    layers = ["2048", "logits_unbiased"]
    return FeatureExtractorInceptionV3("random", layers, feature_extractor_weights_path=str(file))


def _random(layout: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Batch norms away from the identity, activations neither dying nor exploding."""
    draw = torch.Generator().manual_seed(0)
    weights = {}
    for key, value in layout.items():
        noise = torch.randn(value.shape, generator=draw)
        if key.endswith("conv.weight"):
            weights[key] = noise * (2 / value[0].numel()) ** 0.5
        elif key.endswith(("bn.weight", "running_var")):
            weights[key] = 1 + 0.2 * noise.abs()
        elif key.endswith("num_batches_tracked"):
            weights[key] = value
        else:
            weights[key] = 0.1 * noise
    return weights


@pytest.fixture(scope="module")
def weights(oracle: FeatureExtractorInceptionV3) -> dict[str, torch.Tensor]:
    return dict(oracle.state_dict())


def test_layout_is_the_real_files(weights: dict[str, torch.Tensor]) -> None:
    assert len(weights) == 566
    assert weights["fc.weight"].shape == (1008, 2048)


@pytest.mark.parametrize("shape", [(32, 32), (40, 64), (299, 299), (320, 301)])
def test_resizes_bit_for_bit_as_tensorflow_1(shape: tuple[int, int]) -> None:
    x = torch.randint(0, 256, (2, 3, *shape), generator=torch.Generator().manual_seed(0)).float()
    expected = interpolate_bilinear_2d_like_tensorflow1x(x, size=(299, 299), align_corners=False)
    assert torch.equal(inception.resize(x), expected)


def test_features_and_logits_equal_torch_fidelitys(
    oracle: FeatureExtractorInceptionV3, weights: dict[str, torch.Tensor]
) -> None:
    images = torch.randint(0, 256, (2, 32, 32, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    expected, logits = oracle(images.permute(0, 3, 1, 2))
    found = inception.Inception(weights).extract(images, CPU)
    assert found.logits is not None
    assert expected.std() > 1e-3  # the comparison says something
    assert (expected[0] - expected[1]).abs().max() > 1e-3
    assert torch.allclose(found.values, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert torch.allclose(found.logits, logits, rtol=1e-3, atol=1e-4 * float(logits.abs().max()))


def test_a_missing_file_says_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(inception.VARIABLE, raising=False)
    with pytest.raises(ValueError, match=r"data/weights/pt_inception.*not found; put .* its path in PARAGONE_INC"):
        inception.load(tmp_path, "any")


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "torchvision-inception.pth"
    file.write_bytes(b"other weights")
    monkeypatch.setenv(inception.VARIABLE, str(file))
    with pytest.raises(ValueError, match=r"torchvision-inception\.pth: not the expected weights file"):
        inception.load(tmp_path, "any")

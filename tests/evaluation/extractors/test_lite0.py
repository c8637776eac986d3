"""EfficientNet-Lite0: knows photographs, repeats known features, and refuses other weights."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from skimage import data

from paragone.evaluation.extractors import base, lite0

CPU = torch.device("cpu")
MEANS = [1.144282, 1.378965, 0.793442, 0.904453, 0.571946, 1.468613]  # over the features of each photograph
COLUMN_40 = [0.0, 1.832876, 1.004933, 4.270039, 1.638562, 0.388557]


@pytest.fixture(scope="module")
def network() -> lite0.Lite0:
    return lite0.load(Path(), "any")


@pytest.fixture(scope="module")
def photographs() -> torch.Tensor:
    """Six photographs at 48 pixels, (6,48,48,3)."""
    names = ("chelsea", "coffee", "rocket", "astronaut", "retina", "immunohistochemistry")
    squares = [torch.from_numpy(getattr(data, name)().copy())[:300, :300, :3].permute(2, 0, 1)[None] for name in names]
    small = [torch.nn.functional.interpolate(x.float(), 48, mode="area") for x in squares]
    return torch.cat(small).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@pytest.mark.parametrize(("photograph", "classes"), [("chelsea", range(281, 286)), ("coffee", (967, 968))])
def test_recognises_photographs_at_the_size_it_was_trained_on(photograph: str, classes: range) -> None:
    """Weights, folding, padding and preprocessing are all right, or a cat would not be a cat."""
    package = find_spec(lite0.PACKAGE)
    assert package
    assert package.submodule_search_locations
    state = torch.load(Path(package.submodule_search_locations[0], lite0.FILE), weights_only=True)
    image = torch.from_numpy(getattr(data, photograph)().copy()).permute(2, 0, 1)[None].float()
    side = min(image.shape[2:])
    best = lite0.Lite0(state, size=224).classify(image[..., :side, :side]).topk(2).indices[0].tolist()
    assert set(best) <= set(classes)


def test_features_are_those_of_its_version(network: lite0.Lite0, photographs: torch.Tensor) -> None:
    """A change of these figures is a change of every score: raise Lite0.version and state them anew."""
    features = network.extract(photographs, CPU).values
    assert network.version == 1
    assert features.shape == (6, network.dim)
    assert features.dtype == torch.float32
    assert features.mean(1).tolist() == pytest.approx(MEANS, rel=1e-4)
    assert features[:, 40].tolist() == pytest.approx(COLUMN_40, rel=1e-3, abs=1e-5)


def test_batches_do_not_matter(network: lite0.Lite0, photographs: torch.Tensor) -> None:
    whole = network.extract(photographs, CPU).values
    assert torch.allclose(network.extract(photographs, CPU, batch=4).values, whole, atol=1e-5)


def test_grey_images_are_their_rgb(network: lite0.Lite0, photographs: torch.Tensor) -> None:
    grey = photographs[..., :1]
    tiled = grey.expand(-1, -1, -1, 3).contiguous()
    assert torch.allclose(network.extract(grey, CPU).values, network.extract(tiled, CPU).values, atol=1e-5)


def test_an_enlarged_image_is_not_antialiased(network: lite0.Lite0, photographs: torch.Tensor) -> None:
    x = photographs.permute(0, 3, 1, 2).float()
    plain = torch.nn.functional.interpolate(x, (64, 64), mode="bilinear", align_corners=False)
    assert torch.allclose(network(x)[0], network(plain)[0], atol=1e-4)


def test_the_hash_names_what_features_depend_on(network: lite0.Lite0) -> None:
    other = lite0.load(Path(), "another")
    assert other.hash == network.hash
    other.preprocessing = "x"
    assert other.hash != network.hash
    assert (network.name, network.distance) == ("lite0-64", "FD-Lite0")


def test_another_weights_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    with pytest.raises(ValueError, match=r"w\.pth: weights file not found; get it"):
        base.read_weights(file, lite0.SHA256, "get it")
    file.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"w\.pth: not the expected weights file \(SHA-256 is [0-9a-f]{64}, not 5793"):
        base.read_weights(file, lite0.SHA256, "get it")

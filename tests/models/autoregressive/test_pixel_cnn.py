"""PixelCNN: the exact likelihood of 8-bit images, with and without labels."""

import math

import pytest
import torch

from paragone.models.autoregressive.pixel_cnn import PixelCNN
from paragone.models.base import Progress, Spec

X = torch.randint(256, (3, 3, 6, 6), generator=torch.Generator().manual_seed(0)) / 127.5 - 1
LABELS = torch.tensor([0, 1, 1])


def build(*, classes: int = 2, **config: object) -> PixelCNN:
    torch.manual_seed(0)
    config = {"width": 6, "layers": 2, "kernel": 3, **config}
    return PixelCNN(PixelCNN.Config(**config), Spec((3, 6, 6), classes))  # type: ignore[arg-type]


def test_the_loss_is_bits_per_dimension_of_the_levels() -> None:
    model = build()
    log_p = model.log_likelihood(X)
    logits = model.net(((X + 1) * 127.5).round().long())  # (3,3,256,6,6)
    levels = ((X + 1) * 127.5).round().long()
    expected = logits.log_softmax(2).gather(2, levels[:, :, None]).sum((1, 2, 3, 4))
    torch.testing.assert_close(log_p, expected)
    (update,) = model.losses({"image": X}, Progress(0))
    assert update.loss.item() == pytest.approx(-log_p.detach().mean().item() / (108 * math.log(2)), rel=1e-5)


def test_the_class_decides_where_the_model_is_conditional() -> None:
    model = build(conditional=True)
    assert "label" in model.needs
    assert not torch.equal(model.log_likelihood(X, LABELS), model.log_likelihood(X, 1 - LABELS))
    (update,) = model.losses({"image": X, "label": LABELS}, Progress(0))
    update.loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    images = model.sample(3, LABELS)
    assert images.shape == X.shape
    assert images.abs().max() <= 1
    with pytest.raises(ValueError, match="there is no class 7"):
        model.sample(3, torch.tensor([0, 1, 7]))


def test_without_labels_it_needs_none() -> None:
    assert build().needs == {"image"}
    with pytest.raises(ValueError, match="the data set has no labels"):
        build(conditional=True, classes=0)


def test_the_defaults_are_those_of_section_3_2() -> None:
    cfg = PixelCNN.Config()
    assert (cfg.layers, cfg.width, cfg.kernel) == (20, 384, 5)
    assert PixelCNN.plan.steps == 200_000

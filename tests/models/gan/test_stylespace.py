"""StyleSpace: its samples are its parent's, and a channel is what the paper says it is."""

import pytest
import torch

from paragone.models.base import Spec
from paragone.models.gan.dcgan import DCGAN
from paragone.models.gan.stylegan2 import StyleGAN2
from paragone.models.gan.stylespace import StyleSpace

SPEC = Spec((3, 16, 16))


def parent(**config: object) -> StyleGAN2:
    torch.manual_seed(0)
    small = {"z_dim": 8, "w_dim": 8, "depth": 2, "width": 64, "max_width": 8, **config}
    return StyleGAN2(StyleGAN2.Config(**small), SPEC).eval()  # type: ignore[arg-type]


def test_samples_are_the_parents_to_the_bit() -> None:
    model = StyleSpace(StyleSpace.Config(), SPEC, parent())
    draws = []
    for each in (model, model.stylegan2):
        torch.manual_seed(1)
        draws.append(each.sample(3))
    assert torch.equal(*draws)
    assert not model.optimizers()


def test_truncation_pulls_the_styles_together() -> None:
    whole, none = (StyleSpace(StyleSpace.Config(truncation=psi), SPEC, parent()) for psi in (1.0, 0.0))
    assert whole.latents(8)[0].std(0).mean() > 0.01
    assert none.latents(8)[0].std(0).max() < 1e-5


def test_a_channel_scales_one_input_of_one_convolution() -> None:
    """Moving it equals scaling the weights of that input, demodulation included."""
    model = StyleSpace(StyleSpace.Config(), SPEC, parent())
    s, noise = model.latents(1)
    layer, channel = 2, 3
    moved = s.clone()
    moved[:, sum(model.sizes[:layer]) + channel] *= 1.7
    found = model.decode((moved, noise))
    conv = model.stylegan2.synthesis.convs[layer].conv
    conv.weight.data[:, channel] *= 1.7  # type: ignore[union-attr, index]
    torch.testing.assert_close(found, model.decode((s, noise)), rtol=1e-4, atol=1e-5)


def test_another_parent_is_refused() -> None:
    with pytest.raises(ValueError, match="is a StyleGAN2's and its parent is a DCGAN; name a StyleGAN2 row"):
        StyleSpace(StyleSpace.Config(), SPEC, DCGAN(DCGAN.Config(width=4), SPEC))
    with pytest.raises(ValueError, match=r"truncation is 2\.0; it must lie in"):
        StyleSpace.Config(truncation=2.0)

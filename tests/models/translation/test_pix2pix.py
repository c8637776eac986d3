import pytest
import torch
from torch import nn
from torch.nn import functional

from paragone.models.base import Progress, Spec
from paragone.models.translation.pix2pix import Pix2Pix, UNet

SPEC = Spec((3, 16, 16))


def build(**config) -> Pix2Pix:
    torch.manual_seed(0)
    return Pix2Pix(Pix2Pix.Config(width=4, strided=1, **config), SPEC)


def batch(n: int = 4) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {key: torch.rand(n, *SPEC.shape, generator=draw) * 2 - 1 for key in ("image", "source")}


def test_losses_are_those_of_an_independent_computation():
    model, data = build(), batch()
    x, y = data["source"], data["image"]
    torch.manual_seed(5)
    fake = torch.tanh(model.G(x)).detach()
    torch.manual_seed(5)
    d, g = model.losses(data, Progress(0))
    real, made = (torch.sigmoid(model.D(torch.cat([x, other], 1))) for other in (y, fake))
    assert d.loss.item() == pytest.approx(-(real.log().mean() + (1 - made).log().mean()).item() / 2, rel=1e-5)
    l1 = (y - fake).abs().mean()
    assert g.loss.item() == pytest.approx((-made.log().mean() + 100 * l1).item(), rel=1e-5)
    assert g.logs["l1"].item() == pytest.approx(l1.item(), rel=1e-5)
    assert (d.optimizer, g.optimizer, d.drawn, g.drawn) == ("discriminator", "generator", 4, 0)


def test_the_generator_is_trained_through_the_updated_discriminator():
    model, data = build(), batch()
    updates = model.losses(data, Progress(0))
    next(updates)
    nn.init.zeros_(model.D.layers[-1].weight)
    nn.init.zeros_(model.D.layers[-1].bias)
    assert next(updates).logs["game"].item() == pytest.approx(0.6931, abs=1e-4)  # -log 1/2


def test_dropout_is_the_noise_in_use_too():
    model, x = build().eval(), batch()["source"]
    torch.manual_seed(0)
    first, other = model.translate(x), model.translate(x)
    torch.manual_seed(0)
    assert torch.equal(first, model.translate(x))
    assert not torch.equal(first, other)
    still = build(dropout=0.0).eval()
    assert torch.equal(still.translate(x), still.translate(x))


def test_statistics_are_those_of_the_batch_in_use_too():
    model, x = build(dropout=0.0), batch()["source"]
    assert torch.equal(model.train().translate(x), model.eval().translate(x))
    assert not torch.allclose(model.translate(x)[:1], model.translate(x[:1]), atol=1e-3)
    assert not [k for k in model.state_dict() if "running" in k]


def test_the_u_net_is_the_papers_at_256_px():
    net = UNet((3, 256, 256), 64, 0.5)
    down = [m for m in net.down.modules() if isinstance(m, nn.Conv2d)]
    up = [m for m in net.up.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [c.out_channels for c in down] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [c.in_channels for c in up] == [512, 1024, 1024, 1024, 1024, 512, 256]
    assert [c.out_channels for c in up] == [512, 512, 512, 512, 256, 128, 64]
    assert (net.out[1].in_channels, net.noisy) == (128, 3)
    assert sum(p.numel() for p in net.parameters()) == 54_414_531  # 54.414 million, as the authors' code prints


def test_each_resolution_is_passed_on():
    """With all that comes from below cut off, the first skip alone still carries the source."""
    net = UNet((1, 16, 16), 4, 0.5)
    x = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    conv = net.out[1]
    nn.init.zeros_(conv.weight[:4])  # what comes from below stands first
    expected = functional.conv_transpose2d(functional.relu(net.down[0](x)), conv.weight[4:], conv.bias, 2, 1)
    assert torch.allclose(net(x), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 17, 17), (1, 16, 32), (1, 8, 8), (1, 48, 48)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(ValueError, match=f"one power of two from 16 up; these are {shape[1]} x {shape[2]}"):
        UNet(shape, 4, 0.5)

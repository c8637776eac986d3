"""ViTGAN: attention by distances, kept spectral norms, overlapping patches, the modulated norm, the losses."""

import math

import pytest
import torch
from torch.nn.functional import softplus

from paragone.models.base import Progress, Spec
from paragone.models.gan import stylegan2
from paragone.models.gan.vitgan import SelfModulatedNorm, ViTGAN, l2_attention
from paragone.models.layers import diffaug
from paragone.models.layers.stylegan import Linear

X = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(**config: object) -> ViTGAN:
    torch.manual_seed(0)
    small = {"z_dim": 6, "width": 8, "depth": 2, "heads": 2, "mlp": 2, "fourier": 4, **config}
    return ViTGAN(ViTGAN.Config(**small), Spec((3, 16, 16)))  # type: ignore[arg-type]


def test_attention_is_by_distance() -> None:
    q, v = torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4)
    y = l2_attention(q, v)
    for head in range(2):
        for i in range(5):
            weight = torch.tensor([math.exp(-((q[0, head, i] - t) ** 2).sum().item() / 2) for t in q[0, head]])
            torch.testing.assert_close(y[0, head, i], (weight / weight.sum()) @ v[0, head])


@pytest.mark.parametrize("width", [32, 512])
def test_tokens_look_beyond_themselves_at_any_width(width: int) -> None:
    """Between unlike tokens the exponent starts near -2, where the spectral norm of the queries keeps it."""
    qk = build(width=width).D.blocks[0].qk  # type: ignore[union-attr]
    q = qk(torch.randn(64, width)).unflatten(1, (2, -1))  # type: ignore[operator]
    distance = (q[:32] - q[32:]).square().sum(2).mean() / math.sqrt(width / 2)
    assert 1 < distance < 4


def test_every_linear_layer_of_the_discriminator_keeps_its_spectral_norm() -> None:
    model = build()
    layers = [m for m in model.D.modules() if isinstance(m, Linear)]
    norms = [m.parametrizations.weight[0].scale.item() for m in layers]  # type: ignore[union-attr, index]
    for m in layers:
        m.parametrizations.weight.original.data.mul_(5)  # type: ignore[union-attr, operator]
    for _ in range(200):
        model.D(X)
    model.eval()
    for m, norm in zip(layers, norms, strict=True):
        sigma = torch.linalg.svdvals(m.weight.detach().double())[0].item()
        assert sigma == pytest.approx(norm, rel=0.02)
    assert not any(hasattr(m, "parametrizations") for m in model.G.modules())


def test_patches_overlap() -> None:
    """A pixel next to a patch's border reaches both patches' embeddings, but for those further than the overlap."""
    model = build(depth=0, overlap=2)
    assert model.D.embed.weight.shape[1] == 3 * 8 * 8  # type: ignore[union-attr, index]
    assert build(overlap=0).D.embed.weight.shape[1] == 3 * 4 * 4  # type: ignore[union-attr, index]


def test_the_self_modulated_norm_against_its_definition() -> None:
    torch.manual_seed(0)
    norm, h, w = SelfModulatedNorm(6, 3), torch.randn(2, 4, 6) * 3 + 1, torch.randn(2, 3)
    gamma, beta = norm.gamma(w), norm.beta(w)
    std = (h.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(norm(h, w), gamma[:, None] * (h - h.mean(2, keepdim=True)) / std + beta[:, None])


def test_tokens_become_the_patches_in_their_place() -> None:
    model = build(depth=1)
    z = model.latents(1)
    before = model.decode(z)
    tokens: list[torch.Tensor] = []
    model.G.norm.register_forward_hook(lambda _m, _i, y: tokens.append(y) or y + _one(y, 6))
    changed = (model.decode(z) - before).abs().amax((0, 1)) > 1e-6
    assert changed[4:8, 8:12].any()  # token 6 of 4 x 4: row 1, column 2
    changed[4:8, 8:12] = False
    assert not changed.any()


def _one(y: torch.Tensor, token: int) -> torch.Tensor:
    mask = torch.zeros_like(y)
    mask[:, token] = 1.0
    return mask


@pytest.mark.parametrize("width", [64, 384])
def test_attention_of_the_generator_tells_places_apart(width: int) -> None:
    """What the second block's attention adds differs over places as it does over latents, to a tenth. With learned
    positions from N(0, 0.02) the first block drowned them: a 30th was left, at the paper's width a 50th."""
    model = build(width=width, z_dim=64, heads=4)
    added: list[torch.Tensor] = []
    model.G.blocks[1].out.register_forward_hook(lambda _m, _i, y: added.append(y.detach()))  # type: ignore[union-attr]
    model.sample(64)
    assert added[0].std(1).mean() > 0.1 * added[0].std(0).mean()


def test_the_generator_may_learn_at_a_rate_of_its_own() -> None:
    for given, rate in ((None, 0.002), (0.0005, 0.0005)):
        nets = build(generator_lr=given).optimizers()
        assert [nets[name].param_groups[0]["lr"] for name in ("discriminator", "generator")] == [0.002, rate]


def test_the_losses_are_the_papers() -> None:
    model = build(consistency=3.0).eval()  # power iterations stand still
    torch.manual_seed(1)
    d, g = list(model.losses({"image": X}, Progress(0)))
    torch.manual_seed(1)
    with torch.no_grad():
        fake = model.G(torch.randn(4, 6))
        seen = diffaug.augment(torch.cat([X, fake]), 0.8, 0.3)
        real_T, fake_T = model.D(seen[:4]), model.D(seen[4:])
        gap = ((model.D(X) - real_T) ** 2).mean() + ((model.D(fake) - fake_T) ** 2).mean()
        expected = softplus(-real_T).mean() + softplus(fake_T).mean() + 3 * gap
        torch.testing.assert_close(d.loss, expected)
        fake = model.G(torch.randn(4, 6))
        torch.testing.assert_close(g.loss, softplus(-model.D(diffaug.augment(fake, 0.8, 0.3))).mean())
    assert not build(augment=False)._game(X, X)[1]


def test_stylegan2s_discriminator_may_judge_with_its_penalty_on_what_it_sees() -> None:
    model = build(discriminator="stylegan2", d_width=64, d_max_width=8, gamma=3.0, r1_every=2, augment=False)
    assert isinstance(model.D, stylegan2.Discriminator)
    assert not any(hasattr(m, "parametrizations") for m in model.D.modules())
    torch.manual_seed(1)
    d, r1, g = list(model.losses({"image": X}, Progress(0)))
    torch.manual_seed(1)
    with torch.no_grad():
        fake, other = model.G(torch.randn(4, 6)), model.G(torch.randn(4, 6))
        torch.testing.assert_close(d.loss, softplus(-model.D(X)).mean() + softplus(model.D(fake)).mean())
        torch.testing.assert_close(g.loss, softplus(-model.D(other)).mean())
    leaf = X.clone().requires_grad_()
    model.D(leaf).sum().backward(inputs=[leaf])
    assert leaf.grad is not None
    torch.testing.assert_close(r1.loss, 2 * 1.5 * leaf.grad.square().sum((1, 2, 3)).mean())
    assert len(list(model.losses({"image": X}, Progress(1)))) == 2


def test_diffaug_shifts_whole_pixels_and_fills_with_0() -> None:
    torch.manual_seed(0)
    x = torch.rand(20, 2, 16, 16) + 1
    y = diffaug.shift(x)
    for a, b in zip(x, y, strict=True):
        rows, columns = (b[0] != 0).any(1).nonzero()[:, 0], (b[0] != 0).any(0).nonzero()[:, 0]
        assert len(rows) >= 14
        assert len(columns) >= 14
        top, left = (16 - len(rows)) * (rows[0] == 0), (16 - len(columns)) * (columns[0] == 0)
        part = b[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert torch.equal(part, a[:, top : top + len(rows), left : left + len(columns)])
    assert diffaug.augment(x).shape == x.shape


def test_diffaug_changes_as_many_images_as_it_is_told() -> None:
    torch.manual_seed(0)
    x = torch.rand(2000, 1, 8, 8)
    assert torch.equal(diffaug.augment(x, 0.0, 0.0), x)
    cut = (diffaug.augment(x, 0.0, 0.3) != x).flatten(1).any(1).float().mean()
    assert float(cut) == pytest.approx(0.3, abs=0.04)
    moved = (diffaug.shift(x, 0.5) != x).flatten(1).any(1).float().mean()
    assert float(moved) == pytest.approx(0.5 * 8 / 9, abs=0.04)  # one of the nine shifts by a pixel moves nothing
    grey = (diffaug.augment(x, 0.5, 0.0) == x).flatten(1).all(1).float().mean()
    assert float(grey) == pytest.approx(0.5**2 * (1 - 0.5 * 8 / 9), abs=0.03)  # grey images have no saturation


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="heads is 3; it must divide the width, which is 8"):
        build(heads=3)
    with pytest.raises(ValueError, match="patches of 5 px; these are 16 x 16"):
        build(patch=5)
    with pytest.raises(ValueError, match="r1_every is 0; it must be at least 1"):
        build(r1_every=0)

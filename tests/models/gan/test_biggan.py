"""BigGAN: projection, conditional normalisation, orthogonal regularisation, truncation, the order of updates."""

import pytest
import torch
from scipy import stats
from torch.nn.functional import relu

from paragone.models.base import Progress, Spec
from paragone.models.gan.biggan import Attention, BigGAN, ConditionalNorm, orthogonal_penalty

X = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
Y = torch.tensor([0, 1, 2, 2, 1, 0])


def build(classes: int = 3, shape: tuple[int, int, int] = (3, 32, 32), **config: object) -> BigGAN:
    torch.manual_seed(0)
    small = {"width": 2, "z_dim": 8, "embedding": 4, "attention": 0, **config}
    return BigGAN(BigGAN.Config(**small), Spec(shape, classes))  # type: ignore[arg-type]


def test_the_score_is_a_projection_on_the_class() -> None:
    model = build().eval()
    with torch.no_grad():
        phi = relu(model.D.blocks(X)).flatten(2).sum(2)
        w, b, v = model.D.out.weight[0], model.D.out.bias[0], model.D.embed.weight  # v (C,K)
        expected = torch.stack([phi[i] @ w + b + phi[i] @ v[:, Y[i]] for i in range(6)])
        torch.testing.assert_close(model.D(X, Y), expected)


def test_conditional_normalisation_against_its_definition() -> None:
    torch.manual_seed(0)
    norm, x, y = ConditionalNorm(3, 4), torch.randn(5, 3, 2, 2) * 3 + 1, torch.randn(5, 4)
    mean, std = x.mean((0, 2, 3), keepdim=True), (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    gain, bias = 1 + y @ norm.gain.weight.T, y @ norm.bias.weight.T
    expected = (x - mean) / std * gain[:, :, None, None] + bias[:, :, None, None]
    torch.testing.assert_close(norm(x, y), expected)


def test_the_orthogonal_penalty_is_0_for_orthogonal_rows_and_counts_the_rest() -> None:
    layer = torch.nn.Linear(4, 3, bias=False)
    torch.nn.init.orthogonal_(layer.weight)
    assert orthogonal_penalty(layer).item() == pytest.approx(0, abs=1e-10)
    layer.weight.data = torch.arange(12.0).view(3, 4)
    rows = layer.weight.data
    expected = sum((rows[i] @ rows[j]).item() ** 2 for i in range(3) for j in range(3) if i != j)
    assert orthogonal_penalty(layer).item() == pytest.approx(expected)


def test_the_losses_are_hinges_and_the_generator_comes_every_second_step() -> None:
    model = build(orthogonal=0.1)
    assert [u.optimizer for u in model.losses({"image": X, "label": Y}, Progress(0))] == ["discriminator"]
    model = build(orthogonal=0.1).eval()  # power iterations and running statistics stand still
    torch.manual_seed(1)
    d, g = list(model.losses({"image": X, "label": Y}, Progress(1)))
    torch.manual_seed(1)
    with torch.no_grad():
        real, fake = model.D(X, Y), model.D(model._generate(torch.randn(6, 8), Y), Y)
        torch.testing.assert_close(d.loss, relu(1 - real).mean() + relu(1 + fake).mean())
        y = torch.randint(3, (6,))
        score = model.D(model._generate(torch.randn(6, 8), y), y).mean()
        torch.testing.assert_close(g.loss, 0.1 * orthogonal_penalty(model.G) - score)


def test_truncation_bounds_latents_alone() -> None:
    z = build(truncation=0.5).latents(500)
    assert z.abs().max() <= 0.5
    assert z.std().item() == pytest.approx(0.28, abs=0.02)
    assert build().latents(500).abs().max() > 2


def test_one_draw_at_all_thresholds_follows_the_truncated_normal() -> None:
    drawn = []
    for threshold in (0.04, 1.0, 0.0):
        torch.manual_seed(0)
        drawn.append(build(truncation=threshold).latents(2000).flatten())
    order = drawn[-1].argsort()
    for z, threshold in zip(drawn, (0.04, 1.0), strict=False):
        assert z[order].diff().min() >= 0
        assert stats.kstest(z.numpy(), stats.truncnorm(-threshold, threshold).cdf).pvalue > 0.01
    assert build().truncations()[-1] == 0  # none


def test_attention_starts_as_the_identity_and_mixes_places() -> None:
    torch.manual_seed(0)
    layer, x = Attention(8), torch.randn(2, 8, 4, 4)
    assert torch.equal(layer(x), x)
    layer.gain.data.fill_(1.0)
    changed = x.clone()
    changed[0, :, 0, 0] += 5
    assert (layer(changed) - layer(x))[0, :, 3, 3].abs().max() > 1e-4
    assert torch.equal(layer(changed)[1], layer(x)[1])
    assert any(isinstance(m, Attention) for m in build(shape=(3, 64, 64), attention=16).D.modules())


@pytest.mark.parametrize(
    ("classes", "config", "message"),
    [
        (0, {}, "generates by class and the data set has no labels"),
        (3, {"z_dim": 2}, "z_dim is 2; 4 parts must share it"),
        (3, {"truncation": -1.0}, r"truncation is -1\.0"),
    ],
)
def test_bad_settings_are_refused(classes: int, config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(classes, **config)

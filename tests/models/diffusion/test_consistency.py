"""Consistency models: the boundary, the schedules, both losses, the fixed point of distillation, sampling."""

import math

import pytest
import torch
from torch import Tensor, nn

from paragone.models.base import Progress, Spec
from paragone.models.diffusion.consistency import Consistency, distance
from paragone.models.diffusion.ddpm import DDPM
from paragone.models.diffusion.edm import EDM
from paragone.models.gan.gan import GAN
from support.gaussian import Gaussian

SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "dropout": 0.0}
SPEC = Spec((1, 16, 16))
X = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def build(teacher: nn.Module | None = None, **config: object) -> Consistency:
    torch.manual_seed(0)
    model = Consistency(Consistency.Config(**{**SMALL, **config}), SPEC, teacher=teacher).eval()  # type: ignore[arg-type]
    if teacher is None:
        for net in filter(None, (model.net, model.target)):
            for p in net.parameters():
                torch.nn.init.normal_(p, std=0.1)
    return model


def edm() -> EDM:
    torch.manual_seed(5)
    model = EDM(EDM.Config(**SMALL), SPEC)  # type: ignore[arg-type]
    for p in model.net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return model


def test_at_the_lowest_noise_it_is_the_identity() -> None:
    assert torch.equal(build().f(X, torch.full((4,), 0.002)), X)


def test_elsewhere_it_is_equation_5() -> None:
    model, s, d, low = build(), 0.7, 0.5, 0.002
    f = model.net(X / math.hypot(s, d), torch.full((4,), 250 * math.log(s)))
    expected = d**2 / ((s - low) ** 2 + d**2) * X + d * (s - low) / math.hypot(s, d) * f
    torch.testing.assert_close(model.f(X, torch.full((4,), s)), expected)


def test_the_number_of_levels_grows_over_the_budget() -> None:
    counts = [build(mu_0=0).count(share) for share in (0.0, 0.25, 1.0)]
    middle = math.ceil(math.sqrt(0.25 * (151**2 - 4) + 4) - 1) + 1
    assert counts == [2, middle, 151]
    model = build(mu_0=0, schedule="doubling", s_0=10, s_1=1280)
    assert [model.count(k / 8) for k in (0, 1, 2, 7, 8)] == [11, 21, 41, 1281, 1281]  # eight equal parts


@pytest.mark.parametrize("metric", ["l2", "pseudo-huber"])
def test_the_metrics(metric: str) -> None:
    x, y = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    square = torch.stack([((a - b) ** 2).sum() for a, b in zip(x, y, strict=True)])
    c = 0.00054 * 48**0.5
    torch.testing.assert_close(
        distance(x, y, metric), square / 48 if metric == "l2" else torch.sqrt(square + c * c) - c
    )
    assert distance(x, x, metric).abs().max() < 1e-7


def test_the_loss_of_training_alone_is_algorithm_3() -> None:
    model = build(weighting="inverse", metric="l2")
    torch.manual_seed(1)
    update = next(model.losses({"image": X}, Progress(0, 0.5, 1.0)))
    count = model.count(0.5)
    levels = [(0.002 ** (1 / 7) + i / (count - 1) * (80 ** (1 / 7) - 0.002 ** (1 / 7))) ** 7 for i in range(count)]
    torch.manual_seed(1)
    n, z, expected = torch.randint(count - 1, (4,)), torch.randn_like(X), []
    assert model.target is not None
    for y, i, e in zip(X, n.tolist(), z, strict=True):
        low, high = levels[i], levels[i + 1]
        ahead = model.f((y + high * e)[None], torch.tensor([high]))
        back = model.f((y + low * e)[None], torch.tensor([low]), model.target)
        expected.append((ahead - back).square().mean() / (high - low))
    torch.testing.assert_close(update.loss, torch.stack(expected).mean(), rtol=1e-3, atol=1e-3)
    assert update.logs["levels"] == count


def test_the_target_follows_by_mu_after_the_step() -> None:
    model = build(s_1=10)
    assert model.target is not None
    before, live = next(model.target.parameters()).clone(), next(model.net.parameters())
    list(model.losses({"image": X}, Progress(0, 1.0, 1.0)))
    mu = math.exp(2 * math.log(0.9) / 11)
    torch.testing.assert_close(next(model.target.parameters()), mu * before + (1 - mu) * live)


def test_levels_are_drawn_by_the_discretised_lognormal() -> None:
    model, levels = build(noise="lognormal"), torch.tensor([0.01, 0.1, 1.0, 10.0], dtype=torch.float64)
    torch.manual_seed(0)
    share = torch.bincount(model._draw(levels, 50_000), minlength=3) / 50_000
    cdf = torch.distributions.Normal(-1.1, 2.0).cdf(levels.log())
    torch.testing.assert_close(share.double(), cdf.diff() / (cdf[-1] - cdf[0]), atol=0.01, rtol=0)


class Flow(nn.Module):
    """A network with which f is the exact consistency function of a Gaussian, times 1 + bend ln sigma."""

    def __init__(self, data: Gaussian, bend: float = 0.0) -> None:
        super().__init__()
        self.data, self.bend = data, bend

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        s = (time / 250).exp().view(-1, 1, 1, 1)
        root = (s**2 + 0.25).sqrt()
        x = x * root
        v = self.data.std**2
        exact = self.data.mean + ((v + 0.002**2) / (v + s**2)).sqrt() * (x - self.data.mean)
        return ((1 + self.bend * s.log()) * exact - 0.25 / ((s - 0.002) ** 2 + 0.25) * x) / (
            0.5 * (s - 0.002) / root + 1e-9
        )


def test_the_exact_consistency_function_is_the_fixed_point_of_distillation() -> None:
    """With a teacher that knows the data, its loss is that of the teacher's step alone, and falls as levels grow."""
    data, teacher = Gaussian(0.2, 0.4), edm()
    teacher.denoise = data.denoise  # type: ignore[method-assign]
    y = data.mean + data.std * torch.randn(512, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    losses = {}
    for levels in (18, 72):
        model = build(teacher, levels=levels, metric="l2")
        for bend in (0.0, 0.2):
            model.net = Flow(data, bend)
            torch.manual_seed(3)
            losses[levels, bend] = next(model.losses({"image": y}, Progress(0))).loss.item()
    assert losses[18, 0.0] < 0.02 * losses[18, 0.2]
    assert losses[72, 0.0] < 0.1 * losses[18, 0.0]


def test_distillation_starts_from_the_teacher() -> None:
    teacher = edm()
    model = build(teacher)
    assert all(torch.equal(a, b) for a, b in zip(model.net.parameters(), teacher.net.parameters(), strict=True))
    assert model.target is None
    assert model.count(0.3) == 18


def test_a_teacher_of_another_form_needs_random_weights() -> None:
    teacher = DDPM(DDPM.Config(**SMALL, timesteps=10), SPEC)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the network of the teacher DDPM is not this one's"):
        build(teacher)
    model = build(teacher, start="random")
    (update,) = model.losses({"image": X}, Progress(0))
    assert update.loss.isfinite()


def test_a_teacher_that_is_no_diffusion_is_named() -> None:
    teacher = GAN(GAN.Config(hidden=16, units=4), SPEC)
    with pytest.raises(ValueError, match="and its teacher GAN is neither; name another one, or none to train it alone"):
        build(teacher, start="random")


def test_sampling_is_algorithm_1() -> None:
    model = build(steps=2)
    tau = ((80 ** (1 / 7) + 0.002 ** (1 / 7)) / 2) ** 7
    assert model.taus.tolist() == pytest.approx([80, tau])
    torch.manual_seed(3)
    drawn = model.sample(2)
    torch.manual_seed(3)
    x = model.f(80 * torch.randn(2, 1, 16, 16), torch.full((2,), 80.0)).clamp(-1, 1)
    x = x + (tau**2 - 0.002**2) ** 0.5 * torch.randn_like(x)
    torch.testing.assert_close(drawn, model.f(x, torch.full((2,), tau)).clamp(-1, 1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("key", "value"), [("s_0", 1), ("levels", 1), ("mu_0", 1.0)])
def test_impossible_settings_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}"):
        build(**{key: value})

"""ControlNet: it starts as its parent to the bit, learns from every part, and steers."""

import pytest
import torch
from torch import nn

from paragone.models.base import Progress, Spec
from paragone.models.diffusion.controlnet import ControlNet
from paragone.models.diffusion.ddpm import DDPM
from paragone.models.diffusion.edm import EDM
from paragone.models.diffusion.improved_ddpm import ImprovedDDPM
from paragone.models.layers import karras
from paragone.models.layers.diffusion import at

SPEC = Spec((1, 16, 16))
SMALL = {"width": 8, "multipliers": (1, 2), "blocks": 1, "attention": (8,), "timesteps": 12, "dropout": 0.0}
X = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
SOURCE = X.flip(3)


def parent(cls: type = DDPM, **config: object) -> nn.Module:
    torch.manual_seed(0)
    model = cls(cls.Config(**{**SMALL, **config}), SPEC).eval()
    for p in model.net.parameters():
        nn.init.normal_(p, std=0.1)
    return model


def build(ddpm: nn.Module, **config: object) -> ControlNet:
    return ControlNet(ControlNet.Config(**{"hint": 4, "steps": 4, **config}), SPEC, ddpm=ddpm)  # type: ignore[arg-type]


@pytest.mark.parametrize(("cls", "parameterization"), [(DDPM, "eps"), (DDPM, "both"), (ImprovedDDPM, "eps")])
@pytest.mark.parametrize("patch", [1, 2])
def test_before_training_it_is_its_parent_to_the_bit(cls: type, parameterization: str, patch: int) -> None:
    ddpm = parent(cls, patch=patch, parameterization=parameterization)
    model, time = build(ddpm).eval(), torch.tensor([0.0, 250.0, 500.0, 916.0])
    theirs = ddpm.net(X, time)
    assert torch.equal(model.network(X, time, SOURCE), theirs[:, :1] if cls is ImprovedDDPM else theirs)
    torch.manual_seed(1)
    drawn = model.translate(SOURCE)
    torch.manual_seed(1)
    assert torch.equal(drawn, model.translate(-SOURCE))  # the source does not matter yet


def test_a_copy_of_the_way_down_starts_with_the_parents_weights() -> None:
    ddpm = parent()
    branch = build(ddpm).branch
    names = {k for k, _ in branch.net.named_parameters()}
    assert not [k for k in names if k.startswith(("up", "norm", "head"))]
    theirs = dict(ddpm.net.named_parameters())
    for name, p in branch.net.named_parameters():
        assert torch.equal(p, theirs[name][: len(p)])
        assert p.requires_grad


def loss_and_draws(model: ControlNet) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The loss of a branch that is open, and what it drew: t, alpha_bar (B,1,1,1) and epsilon."""
    for p in model.branch.parameters():
        nn.init.normal_(p, std=0.1)
    torch.manual_seed(1)
    (update,) = model.losses({"image": X, "source": SOURCE}, Progress(0))
    torch.manual_seed(1)
    t, eps = torch.randint(12, (4,)), torch.randn_like(X)
    return update.loss, t, model.ddpm.alpha_bar[t].view(4, 1, 1, 1), eps


def test_the_loss_is_the_parents_with_the_control_added() -> None:
    ddpm = parent()
    model = build(ddpm)
    loss, t, a, eps = loss_and_draws(model)
    x_t, time = a.sqrt() * X + (1 - a).sqrt() * eps, t * 1000 / 12
    control = model.branch(x_t, time, SOURCE)
    e = ddpm.net.embed(time)
    h, skips = ddpm.net.contract(x_t, e)
    pred = ddpm.net.expand(h + control[-1], [s + c for s, c in zip(skips, control, strict=False)], e)
    torch.testing.assert_close(loss, (pred - eps).square().mean())
    _every_part_of_the_branch_learns(model, loss)


def test_the_loss_with_two_predictions_is_the_parents_too() -> None:
    model = build(parent(parameterization="both"))
    loss, t, a, eps = loss_and_draws(model)
    image, noise = model.network(a.sqrt() * X + (1 - a).sqrt() * eps, t * 1000 / 12, SOURCE).chunk(2, 1)
    wrong_image, wrong_noise = image - X, noise - eps
    wrong_v = a.sqrt() * wrong_noise - (1 - a).sqrt() * wrong_image
    torch.testing.assert_close(loss, sum(w.square().mean() for w in (wrong_v, wrong_image, wrong_noise)))
    _every_part_of_the_branch_learns(model, loss)


def _every_part_of_the_branch_learns(model: ControlNet, loss: torch.Tensor) -> None:
    loss.backward()
    assert [n for n, p in model.branch.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert all(p.grad is None for p in model.ddpm.parameters())


def test_one_step_opens_the_zero_convolutions() -> None:
    model = build(parent())
    optimizer = model.optimizers()["branch"]
    next(model.losses({"image": X, "source": SOURCE}, Progress(0))).loss.backward()
    optimizer.step()
    assert any(layer.weight.any() for layer in model.branch.out)  # type: ignore[union-attr, operator]


def steered(**config: object) -> ControlNet:
    """One whose control is open, over all twelve steps of its parent."""
    model = build(parent(variance="small", **config), steps=12, eta=1.0).eval()
    for p in model.branch.parameters():
        nn.init.normal_(p, std=0.1)
    return model


@pytest.mark.parametrize("parameterization", ["eps", "both"])
def test_without_noise_it_is_the_first_order_solver_of_noise_levels(parameterization: str) -> None:
    noisy = steered(parameterization=parameterization)
    model = build(noisy.ddpm).eval()
    model.branch.load_state_dict(noisy.branch.state_dict())
    process = model.ddpm.process

    def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return process.denoise(lambda x_t, time: model.network(x_t, time, SOURCE), x, sigma).clamp(-1, 1)  # type: ignore[no-any-return]

    levels = torch.cat([(1 / process.exact - 1).sqrt()[[11, 7, 4, 0]], torch.zeros(1, dtype=torch.float64)])
    torch.manual_seed(1)
    drawn = model.translate(SOURCE)
    torch.manual_seed(1)
    with torch.no_grad():
        expected = karras.multistep(denoise, float(levels[0]) * torch.randn_like(X), levels, order=1)
    torch.testing.assert_close(drawn, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("parameterization", ["eps", "both"])
def test_with_eta_1_over_all_steps_it_samples_as_its_parent_does(parameterization: str) -> None:
    model = steered(parameterization=parameterization)
    torch.manual_seed(1)
    drawn = model.translate(SOURCE)
    own = model.ddpm.process

    def reverse(x: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x_0 = own.x0(model.network(x, own.times[t], SOURCE), x, t).clamp(-1, 1)
        return own.posterior_mean(x_0, x, t), at(own.posterior_logvar, t)

    torch.manual_seed(1)
    with torch.no_grad():
        expected = own.sample(reverse, torch.randn_like(X)).clamp(-1, 1)
    torch.testing.assert_close(drawn, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("config", "words"), [({"steps": 13}, "steps is 13; it must be 1 to the 12 timesteps")])
def test_impossible_settings_are_refused(config: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(parent(), **config)


def test_other_parents_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ddpm makes images \(1, 16, 16\), the data set has \(3, 32, 32\)"):
        ControlNet(ControlNet.Config(steps=4), Spec((3, 32, 32)), ddpm=parent())  # type: ignore[arg-type]
    edm = EDM(EDM.Config(width=8, multipliers=(1, 2), blocks=1), SPEC)
    with pytest.raises(ValueError, match="steers a DDPM with a U-Net, and its parent EDM is none"):
        build(edm)

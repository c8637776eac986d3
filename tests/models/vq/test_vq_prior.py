"""The prior of a VQ-VAE: maximum likelihood of the parent's codes, and samples through the parent's decoder."""

import re

import pytest
import torch

from paragone.models.base import Model, Progress, Spec
from paragone.models.vae.vae import VAE
from paragone.models.vq.vq_prior import VQPrior
from paragone.models.vq.vq_vae import VQVAE
from paragone.models.vq.vq_vae_2 import VQVAE2

SPEC = Spec((1, 16, 16))
X = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def model() -> VQPrior:
    torch.manual_seed(0)
    parent = VQVAE(VQVAE.Config(width=8, codes=10, dim=4), SPEC)
    return VQPrior(VQPrior.Config(width=16, depth=1, heads=2, dropout=0.0), SPEC, vq_vae=parent).eval()


def test_the_loss_is_the_negative_log_likelihood_of_a_code(model: VQPrior) -> None:
    (update,) = model.losses({"image": X}, Progress(0))
    codes = model.vq_vae.encode(X)
    logits = model.prior(codes.view(4, 16))
    picked = [logits[b, 4 * i + j].log_softmax(0)[codes[b, i, j]] for b in range(4) for i in range(4) for j in range(4)]
    torch.testing.assert_close(update.loss, -torch.stack(picked).mean())


def test_the_parent_is_saved_once_and_not_trained(model: VQPrior) -> None:
    assert not [k for k in model.state_dict() if k.startswith("vq_vae.")]
    held = {id(p) for o in model.optimizers().values() for g in o.param_groups for p in g["params"]}
    assert held == {id(p) for p in model.prior.parameters()}


def test_weight_decay_leaves_biases_and_norms_alone(model: VQPrior) -> None:
    decayed, kept = model.optimizers()["prior"].param_groups
    assert decayed["weight_decay"] == 0.05
    assert kept["weight_decay"] == 0
    assert all(p.ndim == 1 for p in kept["params"])


def test_samples_are_the_parents_images_of_drawn_codes(model: VQPrior) -> None:
    torch.manual_seed(1)
    images = model.sample(3)
    torch.manual_seed(1)
    codes = model.prior.sample(3)
    assert torch.equal(images, model.vq_vae.decode(codes.view(3, 4, 4)))


def test_it_learns_codes_that_never_change(model: VQPrior) -> None:
    (optimizer,) = model.optimizers().values()
    optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = 3e-3
    one = {"image": X[:1].expand(4, -1, -1, -1)}
    for step in range(60):
        for update in model.losses(one, Progress(step)):
            optimizer.zero_grad()
            update.loss.backward()
            optimizer.step()
    assert update.loss < 0.05
    assert torch.equal(model.prior(model._codes(X)).argmax(-1)[0], model._codes(X)[0])


def windowed(window: int, *, side: int = 32) -> VQPrior:
    torch.manual_seed(0)
    spec = Spec((1, side, side))
    parent = VQVAE(VQVAE.Config(width=8, codes=10, dim=4), spec)
    return VQPrior(VQPrior.Config(width=16, depth=1, heads=2, dropout=0.0, window=window), spec, vq_vae=parent).eval()


def test_a_window_is_trained_on_patches_of_the_grid() -> None:
    model = windowed(3)
    grid = torch.arange(64).expand(200, -1)  # each code is its place in the grid of 8 x 8
    torch.manual_seed(0)
    patches = model._cut(grid)
    corner = patches[:, :1]
    assert torch.equal(patches - corner, torch.tensor([0, 1, 2, 8, 9, 10, 16, 17, 18]).expand(200, -1))
    assert set(corner.flatten().tolist()) == {8 * i + j for i in range(6) for j in range(6)}
    (update,) = model.losses({"image": torch.rand(4, 1, 32, 32) * 2 - 1}, Progress(0))
    update.loss.backward()
    assert model.prior.position.grad is not None
    assert model.prior.position.shape == (9, 16)


def test_a_window_over_the_whole_grid_draws_what_the_prior_draws() -> None:
    model = windowed(8, side=16)  # a grid of 4 x 4
    assert model.patch == model.grid == (4, 4)
    torch.manual_seed(1)
    slid = model._slide(3)
    torch.manual_seed(1)
    assert torch.equal(slid.flatten(1), model.prior.sample(3))
    assert torch.equal(model._cut(slid.flatten(1)), slid.flatten(1))


def test_a_code_is_drawn_from_the_patch_around_it() -> None:
    model = windowed(3)
    assert model._starts(torch.arange(8), 0).tolist() == [0, 0, 1, 2, 3, 4, 5, 5]
    torch.manual_seed(1)
    codes = model._slide(2)
    torch.manual_seed(1)
    again = torch.full((2, 8, 8), 9)  # what stands at later places has no say
    with torch.no_grad():
        for i in range(8):
            for j in range(8):
                top, left = max(0, min(i - 1, 5)), max(0, min(j - 1, 5))
                logits = model.prior(again[:, top : top + 3, left : left + 3].reshape(2, 9))
                p = logits[:, 3 * (i - top) + j - left].softmax(1)
                again[:, i, j] = torch.multinomial(p, 1).squeeze(1)
    assert torch.equal(codes, again)
    assert model.sample(2).shape == (2, 1, 32, 32)


@pytest.mark.parametrize("window", [1, -2])
def test_a_window_of_one_code_is_refused(window: int) -> None:
    with pytest.raises(ValueError, match=f"window is {window}; it must be at least 2, or 0 for the whole grid"):
        windowed(window)


@pytest.mark.parametrize(
    "parent",
    [
        VAE(VAE.Config(hidden=8), SPEC),
        VQVAE2(VQVAE2.Config(width=8, codes=6, dim=4), SPEC),
        VQVAE(VQVAE.Config(width=8, codes=6, dim=4, quantize=False), SPEC),
    ],
)
def test_a_parent_without_one_grid_of_codes_is_refused(parent: Model) -> None:
    words = re.escape(
        f"the parent vq_vae is a {parent.title} without one grid of codes; give a row of the model vq_vae"
    )
    with pytest.raises(ValueError, match=words):
        VQPrior(VQPrior.Config(width=16, depth=1, heads=2), SPEC, vq_vae=parent)

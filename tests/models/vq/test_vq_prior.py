"""The prior of a VQ-VAE: maximum likelihood of the parent's codes, and samples through the parent's decoder."""

import pytest
import torch

from paragone.models.base import Progress, Spec
from paragone.models.vq.vq_prior import VQPrior
from paragone.models.vq.vq_vae import VQVAE

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

"""Spectral normalisation: one power iteration a use in training, none outside, exact in the end, float32 always."""

import pytest
import torch
from torch import nn

from paragone.models.layers.spectral import SpectralNorm, spectral_norm

W = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def norm() -> SpectralNorm:
    torch.manual_seed(0)
    return SpectralNorm(4)


def test_a_use_in_training_is_one_round_of_algorithm_1(norm: SpectralNorm) -> None:
    M, u = W.reshape(4, 12), norm.u.clone()
    v = M.T @ u / (M.T @ u).norm()
    u = M @ v / (M @ v).norm()
    torch.testing.assert_close(norm(W), W / (u @ M @ v))
    torch.testing.assert_close(norm.u, u)


def test_outside_of_training_the_vector_rests(norm: SpectralNorm) -> None:
    before = norm.u.clone()
    norm.eval()(W)
    assert torch.equal(norm.u, before)


def test_it_comes_to_the_largest_singular_value(norm: SpectralNorm) -> None:
    for _ in range(100):
        normed = norm(W)
    torch.testing.assert_close(normed, W / torch.linalg.svdvals(W.reshape(4, 12))[0])


def test_the_gradient_is_that_of_equation_12(norm: SpectralNorm) -> None:
    """d(W/sigma) = (dW - <u v^T, dW> W/sigma) / sigma, the vectors taken as constants."""
    for _ in range(100):
        norm(W)
    U, S, Vh = torch.linalg.svd(W.reshape(4, 12))
    weight, upstream = W.clone().requires_grad_(), torch.randn(4, 12, generator=torch.Generator().manual_seed(1))
    norm(weight).backward(upstream.view_as(W))
    outer = torch.outer(U[:, 0], Vh[0])
    expected = (upstream - (upstream * W.reshape(4, 12) / S[0]).sum() * outer) / S[0]
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad.reshape(4, 12), expected, rtol=1e-3, atol=1e-4)


def test_two_uses_before_one_backward_pass_do_not_disturb_each_other() -> None:
    layer = nn.Linear(3, 2)
    spectral_norm(layer)
    (layer(torch.ones(1, 3)) - layer(torch.zeros(1, 3))).sum().backward()
    assert layer.parametrizations.weight.original.grad is not None  # type: ignore[union-attr, operator]


def test_autocast_does_not_reach_it(norm: SpectralNorm) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert norm(W).dtype == torch.float32

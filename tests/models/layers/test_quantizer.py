"""The quantiser: nearest codes, whose gradient goes where, and the codebook's running means."""

import pytest
import torch

from paragone.models.layers.quantizer import Quantizer


@pytest.fixture
def z() -> torch.Tensor:
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))


def _quantizer(learned: bool = True, codes: int = 6) -> Quantizer:
    torch.manual_seed(1)
    quantizer = Quantizer(codes, 3, learned=learned)
    with torch.no_grad():
        quantizer.codebook.normal_()
        if not learned:
            quantizer.total.copy_(quantizer.codebook)
    return quantizer


def test_each_position_gets_its_nearest_code(z):
    quantizer = _quantizer()
    distances = torch.cdist(z.movedim(1, -1).reshape(-1, 3).double(), quantizer.codebook.detach().double())
    straight, codes, indices = quantizer(z)
    assert torch.equal(indices.flatten(), distances.argmin(1))
    torch.testing.assert_close(straight, codes)
    torch.testing.assert_close(codes.movedim(1, -1)[1, 2, 3], quantizer.codebook[indices[1, 2, 3]])
    assert torch.equal(quantizer.lookup(indices), codes)


def test_indices_do_not_change_under_autocast():
    torch.manual_seed(0)
    quantizer, z = Quantizer(512, 64), torch.randn(4, 64, 8, 8) * 1e-3
    with torch.autocast("cpu", torch.bfloat16):
        low = quantizer.indices(z)
    assert torch.equal(low, quantizer.indices(z))


def test_the_gradient_passes_straight_through(z):
    quantizer, z = _quantizer(), z.requires_grad_()
    weight = torch.randn(z.shape, generator=torch.Generator().manual_seed(2))
    (quantizer(z).straight * weight).sum().backward()
    torch.testing.assert_close(z.grad, weight)
    assert quantizer.codebook.grad is None


def test_the_codes_gradient_goes_to_the_codebook_alone(z):
    quantizer, z = _quantizer(), z.requires_grad_()
    _, codes, indices = quantizer(z)
    codes.sum().backward()
    assert z.grad is None
    uses = torch.bincount(indices.flatten(), minlength=6).float()
    torch.testing.assert_close(quantizer.codebook.grad, uses[:, None].expand(6, 3))


def test_running_means_are_those_of_appendix_a1(z):
    quantizer = _quantizer(learned=False)
    assert not list(quantizer.parameters())
    flat, indices = z.movedim(1, -1).reshape(-1, 3), quantizer.indices(z)
    count, total = torch.ones(6), quantizer.codebook.clone()
    for _ in range(2):  # the second update starts from the first's state
        for k in range(6):
            mine = flat[indices.flatten() == k]
            count[k] = 0.9 * count[k] + 0.1 * len(mine)  # eq. 6
            total[k] = 0.9 * total[k] + 0.1 * mine.sum(0)  # eq. 7
        quantizer.update(z, indices, decay=0.9)
    torch.testing.assert_close(quantizer.count, count)
    torch.testing.assert_close(quantizer.codebook, total / count[:, None])  # eq. 8


def test_a_dead_code_is_put_on_a_feature_and_the_others_stay(z):
    quantizer = _quantizer(learned=False)
    with torch.no_grad():
        quantizer.codebook[2] = 100.0  # nobody's nearest
        quantizer.total[2] = 100.0
    indices = quantizer.indices(z)
    assert not (indices == 2).any()
    untouched = _quantizer(learned=False)
    untouched.update(z, indices, decay=0.5)
    quantizer.update(z, indices, decay=0.5, restart=0.8)
    features = z.movedim(1, -1).reshape(-1, 3)
    assert (features == quantizer.codebook[2]).all(1).any()
    others = [k for k in range(6) if k != 2 and untouched.count[k] >= 0.8]
    assert len(others) == 5
    torch.testing.assert_close(quantizer.codebook[others], untouched.codebook[others])


def test_running_means_find_the_clusters():
    torch.manual_seed(0)
    centres = torch.randn(8, 3) * 10
    quantizer = Quantizer(24, 3, learned=False)
    for _ in range(200):
        z = (centres[torch.randint(8, (2, 4, 4))] + 0.01 * torch.randn(2, 4, 4, 3)).movedim(-1, 1)
        quantizer.update(z, quantizer.indices(z), decay=0.9, restart=0.5)
    assert torch.cdist(centres, quantizer.codebook).min(1).values.max() < 0.05

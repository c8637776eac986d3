"""The diffusion transformer: shapes, its zero start, a block against its formula, what it depends on."""

import pytest
import torch
from torch import nn

from paragone.models.layers.dit import DiT, DiTBlock, positions
from paragone.models.layers.unet import timestep_embedding

SMALL = {"patch": 4, "width": 16, "depth": 2, "heads": 2}


@pytest.mark.parametrize(("c_in", "c_out", "size"), [(1, 1, 16), (3, 6, 32)])
def test_shapes(c_in: int, c_out: int, size: int) -> None:
    net = DiT(c_in, c_out, size, **SMALL)
    assert net(torch.randn(2, c_in, size, size), torch.tensor([0.0, 999.0])).shape == (2, c_out, size, size)


def test_dit_b_4_has_its_number_of_parameters() -> None:
    """Table 9 of the appendix: DiT-B/4 has 131 million, 0.8 of them the table of 1,001 classes, which is not here."""
    with torch.device("meta"):
        net = DiT(4, 8, 32, patch=4, width=768, depth=12, heads=12)
    millions = (sum(p.numel() for p in net.parameters()) + 1001 * 768) / 1e6
    assert millions == pytest.approx(131, abs=1)


def test_it_starts_at_zero_and_its_blocks_as_the_identity() -> None:
    net, x = DiT(1, 1, 16, **SMALL), torch.randn(2, 1, 16, 16)
    assert net(x, torch.tensor([3.0, 500.0])).abs().max() == 0
    h = torch.randn(2, 5, 16)
    assert torch.equal(net.blocks[0](h, torch.randn(2, 16)), h)


def test_a_block_is_its_formula() -> None:
    torch.manual_seed(0)
    block, x, c = DiTBlock(8, 1, 0.0), torch.randn(2, 5, 8), torch.randn(2, 8)
    b1, g1, a1, b2, g2, a2 = block.modulation(c).unsqueeze(1).chunk(6, 2)

    def norm(h: torch.Tensor) -> torch.Tensor:
        return (h - h.mean(2, keepdim=True)) / (h.var(2, keepdim=True, unbiased=False) + 1e-6).sqrt()

    q, k, v = block.qkv((1 + g1) * norm(x) + b1).chunk(3, 2)
    h = x + a1 * block.out((q @ k.transpose(1, 2) / 8**0.5).softmax(2) @ v)
    torch.testing.assert_close(block(x, c), h + a2 * block.mlp((1 + g2) * norm(h) + b2))


def test_a_token_sees_its_patch_and_what_overlaps() -> None:
    """With `overlap` the first layer is a convolution of the same stride whose windows reach as far beyond a patch;
    without, it reads patches, as the paper has it."""
    torch.manual_seed(0)
    for overlap in (0, 3):
        net, x = DiT(2, 1, 16, **SMALL, overlap=overlap), torch.randn(1, 2, 16, 16)
        seen: list[torch.Tensor] = []
        nn.init.normal_(net.stem.weight)
        net.stem.register_forward_hook(lambda _m, _i, y, seen=seen: seen.append(y))
        net(x, torch.tensor([3.0]))
        weight = net.stem.weight.view(16, 2, 4 + 2 * overlap, 4 + 2 * overlap)
        tokens = torch.nn.functional.conv2d(x, weight, stride=4, padding=overlap).flatten(2).transpose(1, 2)
        torch.testing.assert_close(seen[0], tokens)


def test_what_overlaps_is_unheard_at_first_and_learned() -> None:
    """Training begins as without: the surround's weights are 0, those of the patch as in the paper's network."""
    torch.manual_seed(0)
    net = DiT(1, 1, 32, **{**SMALL, "width": 64}, overlap=2)
    nn.init.normal_(net.head.weight)
    window = net.stem.weight.detach().view(64, 8, 8).clone()
    assert float(window[:, 2:6, 2:6].abs().max()) == pytest.approx((6 / (16 + 64)) ** 0.5, rel=0.02)
    window[:, 2:6, 2:6] = 0
    assert not window.any()
    net(torch.randn(2, 1, 32, 32), torch.tensor([3.0, 500.0])).square().sum().backward()
    assert net.stem.weight.grad is not None
    assert net.stem.weight.grad.view(64, 8, 8)[:, 0, 0].any()


def test_patches_return_to_their_place() -> None:
    """Token 6 of 4 x 4 is the patch in row 1, column 2, on the way out as on the way in."""
    net = DiT(1, 1, 16, **SMALL)
    nn.init.normal_(net.head.weight)
    x, t = torch.randn(1, 1, 16, 16), torch.tensor([3.0])
    before = net(x, t)
    x[:, :, 4:8, 8:12] += 1
    changed = (net(x, t) - before)[0, 0].abs() > 1e-6  # no block attends yet: gates start at zero
    assert changed[4:8, 8:12].all()
    changed[4:8, 8:12] = False
    assert not changed.any()


def test_positions_tell_rows_from_columns() -> None:
    table = positions(3, 16).view(3, 3, 16)
    sinusoids = timestep_embedding(torch.arange(3), 8)
    assert torch.equal(table[1, 2], torch.cat([sinusoids[1], sinusoids[2]]))


@pytest.mark.parametrize(("width", "std"), [(384, 0.02), (64, 0.177)])
def test_the_time_embedding_starts_as_the_authors_at_their_widths(width: int, std: float) -> None:
    """N(0, 0.02) from DiT-S's 384 on; in narrower networks by He et al., so that it keeps its size."""
    torch.manual_seed(0)
    net = DiT(1, 1, 8, patch=4, width=width, depth=1, heads=2)
    assert float(net.time[0].weight.detach().std()) == pytest.approx(std, rel=0.05)
    assert float(net.time[2].weight.detach().std()) == pytest.approx(std, rel=0.05)


def test_the_output_depends_on_time_context_and_every_parameter() -> None:
    torch.manual_seed(0)
    net = DiT(1, 1, 16, **SMALL, context=4)
    for p in net.parameters():
        nn.init.normal_(p, std=0.1)
    x, t, context = torch.randn(1, 1, 16, 16).expand(2, 1, 16, 16), torch.tensor([3.0, 500.0]), torch.randn(2, 1, 4)
    y = net(x, t, context)
    assert not torch.allclose(y[0], y[1])
    assert not torch.allclose(y, net(x, t, context.flip(0)))
    y.square().sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("size", "config", "words"),
    [
        (18, {}, "images of 18 pixels do not suit patch 4"),
        (16, {"width": 20}, r"width is 20; it must be a multiple of 8 and of the heads \(2\)"),
    ],
)
def test_what_cannot_be_built_is_refused(size: int, config: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DiT(1, 1, size, **{**SMALL, **config})

"""Attention against its definition."""

import pytest
import torch

from paragone.models.layers.attention import CrossAttention2d, SelfAttention2d, attend


def _draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("causal", [False, True])
def test_attend_is_the_softmax_of_scaled_products(causal):
    q, k, v = _draw(2, 3, 5, 4), _draw(2, 3, 5, 4) * 2, _draw(2, 3, 5, 4) + 1
    scores = q @ k.mT / 4**0.5
    if causal:
        scores = scores.masked_fill(torch.ones(5, 5, dtype=torch.bool).triu(1), -torch.inf)
    torch.testing.assert_close(attend(q, k, v, causal=causal), scores.softmax(-1) @ v)


def test_attend_widens_bfloat16_on_a_cpu():
    q = _draw(1, 1, 7, 4).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        y = attend(q, q, q)
    torch.testing.assert_close(y, attend(q.float(), q.float(), q.float()))


@pytest.mark.parametrize("heads", [1, 2])
def test_positions_of_a_map_attend_to_each_other(heads):
    block, x = SelfAttention2d(8, heads), _draw(2, 8, 3, 5)
    qkv = block.qkv(block.norm(x)).view(2, 3, heads, 8 // heads, 15)
    weights = torch.einsum("bhct,bhcs->bhts", qkv[:, 0], qkv[:, 1]).div((8 // heads) ** 0.5).softmax(-1)
    y = torch.einsum("bhts,bhcs->bhct", weights, qkv[:, 2]).reshape(2, 8, 3, 5)
    expected = x + block.out(y)
    torch.testing.assert_close(block(x), expected)
    torch.testing.assert_close(block(x.contiguous(memory_format=torch.channels_last)), expected)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"heads is 3; it must divide the 8 channels"):
        SelfAttention2d(8, 3)


def test_cross_attention_reads_the_tokens():
    torch.manual_seed(0)
    layer, x, context = CrossAttention2d(8, 6, heads=2), torch.randn(2, 8, 3, 3), torch.randn(2, 4, 6)
    q = layer.q(layer.norm(x)).flatten(2).transpose(1, 2)  # (B,9,8)
    k, v = layer.kv(context).chunk(2, 2)  # (B,4,8)
    heads = [
        (q[..., s] @ k[..., s].transpose(1, 2) / 2).softmax(2) @ v[..., s] for s in (slice(0, 4), slice(4, 8))
    ]  # width 4 a head: over the root of 4
    y = torch.cat(heads, 2).transpose(1, 2).unflatten(2, (3, 3))
    torch.testing.assert_close(layer(x, context), x + layer.out(y))

"""Pixels as floats and back: every level, exactly."""

import torch

from paragone.data.pixels import binarised, to_float, to_uint8

LEVELS = torch.arange(256, dtype=torch.uint8).view(2, 4, 16, 2)  # (B,H,W,C)


def test_every_level_as_a_float() -> None:
    x = to_float(LEVELS)
    assert (x.shape, x.dtype) == ((2, 2, 4, 16), torch.float32)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(x, LEVELS.permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert (float(x.min()), float(x.max())) == (-1, 1)
    assert int(LEVELS[0, 0, 0, 0]) == 0  # the bytes themselves are left alone


def test_every_level_and_back() -> None:
    again = to_uint8(to_float(LEVELS))
    assert again.is_contiguous()
    assert torch.equal(again, LEVELS)


def test_values_out_of_range_are_clipped_and_others_rounded() -> None:
    x = torch.tensor([-7.0, -1.0, 0.0, 1.0, 7.0]).view(5, 1, 1, 1)
    assert to_uint8(x).ravel().tolist() == [0, 0, 128, 255, 255]


def test_a_level_is_on_as_often_as_it_says() -> None:
    torch.manual_seed(0)
    grey = torch.arange(256, dtype=torch.uint8).repeat(4000, 1)[..., None, None]  # (B,H,1,1)
    drawn = binarised(grey)
    assert drawn.dtype == torch.uint8
    assert set(drawn.unique().tolist()) == {0, 255}
    on = (drawn == 255).double().mean(0).flatten()
    assert (float(on[0]), float(on[255])) == (0, 1)
    torch.testing.assert_close(on, torch.arange(256).double() / 255, atol=4 * 0.5 / 4000**0.5, rtol=0)

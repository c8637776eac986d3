"""The augmentations of StyleGAN2-ADA: each acts on an image with probability p, and is differentiable.

Karras, Aittala, Hellsten, Laine, Lehtinen, Aila 2020, https://arxiv.org/abs/2006.06676, appendix B. Geometry is one
affine matrix per image, colour another; their inverses undo them. Coordinates and lengths: half the side is 1, as in
`torch.nn.functional.affine_grid`; colours are in [-1,1].
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample


def augment(x: Tensor, p: Tensor, groups: tuple[str, ...]) -> Tensor:
    """x (B,C,H,W), C 1 or 3, after the groups' transformations, each of which an image undergoes with probability p."""
    n, device = len(x), x.device
    x = x.float()
    if "blit" in groups or "geometry" in groups:
        matrix = torch.eye(3, device=device).expand(n, 3, 3)
        if "blit" in groups:
            matrix = blits(n, p, x.shape[3]) @ matrix
        if "geometry" in groups:
            matrix = affinities(n, p) @ matrix
        x = warp(x, matrix)
    if "colour" in groups:
        x = recolour(x, colours(n, p, hue=x.shape[1] == 3))
    if "filter" in groups:
        x = amplify(x, gains(n, p))
    if "noise" in groups:
        sigma = torch.where(_gate(n, p), torch.randn(n, device=device).abs() * 0.1, 0.0)
        x = x + sigma.view(n, 1, 1, 1) * torch.randn_like(x)
    if "cutout" in groups:
        x = cut_out(x, p)
    return x


GROUPS = ("blit", "geometry", "colour", "filter", "noise", "cutout")


def check(groups: tuple[str, ...]) -> None:
    """Raises ValueError for a group that there is not."""
    for name in groups:
        if name not in GROUPS:
            raise ValueError(f"augment names '{name}'; choose from {', '.join(GROUPS)}")


def blits(n: int, p: Tensor, side: int) -> Tensor:
    """Flips, turns by multiples of 90 degrees and translations by whole pixels up to 1/8 of the side: (n,3,3)."""
    flip = torch.where(_gate(n, p), torch.randint(2, (n,), device=p.device), 0)
    turn = torch.where(_gate(n, p), torch.randint(4, (n,), device=p.device), 0)
    shift = torch.where(_gate(n, p)[:, None], (torch.rand(n, 2, device=p.device) * 2 - 1) * 0.125, 0.0)
    shift = (shift * side).round() * 2 / side
    return translation(shift) @ rotation(turn * (math.pi / 2)) @ scaling(1.0 - 2 * flip, torch.ones_like(p).expand(n))


def affinities(n: int, p: Tensor) -> Tensor:
    """Scaling, rotation, stretching, rotation and translation by any amount: (n,3,3)."""
    one, q = torch.ones_like(p).expand(n), 1 - (1 - p).clamp(0, 1).sqrt()  # either of two rotations with probability p
    size, stretch = (torch.where(_gate(n, p), _log_normal(n, p, 0.2), one) for _ in range(2))
    turns = [torch.where(_gate(n, q), _angle(n, p), 0 * one) for _ in range(2)]
    shift = torch.where(_gate(n, p)[:, None], torch.randn(n, 2, device=p.device) * 0.125 * 2, 0.0)
    matrix = rotation(turns[0]) @ scaling(size, size)
    return translation(shift) @ rotation(turns[1]) @ scaling(stretch, 1 / stretch) @ matrix


def colours(n: int, p: Tensor, *, hue: bool) -> Tensor:
    """Brightness, contrast, luma flip and, if `hue`, hue and saturation: (n,4,4), on (r,g,b,1)."""
    one, eye = torch.ones_like(p).expand(n), torch.eye(4, device=p.device)
    rgb = (torch.arange(4, device=p.device) < 3).float()  # (1,1,1,0)
    axis = rgb / math.sqrt(3)
    grey = torch.outer(axis, axis)
    brightness = torch.where(_gate(n, p), torch.randn(n, device=p.device) * 0.2, 0.0)
    contrast = torch.where(_gate(n, p), _log_normal(n, p, 0.5), one)
    flip = torch.where(_gate(n, p), torch.randint(2, (n,), device=p.device), 0)
    matrix = eye.repeat(n, 1, 1)
    matrix[:, :3, 3] = brightness[:, None]
    matrix = torch.diag_embed(torch.stack([contrast, contrast, contrast, one], 1)) @ matrix
    matrix = (eye - 2 * grey * flip.view(n, 1, 1)) @ matrix
    if hue:
        turn = torch.where(_gate(n, p), _angle(n, p), 0 * one)
        saturation = torch.where(_gate(n, p), _log_normal(n, p, 1.0), one)
        matrix = about_grey(turn) @ matrix
        chroma = torch.diag(rgb) - grey
        matrix = (eye + chroma * (saturation.view(n, 1, 1) - 1)) @ matrix
    return matrix


def warp(x: Tensor, matrix: Tensor) -> Tensor:
    """The content of x (B,C,H,W) moved by matrices (B,3,3): bilinear, reflected at the borders."""
    inverse, _ = torch.linalg.inv_ex(matrix)  # inv would have a program wait for a GPU, to see whether there is one
    grid = affine_grid(inverse[:, :2], list(x.shape), align_corners=False)
    return grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def recolour(x: Tensor, matrix: Tensor) -> Tensor:
    """Pixels of x (B,C,H,W), C 1 or 3, multiplied by matrices (B,4,4); grey images act as r = g = b."""
    rgb = x.expand(-1, 3, -1, -1)
    y = torch.einsum("bij,bjhw->bihw", matrix[:, :3, :3], rgb) + matrix[:, :3, 3, None, None]
    return y if x.shape[1] == 3 else y.mean(1, keepdim=True)


def gains(n: int, p: Tensor) -> Tensor:
    """By what each of the four bands of `bands` is amplified, (n,4).

    Each has its turn: with probability p it is drawn anew, and all are then scaled so that an image of the power
    spectrum 1/f keeps its power.
    """
    each = torch.arange(4, device=p.device)
    power = (1.0 + 9.0 * (each == 0)) / 13  # of the bands of such an image
    gain = torch.ones_like(p).expand(n, 4)
    for band in range(4):
        drawn = torch.where(_gate(n, p)[:, None] & (each == band), _log_normal(n, p, 1.0)[:, None], 1.0)
        gain = gain * drawn / (power * drawn.square()).sum(1, keepdim=True).sqrt()
    return gain


def amplify(x: Tensor, gain: Tensor) -> Tensor:
    """The bands of x (B,C,H,W) multiplied by gains (B,4), across and down; x is reflected at the borders."""
    with torch.autocast(x.device.type, enabled=False):  # bfloat16 would round every pixel, of images left alone too
        down, across = (torch.einsum("bk,kij->bij", gain, bands(side, x.device)) for side in x.shape[2:])
        return torch.einsum("bhi,bciw->bchw", down, torch.einsum("bwj,bcij->bciw", across, x))


def bands(side: int, device: torch.device) -> Tensor:
    """Four bands of a line of pixels, from low to high, [0,1/8], [1/8,1/4], [1/4,1/2] and [1/2,1] of the highest
    frequency: (4,side,side), which add up to the identity.

    The wavelet is sym2: its low-pass filter against itself is l = (-1, 0, 9, 16, 9, 0, -1) / 32, and what l leaves is
    the high band. Spread out twofold and fourfold it halves the rest twice more. Beyond its ends a line is reflected,
    and as l is symmetric, so is what it makes of such a line: one matrix after another is one filter after another.
    """
    one = torch.eye(side, device=device)
    low, lower, lowest = (_half_band(side, spread, device) for spread in (1, 2, 4))
    return torch.stack([lowest @ lower @ low, (one - lowest) @ lower @ low, (one - lower) @ low, one - low])


def _half_band(side: int, spread: int, device: torch.device) -> Tensor:
    """The filter l of `bands` with its taps `spread` pixels apart, on a line that is reflected at its ends."""
    pixel, tap = torch.arange(side, device=device), torch.arange(-3, 4, device=device)
    away = tap.abs()
    weight = (16.0 * (away == 0) + 9.0 * (away == 1) - 1.0 * (away == 3)) / 32
    period = max(2 * (side - 1), 1)
    place = (pixel[:, None] + spread * tap) % period  # (side,7)
    place = torch.minimum(place, period - place)
    return torch.einsum("t,itj->ij", weight, (place[:, :, None] == pixel).float())


def cut_out(x: Tensor, p: Tensor) -> Tensor:
    """A square of half the side set to 0, anywhere: (B,C,H,W) -> the same."""
    n, _, h, w = x.shape
    centre = torch.rand(n, 2, device=x.device)
    gate = _gate(n, p).view(n, 1, 1, 1)
    y = ((torch.arange(h, device=x.device) + 0.5) / h - centre[:, :1]).abs() < 0.25  # (n,h)
    across = ((torch.arange(w, device=x.device) + 0.5) / w - centre[:, 1:]).abs() < 0.25  # (n,w)
    return x.masked_fill(gate & y[:, None, :, None] & across[:, None, None, :], 0.0)


def translation(shift: Tensor) -> Tensor:
    """(n,2) -> (n,3,3)."""
    matrix = torch.eye(3, device=shift.device).repeat(len(shift), 1, 1)
    matrix[:, :2, 2] = shift
    return matrix


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """(n,), (n,) -> (n,3,3)."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def rotation(angle: Tensor) -> Tensor:
    """(n,) radians -> (n,3,3)."""
    c, s, o, i = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([c, -s, o, s, c, o, o, o, i], 1).view(-1, 3, 3)


def about_grey(angle: Tensor) -> Tensor:
    """Rotations of colours about the axis of greys: (n,) radians -> (n,4,4), by Rodrigues' formula."""
    i = torch.arange(3, device=angle.device)
    turn = (i[:, None] - i) % 3  # of the axes: 1 where a row's axis follows a column's, 2 where it comes before
    cross = ((turn == 1).float() - (turn == 2).float()) * (1 / math.sqrt(3))
    c, s = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    matrix = torch.eye(4, device=angle.device).repeat(len(angle), 1, 1)
    matrix[:, :3, :3] = c * torch.eye(3, device=angle.device) + s * cross + (1 - c) / 3
    return matrix


def _gate(n: int, p: Tensor) -> Tensor:
    return torch.rand(n, device=p.device) < p


def _log_normal(n: int, p: Tensor, octaves: float) -> Tensor:
    return torch.exp2(torch.randn(n, device=p.device) * octaves)


def _angle(n: int, p: Tensor) -> Tensor:
    return (torch.rand(n, device=p.device) * 2 - 1) * math.pi

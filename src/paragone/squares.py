"""Make any image file a square of one size. Imports as little as `paragone.images`, for the same reason."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from paragone import images

Fit = Literal["crop", "pad", "stretch"]
Mode = Literal["RGB", "L"]
FITS: tuple[str, ...] = get_args(Fit)
JPEG = b"\xff\xd8\xff"  # how its files begin


def square(data: bytes, side: int, fit: Fit, mode: Mode, published: bool) -> tuple[NDArray[np.uint8], frozenset[str]]:
    """(side,side,C) uint8: the centre square, the whole image amid black, or the whole image with other proportions;
    and what was changed, beyond what those who published the file did. An image of that size stays as it is.

    published: the set's authors published these files, so JPEG is no loss. Raises images.ImageError.
    """
    image = images.decode(data, mode)
    width, height = image.size
    changes = ["stored as JPEG (lossy)"] * (data.startswith(JPEG) and not published)
    if (width, height) != (side, side):
        changes.append(f"resized to {side}x{side} (bilinear, antialiased)")
    if width != height:
        changes.append({"crop": "cut to the centre square", "pad": "padded to a square", "stretch": "stretched"}[fit])
    box = {"crop": images.centre_square(width, height), "pad": around(width, height), "stretch": None}[fit]
    return images.resize(image, side, box), frozenset(changes)


def around(width: int, height: int) -> images.Box:
    """The smallest square with the image in its middle; Pillow fills what lies outside of the image with black."""
    side = max(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side

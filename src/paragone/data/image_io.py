"""Image files to arrays: decode whatever Pillow reads to 8-bit RGB or grey, crop, resize with antialiasing.

Imports Pillow and NumPy alone, so that the processes which decode a large set start fast.
"""

import io
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "DIB", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000")
LIMIT = 2**26  # pixels of one image; more is no photograph but a bomb
ORIENTATION = 0x0112  # EXIF
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Box = tuple[int, int, int, int]  # left, upper, right, lower
Fit = Literal["crop", "pad", "stretch"]
Mode = Literal["RGB", "L"]
FITS: tuple[str, ...] = get_args(Fit)
JPEG = b"\xff\xd8\xff"  # how its files begin


class ImageError(ValueError):
    """The bytes are no image that can be used."""


def decode(data: bytes, mode: Literal["RGB", "L"] = "RGB", formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """The first frame, upright by its EXIF tag, in 8 bits; transparency over white, 16 bits by their upper eight.

    Raises ImageError (the reason, without a file's name) for what is damaged, cut short, too large or in floats.
    """
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            if image.width * image.height > LIMIT:
                raise ImageError(f"{image.width}x{image.height} pixels, more than the {LIMIT:,} that are allowed")
            image.load()
            return _eight_bits(_upright(image), mode)
    except ImageError:
        raise
    except Exception as error:  # Pillow raises whatever its reading of a damaged file comes to
        reason = " ".join((str(error) or type(error).__name__).split())
        reason = "" if isinstance(error, UnidentifiedImageError) else reason
        raise ImageError(reason or f"no {', '.join(formats)} file (it begins {data[:4].hex(' ') or 'empty'})") from None


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF tag says. Pixels that were decoded are used, whatever is wrong with the tags beside them."""
    try:
        turn = UPRIGHT.get(image.getexif().get(ORIENTATION))
    except Exception:
        return image
    return image if turn is None else image.transpose(turn)


def _eight_bits(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "F":
        raise ImageError("its pixels are floats, whose range the file does not tell")
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def load(
    data: bytes,
    side: int,
    box: Box,
    mode: Literal["RGB", "L"] = "RGB",
    formats: tuple[str, ...] = FORMATS,
    size: tuple[int, int] | None = None,
) -> tuple[NDArray[np.uint8], frozenset[str]]:
    """An image file as (side,side,C), of what `box` cuts out; and how that differs from the file.

    size: width and height that the file must have. Raises ImageError.
    """
    image = decode(data, mode, formats)
    if size is not None and image.size != size:
        raise ImageError(f"is {image.width}x{image.height}, the images of this set are {size[0]}x{size[1]}")
    changes = set()
    if box != (0, 0, *image.size):
        changes.add(f"cut to {box[2] - box[0]}x{box[3] - box[1]} at ({box[0]}, {box[1]})")
    if (box[2] - box[0], box[3] - box[1]) != (side, side):
        changes.add(f"resized to {side}x{side} (bilinear, antialiased)")
    return resize(image, side, box), frozenset(changes)


def centre_square(width: int, height: int) -> Box:
    """The largest square in the middle; an odd pixel stays at the right and bottom."""
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def resize(image: Image.Image, side: int, box: Box | None = None) -> NDArray[np.uint8]:
    """(side,side,C) of what `box` cuts out (all of it by default), by Pillow's bilinear filter: antialiased.

    The filter that torchvision's Resize applies to PIL images. Cut first: a filter never reaches beyond the box.
    """
    image = image if box is None else image.crop(box)
    pixels = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
    return pixels.reshape(side, side, -1)


def square(data: bytes, side: int, fit: Fit, mode: Mode, published: bool) -> tuple[NDArray[np.uint8], frozenset[str]]:
    """(side,side,C) uint8: the centre square, the whole image amid black, or the whole image with other proportions;
    and what was changed, beyond what those who published the file did. An image of that size stays as it is.

    published: the set's authors published these files, so JPEG is no loss. Raises ImageError.
    """
    image = decode(data, mode)
    width, height = image.size
    changes = ["stored as JPEG (lossy)"] * (data.startswith(JPEG) and not published)
    if (width, height) != (side, side):
        changes.append(f"resized to {side}x{side} (bilinear, antialiased)")
    if width != height:
        changes.append({"crop": "cut to the centre square", "pad": "padded to a square", "stretch": "stretched"}[fit])
    box = {"crop": centre_square(width, height), "pad": around(width, height), "stretch": None}[fit]
    return resize(image, side, box), frozenset(changes)


def around(width: int, height: int) -> Box:
    """The smallest square with the image in its middle; Pillow fills what lies outside of the image with black."""
    side = max(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch.nn import functional

from paragone.data import image_io
from paragone.data.image_io import ImageError

RAMP = np.linspace(0, 255, 30 * 40 * 3).astype(np.uint8).reshape(30, 40, 3)


def _file(image: Image.Image, kind: str = "PNG", **how: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def test_what_is_lossless_comes_back() -> None:
    for kind in ("PNG", "BMP", "PPM", "TIFF"):
        np.testing.assert_array_equal(image_io.decode(_file(Image.fromarray(RAMP), kind)), RAMP)


def test_modes_become_eight_bits() -> None:
    grey = Image.fromarray(RAMP[..., 0])
    assert np.asarray(image_io.decode(_file(grey))).shape == (30, 40, 3)
    np.testing.assert_array_equal(image_io.decode(_file(grey), "L"), RAMP[..., 0])
    deep = Image.fromarray(RAMP[..., 0].astype(np.uint16) * 257)
    np.testing.assert_array_equal(image_io.decode(_file(deep), "L"), RAMP[..., 0])
    palette = Image.fromarray(np.where(RAMP > 99, 255, 0).astype(np.uint8)).quantize(8)
    np.testing.assert_array_equal(image_io.decode(_file(palette)), palette.convert("RGB"))
    cmyk = np.asarray(image_io.decode(_file(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG")))
    np.testing.assert_allclose(cmyk.mean((0, 1)), [255, 0, 0], atol=3)


def test_what_is_transparent_is_white() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    pixels = np.asarray(image_io.decode(_file(image)))
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert (pixels[1:] == 255).all()


def test_first_frame_and_upright() -> None:
    frames = [Image.new("RGB", (5, 5), colour) for colour in ("red", "blue")]
    moving = _file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(image_io.decode(moving))[0, 0].tolist() == [255, 0, 0]
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held at 90 degrees
    turned = image_io.decode(_file(Image.fromarray(RAMP), exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(RAMP, -1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "begins empty"),
        (b"<html>quota</html>", r"no JPEG, PNG.* file \(it begins 3c 68 74 6d\)"),
        (_file(Image.fromarray(RAMP))[:-30], "truncated|broken"),
        (_file(Image.fromarray(RAMP), "JPEG")[:-200], "(?i)truncated"),
        (_file(Image.fromarray(RAMP[..., 0].astype(np.float32)), "TIFF"), "floats"),
        (_file(Image.new("1", (9000, 9000))), "9000x9000 pixels"),
    ],
)
def test_what_cannot_be_used(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        image_io.decode(data)


def test_only_the_formats_that_are_asked_for() -> None:
    with pytest.raises(ImageError, match="no JPEG file"):
        image_io.decode(_file(Image.fromarray(RAMP)), formats=("JPEG",))


def test_resize_agrees_with_an_antialiased_bilinear_oracle() -> None:
    """An independent implementation; both round to integers, twice in Pillow (one axis after the other)."""
    noise = np.random.default_rng(0).integers(0, 256, (218, 178, 3), np.uint8)
    box = (15, 40, 163, 188)
    found = image_io.resize(Image.fromarray(noise), 64, box)
    cut = torch.from_numpy(noise[40:188, 15:163].copy()).permute(2, 0, 1)[None].float()
    expected = functional.interpolate(cut, (64, 64), mode="bilinear", antialias=True)[0].permute(1, 2, 0)
    assert found.shape == (64, 64, 3)
    assert np.abs(found - expected.numpy()).max() <= 1.01
    plain = functional.interpolate(cut, (64, 64), mode="bilinear")[0].permute(1, 2, 0)
    assert np.abs(found - plain.numpy()).mean() > 10, "no antialiasing"


def test_centre_square() -> None:
    assert image_io.centre_square(178, 218) == (0, 20, 178, 198)
    assert image_io.centre_square(5, 2) == (1, 0, 3, 2)


def _with_exif(*entries: bytes, start: bytes = b"Exif\0\0II*\0\x08\0\0\0") -> bytes:
    """A sound JPEG of 8x8 with an EXIF segment of these entries (12 bytes each), which may be nonsense."""
    body = start + len(entries).to_bytes(2, "little") + b"".join(entries) + bytes(4)
    plain = _file(Image.new("RGB", (8, 6), "red"), "JPEG")
    return plain[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]


def _entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + count.to_bytes(4, "little") + value.ljust(4, b"\0")


UPRIGHT = _entry(0x0112, 3, 1, b"\x06")
METADATA = {
    "undefined bytes where a signed fraction belongs": (_with_exif(UPRIGHT, _entry(0x9203, 7, 4, b"abcd")), True),
    "bytes as a resolution": (_with_exif(UPRIGHT, _entry(0x011A, 7, 3, b"abc")), True),
    "text as a count": (_with_exif(UPRIGHT, _entry(0x0100, 2, 4, b"abc")), True),
    "a fraction over nothing": (_with_exif(UPRIGHT, _entry(0x9201, 10, 1, b"\xff\xff")), True),
    "a value far beyond the end": (_with_exif(UPRIGHT, _entry(0x010F, 2, 2**31, b"\xff\xff\xff\x7f")), True),
    "a type that there is not": (_with_exif(UPRIGHT, _entry(0x0110, 99, 1, b"x")), True),
    "a folder that is its own child": (_with_exif(UPRIGHT, _entry(0x8769, 4, 1, b"\x08")), True),
    "an orientation in words": (_with_exif(_entry(0x0112, 2, 4, b"six")), False),
    "an orientation that there is not": (_with_exif(_entry(0x0112, 3, 1, b"\x63")), False),
    "two orientations": (_with_exif(_entry(0x0112, 3, 2, b"\x06\0\x06\0")), True),
    "no TIFF header": (_with_exif(UPRIGHT, start=b"Exif\0\0nonsense"), False),
    "half of a header": (_with_exif(start=b"Exif\0\0II"), False),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, of damaged tags
@pytest.mark.parametrize("what", METADATA)
def test_pixels_that_decode_are_used_whatever_the_tags(what: str) -> None:
    data, turned = METADATA[what]
    assert image_io.decode(data).size == ((6, 8) if turned else (8, 6))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_as_pillow_has_it(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _file(Image.fromarray(RAMP), exif=exif)
    np.testing.assert_array_equal(image_io.decode(data), ImageOps.exif_transpose(Image.open(io.BytesIO(data))))

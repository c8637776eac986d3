"""The mark of the library invisible-watermark (`dwtDctSvd`), put in so that it costs what the mark costs alone.

Version 0.2.0 of the library rebuilds a picture with the horizontal and the vertical details of U exchanged, and goes
through a YUV picture of whole numbers. Here only the change that the mark makes is added to the picture, so its details
stay as they are; the library's own decoder reads the bits.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Pixels = NDArray[np.uint8]  # (H,W,3), RGB
Bits = NDArray[np.bool_]  # (bits,)
BLOCK = 4  # coefficients a side
U = np.array([-0.147, -0.289, 0.436])  # of RGB (ITU-R BT.601), as OpenCV reckons it
TO_RGB = np.array([0.0, -0.395, 2.032])  # what one level of U adds to R, G and B


def embed(sheet: Pixels, bits: Bits, strength: int) -> Pixels:
    """The marked sheet: in each block of the low band of U's Haar transform, the largest singular value of its cosine
    transform is moved to the quarter or three quarters of a step of `strength` that its bit says."""
    h, w = (side // (2 * BLOCK) * 2 * BLOCK for side in sheet.shape[:2])
    u = sheet[:h, :w] @ U + 128
    low = (u[::2, ::2] + u[1::2, ::2] + u[::2, 1::2] + u[1::2, 1::2]) / 2  # (h/2,w/2)
    rows, columns = h // (2 * BLOCK), w // (2 * BLOCK)
    blocks = low.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)
    left, s, right = np.linalg.svd(fft.dctn(blocks, axes=(1, 2), norm="ortho"))
    wanted = (s[:, 0] // strength + 0.25 + 0.5 * np.resize(bits, len(s))) * strength
    change = (wanted - s[:, 0])[:, None, None] * left[:, :, :1] * right[:, :1, :]
    change = fft.idctn(change, axes=(1, 2), norm="ortho")
    spread = change.reshape(rows, columns, BLOCK, BLOCK).swapaxes(1, 2).reshape(h // 2, w // 2) / 2
    added = np.kron(spread, np.ones((2, 2)))[..., None] * TO_RGB  # (h,w,3)
    marked = sheet.astype(np.float64)
    marked[:h, :w] += added
    return marked.round().clip(0, 255).astype(np.uint8)

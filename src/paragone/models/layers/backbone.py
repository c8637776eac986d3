"""The network of a diffusion or flow model, as keys that the model's Config inherits, so that all choose alike."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from paragone.models.layers.dit import DiT
from paragone.models.layers.unet import UNet


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """Keys of a Config: the U-Net of DDPM (`layers.unet`), or a transformer over patches (`layers.dit`)."""

    network: Literal["unet", "dit"] = "unet"
    width: int = 128  # channels at full resolution (unet), or of a token (dit)
    multipliers: tuple[int, ...] = (1, 2, 2, 2)  # of the width, one per level (unet)
    blocks: int = 2  # residual blocks per level (unet), or transformer blocks (dit)
    attention: tuple[int, ...] = (16,)  # sizes of the feature maps that attend (unet)
    heads: int = 1
    dropout: float = 0.1
    patch: int = 1  # side of the patches that stand for pixels
    overlap: int = 0  # pixels around a patch that its token sees besides (dit)

    def build(self, c_in: int, c_out: int, size: tuple[int, ...], *, context: int = 0) -> nn.Module:
        """The network (x (B,C_in,S,S), t (B,) in 0..1000, context (B,L,context) if any) -> (B,C_out,S,S).

        size: H and W. Raises ValueError for images that are not square or do not suit the network.
        """
        h, w = size
        if h != w:
            raise ValueError(f"the network takes square images; these are {h} x {w}: prepare the data set square")
        if self.network == "dit":
            return DiT(
                c_in, c_out, h, patch=self.patch, width=self.width, depth=self.blocks, heads=self.heads,
                dropout=self.dropout, context=context, overlap=self.overlap,
            )  # fmt: skip
        return UNet(
            c_in, c_out, h, width=self.width, multipliers=self.multipliers, blocks=self.blocks,
            attention=self.attention, heads=self.heads, dropout=self.dropout, patch=self.patch, context=context,
        )  # fmt: skip

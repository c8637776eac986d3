"""PatchGAN: a discriminator that scores overlapping patches, and the normalisations that image translation uses.

Isola, Zhu, Zhou, Efros 2017, https://arxiv.org/abs/1611.07004, section 3.2.2 and appendix 6.1.2: 4 x 4 convolutions of
stride 2 (C64-C128-C256), one of stride 1 (C512), and one of stride 1 to the score of each patch. Three strided layers
see patches of 70 x 70 pixels, two of 34 x 34, one of 16 x 16, none of 7 x 7. LeakyReLU of slope 0.2; no normalisation
in the first layer.
"""

from typing import Literal

from torch import Tensor, nn

Norm = Literal["batch", "instance"]


def make_norm(channels: int, norm: Norm) -> nn.Module:
    """Normalisation by the statistics of the batch, in training and in use (no running averages), or of each image."""
    if norm == "instance":
        return nn.InstanceNorm2d(channels)
    return nn.BatchNorm2d(channels, track_running_stats=False)


class PatchDiscriminator(nn.Module):
    """Images (B,C,H,W) to the scores of their patches (B,1,h,w), before any squashing function.

    channels: C; strided: convolutions of stride 2, of which each doubles the channels from `width`, up to 8 `width`.
    Raises ValueError for sides that leave no patches.
    """

    def __init__(self, channels: int, size: tuple[int, int], width: int, strided: int, norm: Norm) -> None:
        super().__init__()
        if min(size) >> strided < 4:
            raise ValueError(
                f"a discriminator of {strided} strided layers needs images of {4 << strided} pixels a side or more; "
                f"these are {size[0]} x {size[1]}: set config.strided to fewer layers"
            )
        layers: list[nn.Module] = []
        c_in = channels
        for i in range(strided + 1):
            c_out = width * min(2**i, 8)
            layers.append(nn.Conv2d(c_in, c_out, 4, stride=2 if i < strided else 1, padding=1, bias=i == 0))
            layers += [*([make_norm(c_out, norm)] if i else []), nn.LeakyReLU(0.2)]
            c_in = c_out
        self.layers = nn.Sequential(*layers, nn.Conv2d(c_in, 1, 4, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x)
        return scores

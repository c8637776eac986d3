"""The convolutional generator and discriminator of DCGAN, which much of the later literature builds on.

Radford, Metz, Chintala 2015, https://arxiv.org/abs/1511.06434, figure 1 and section 3: strided convolutions in place of
pooling, no hidden fully connected layer, batch normalisation except at the generator's output and the discriminator's
input, ReLU in the generator and LeakyReLU of slope 0.2 in the discriminator. Both walk between 4 x 4 and the image's
size in factors of 2; channels double as the size halves, from `width` next to the image up to 8 `width`.
"""

from typing import Literal

from torch import Tensor, nn

Kernel = Literal[4, 5]


def _channels(width: int, shape: tuple[int, int, int]) -> list[int]:
    """Channels at H/2, H/4, ..., 4. Raises ValueError if the image is not a square of a power of two from 16 up."""
    _, h, w = shape
    if h != w or h < 16 or h & (h - 1):
        raise ValueError(
            f"images of {h} x {w} pixels do not fit a convolutional network that halves them down to 4 x 4; "
            "set the data set's resolution to a power of two from 16 up"
        )
    return [width * 2 ** min(i, 3) for i in range(h.bit_length() - 3)]


def _up(c_in: int, c_out: int, kernel: Kernel, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(
        c_in, c_out, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel - 4, bias=bias
    )


def init_weights(module: nn.Module) -> None:
    """For `apply`: weights from N(0, 0.02) (section 4), batch normalisation's gains from N(1, 0.02) (authors' code)."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)


class Generator(nn.Module):
    """z (B,z_dim) -> (B,C,H,W) before the output's squashing function.

    norm=False leaves batch normalisation out. Raises ValueError if H and W are not one power of two from 16 up.
    """

    def __init__(
        self, z_dim: int, shape: tuple[int, int, int], width: int, *, kernel: Kernel = 5, norm: bool = True
    ) -> None:
        super().__init__()
        *up, top = _channels(width, shape)
        self.project = nn.Linear(z_dim, top * 16, bias=not norm)
        layers: list[nn.Module] = []
        for c_in, c_out in zip([top, *reversed(up)], reversed(up), strict=False):
            layers += [nn.BatchNorm2d(c_in)] * norm + [nn.ReLU(inplace=True), _up(c_in, c_out, kernel, bias=not norm)]
        layers += [nn.BatchNorm2d(width)] * norm + [nn.ReLU(inplace=True), _up(width, shape[0], kernel, bias=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        h = self.project(z).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)  # (B,C,4,4), channels-last as the rest
        return self.layers(h)


class Discriminator(nn.Module):
    """x (B,C,H,W) -> (B,out) logits, or whatever `out` numbers mean to the model.

    norm=False leaves batch normalisation out, "layer" has layer normalisation in its place: over C, H and W of each
    image, with a gain and a shift per channel. Raises ValueError if H and W are not one power of two from 16 up.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        width: int,
        *,
        out: int = 1,
        kernel: Kernel = 5,
        norm: bool | Literal["layer"] = True,
    ) -> None:
        super().__init__()
        channels = _channels(width, shape)
        layers: list[nn.Module] = []
        for i, (c_in, c_out) in enumerate(zip([shape[0], *channels], channels, strict=False)):
            normed = bool(norm) and i > 0
            layers.append(nn.Conv2d(c_in, c_out, kernel, stride=2, padding=(kernel - 1) // 2, bias=not normed))
            if normed:
                layers.append(nn.GroupNorm(1, c_out) if norm == "layer" else nn.BatchNorm2d(c_out))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels[-1], out, 4), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

"""DINOv2's small vision transformer: the space `dinov2-s14`, features of 384 dimensions learned without labels.

Oquab et al. 2023, "DINOv2" (https://arxiv.org/abs/2304.07193): a ViT-S/14 (Dosovitskiy et al. 2021,
https://arxiv.org/abs/2010.11929, equations 1 to 4) whose blocks scale their residuals by a learned vector g (Touvron et
al. 2021). The feature is the class token after the last norm. Stein et al. 2023 (https://arxiv.org/abs/2306.04675) find
that distances in DINOv2's features agree with people where FID does not; they take ViT-L/14, so these are not theirs.

    eq. 1   z_0 = [class; E x_1; ...; E x_N] + positions
    eq. 2   z' = z + g_1 * attention(norm(z))
    eq. 3   z = z' + g_2 * mlp(norm(z'))
    eq. 4   y = norm(z_L)_0

The weights file is Meta's dinov2_vits14_pretrain.pth; the user provides it. Not verified against the published weights:
the network was compared with an independent computation on random weights of the file's layout alone.

Deviations: none in the network. Positions are resized as the published code does, with its offset of 0.1.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from paragone.evaluation.extractors.base import Extractor, as_rgb, read_weights

VARIABLE = "PARAGONE_DINOV2"
FILE = Path("data/weights/dinov2_vits14_pretrain.pth")
SHA256 = "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9"
PATCH, SIZE = 14, 224
DEPTH, HEADS, DIM = 12, 6, 384
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet's, of 255
EPS = 1e-6


class Block(nn.Module):
    """Attention and a two-layer network, each before a scaled residual. The names are the file's."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIM, EPS), nn.LayerNorm(DIM, EPS)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(DIM, 3 * DIM), "proj": nn.Linear(DIM, DIM)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(DIM, 4 * DIM), "fc2": nn.Linear(4 * DIM, DIM)})
        self.ls1, self.ls2 = (nn.ParameterDict({"gamma": nn.Parameter(torch.ones(DIM))}) for _ in range(2))

    def forward(self, z: Tensor) -> Tensor:
        z = z + self.ls1["gamma"] * self._attention(self.norm1(z))  # eq. 2
        hidden = functional.gelu(self.mlp["fc1"](self.norm2(z)))
        mixed: Tensor = z + self.ls2["gamma"] * self.mlp["fc2"](hidden)  # eq. 3
        return mixed

    def _attention(self, z: Tensor) -> Tensor:
        b, n, _ = z.shape
        q, k, v = self.attn["qkv"](z).view(b, n, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)  # (B,heads,N,d) each
        found: Tensor = self.attn["proj"](functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return found


class DinoV2(Extractor):
    """The transformer up to its class token."""

    version = 1
    name = "dinov2-s14"
    distance = "FD-DINOv2"
    dim = DIM
    weights = SHA256
    preprocessing = "bicubic to 224 px (half-pixel centres, antialiased where it shrinks), grey to RGB, ImageNet's norm"

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, DIM, PATCH, PATCH)})
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(DIM, EPS)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, DIM))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (518 // PATCH) ** 2, DIM))
        self.load_state_dict({key: value for key, value in weights.items() if key != "mask_token"})  # of training alone
        self.register_buffer("positions", resize(self.pos_embed.detach(), SIZE // PATCH), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        if x.shape[2:] != (SIZE, SIZE):
            x = functional.interpolate(x, (SIZE, SIZE), mode="bicubic", align_corners=False, antialias=True)
        x = (as_rgb(x) - self.get_buffer("mean")) / self.get_buffer("std")
        patches = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)  # (B,N,384)
        z = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], 1) + self.get_buffer("positions")  # eq. 1
        for block in self.blocks:
            z = block(z)
        return self.norm(z[:, 0]), None  # eq. 4


def resize(positions: Tensor, side: int) -> Tensor:
    """Positions (1,1+M^2,D) of the class token and M x M patches for side x side patches, by bicubic interpolation."""
    before = round((positions.shape[1] - 1) ** 0.5)
    grid = positions[:, 1:].view(1, before, before, -1).permute(0, 3, 1, 2)
    scale = (side + 0.1) / before  # as in the published code; without it, rounding may lose a row
    grid = functional.interpolate(grid, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
    return torch.cat([positions[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2)], 1)


def load(root: Path, dataset: str) -> DinoV2:
    """The network with the weights file that the user provides, whatever the data set."""
    path = Path(os.environ.get(VARIABLE) or root / FILE)
    remedy = (
        f"put dinov2_vits14_pretrain.pth (from the repository facebookresearch/dinov2) at {FILE}, or give its path in "
        f"{VARIABLE}, or take 'dinov2' out of the profile's spaces"
    )
    return DinoV2(read_weights(path, SHA256, remedy))

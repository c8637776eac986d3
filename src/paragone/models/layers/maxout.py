"""The maxout layer of the first GANs' discriminators.

Goodfellow, Warde-Farley, Mirza, Courville, Bengio 2013, https://arxiv.org/abs/1302.4389, section 2.
"""

from torch import Tensor, nn


class Maxout(nn.Linear):
    """The largest of `pieces` linear units each: (B,c_in) -> (B,c_out)."""

    def __init__(self, c_in: int, c_out: int, pieces: int) -> None:
        super().__init__(c_in, c_out * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).unflatten(1, (-1, self.pieces)).amax(2)

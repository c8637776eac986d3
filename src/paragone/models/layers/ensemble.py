"""Many small fully connected networks of one shape, side by side: one batched matrix product does for all of them."""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu


class Ensemble(nn.Module):
    """`trials` multilayer perceptrons that share nothing: (trials,B,widths[0]) -> (trials,B,widths[-1]).

    `slope` is leaky ReLU's; 0 makes it a ReLU. Weights and biases start as those of `nn.Linear`, uniform in
    +-1/sqrt(inputs). A gradient of one network never reaches another: one that diverges leaves the others as they are.
    """

    def __init__(self, trials: int, widths: Sequence[int], slope: float = 0.0) -> None:
        super().__init__()
        self.slope = slope
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise(widths):
            bound = 1 / sqrt(inputs)
            self.weights.append(nn.Parameter(torch.empty(trials, inputs, outputs).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(trials, 1, outputs).uniform_(-bound, bound)))

    def forward(self, x: Tensor) -> Tensor:
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(b, x, w)
            if i < len(self.weights) - 1:
                x = leaky_relu(x, self.slope)
        return x

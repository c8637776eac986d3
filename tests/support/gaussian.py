"""Images whose pixels are independent and normal: their best denoiser and the flow from noise to them are known."""

import torch
from torch import Tensor


class Gaussian:
    """Pixels from N(mean, std^2)."""

    def __init__(self, mean: float, std: float) -> None:
        self.mean, self.std = mean, std

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[x_0 | x] for x = x_0 + sigma eps."""
        variance = sigma.to(x).view(-1, 1, 1, 1) ** 2
        return (self.std**2 * x + variance * self.mean) / (self.std**2 + variance)

    def flow(self, x: Tensor, sigma: float) -> Tensor:
        """Where the probability flow takes x from noise level sigma to 0."""
        return self.mean + self.std / (self.std**2 + sigma**2) ** 0.5 * (x - self.mean)

    def slope(self, sigma: float) -> float:
        """dD/dx, which does not depend on x."""
        return self.std**2 / (self.std**2 + sigma**2)


def gain(step, probe: Tensor | None = None) -> tuple[float, float]:
    """A map x -> a x + b of each pixel as (a, b), from two of its values in float64."""
    probe = torch.tensor([0.0, 1.0], dtype=torch.float64).view(2, 1, 1, 1) if probe is None else probe
    low, high = step(probe).flatten().tolist()
    return high - low, low

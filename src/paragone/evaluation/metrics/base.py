"""What the metrics read. Metrics are pure functions of these views; none of them knows a model or a file.

A file in this package is one metric, or several that share their work. It defines

    needs = <one of the views below>
    def compute(view) -> dict[str, ...]    # what goes into metrics.json, next to the other metrics of that view

and is found by its name: adding a file adds the metric to every evaluation. A metric of `Embedded` may also define

    def prepare(subset: Tensor, n: int) -> dict[str, Tensor]

What it computes from the real images alone, for n fakes, is then stored with the reference, and not computed again for
each run.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

import torch
from torch import Tensor


class Statistics(NamedTuple):
    """Mean and unbiased covariance of n features, in float64."""

    n: int
    mean: Tensor  # (D,)
    cov: Tensor  # (D,D)
    factor: Tensor | None = None  # (R,D), factor^T factor = cov, where it was computed already (see `factored`)

    @classmethod
    def of(cls, x: Tensor) -> Self:
        """Statistics of features (N,D), N >= 2."""
        x = x.double()
        mean = x.mean(0)
        centred = x - mean
        return cls(len(x), mean, centred.T @ centred / (len(x) - 1))

    def to(self, device: torch.device) -> "Statistics":
        """These statistics on a device."""
        factor = None if self.factor is None else self.factor.to(device)
        return Statistics(self.n, self.mean.to(device), self.cov.to(device), factor)

    def merge(self, other: "Statistics") -> "Statistics":
        """Statistics of both sets together (Chan, Golub and LeVeque 1979, eq. 2.1), so that sets can be streamed."""
        n = self.n + other.n
        delta = other.mean - self.mean
        scatter = self.cov * (self.n - 1) + other.cov * (other.n - 1)
        scatter += torch.outer(delta, delta) * (self.n * other.n / n)
        return Statistics(n, self.mean + delta * (other.n / n), scatter / (n - 1))

    def factored(self) -> "Statistics":
        """These statistics with a factor of the covariance: Cholesky's, or where it is singular one from its
        eigenvectors (ten times as slow), of which rounding leaves some values a little beside 0."""
        if self.factor is not None:
            return self
        alive = self.cov.diagonal() > 0  # a feature that is never active has no part in any distance's root
        factor = self.cov.new_zeros(int(alive.sum()), len(alive))
        lower, failed = torch.linalg.cholesky_ex(self.cov[alive][:, alive])
        if not failed:
            factor[:, alive] = lower.T
            return self._replace(factor=factor)
        values, vectors = torch.linalg.eigh(self.cov)
        kept = values > values[-1] * len(values) * torch.finfo(values.dtype).eps
        return self._replace(factor=(vectors[:, kept] * values[kept].sqrt()).T.contiguous())


class Embedded(NamedTuple):
    """Real and fake images in one feature space."""

    real: Statistics  # of the whole reference split
    subset: Tensor  # (M,D) float32, features of a part of it (all of it, where it is small), in random order
    fake: Tensor  # (N,D) float32
    prepared: Mapping[str, Tensor] = MappingProxyType({})  # what `prepare` of the metrics made of the real images
    test: Statistics | None = None  # of the test split


class Predicted(NamedTuple):
    """What a classifier says of the fakes, in random order."""

    logits: Tensor  # (N,K) float32


class Classified(NamedTuple):
    """What a classifier that knows the classes of this data set says of the fakes."""

    logits: Tensor  # (N,K) float32
    confusion: Tensor  # (K,K) float64: row c is the mean probabilities of held-out real images of class c
    shares: Tensor  # (K,) float64: how the real classes are distributed


class Conditional(NamedTuple):
    """What a classifier that knows the classes of this data set says of fakes that were asked to be of a class."""

    logits: Tensor  # (N,K) float32
    labels: Tensor  # (N,) int64, what was asked for


class Pixels(NamedTuple):
    """The fakes themselves, and what distances are usual between real images."""

    fakes: Tensor  # (N,H,W,C) uint8
    train: Tensor  # (M,H,W,C) uint8
    test_nearest: Tensor  # (T,) float64, from real test images to the nearest of `train` (see metrics.nearest)
    duplicate_threshold: float  # nearer than this, two fakes are one image


class Reconstructed(NamedTuple):
    """Real held-out images and what a model makes of them."""

    images: Tensor  # (N,H,W,C) uint8
    reconstructions: Tensor  # (N,H,W,C) uint8


class Translated(NamedTuple):
    """The true partners of source images, and what a model translates the sources to."""

    partners: Tensor  # (N,H,W,C) uint8
    translations: Tensor  # (N,H,W,C) uint8


class Returned(NamedTuple):
    """Source images, and what a model makes of their translations on the way back."""

    sources: Tensor  # (N,H,W,C) uint8
    returned: Tensor  # (N,H,W,C) uint8


class Bounded(NamedTuple):
    """A model's lower bounds on the log likelihood of real held-out images."""

    bound: Tensor  # (N,) nats per image
    dims: int  # H W C


class Estimated(NamedTuple):
    """A model's estimates of the log likelihood of real held-out images, which bound nothing."""

    estimate: Tensor  # (N,) nats per image
    dims: int  # H W C


class Likely(NamedTuple):
    """A model's exact log likelihood of real held-out images."""

    log_likelihood: Tensor  # (N,) nats per image
    dims: int  # H W C


class Weighted(NamedTuple):
    """Log importance weights of real held-out images under a model with latents."""

    log_weights: Tensor  # (N,k) nats: log p(x,z) - log q(z|x) of k draws of z ~ q(z|x)
    dims: int  # H W C


class Encoded(NamedTuple):
    """What a model's latents tell of real held-out images."""

    rate: Tensor  # (N,z_dim) nats: KL of each latent's posterior from its prior


class Posteriors(NamedTuple):
    """The normal posteriors of real held-out images, and a draw of each."""

    z: Tensor  # (N,z_dim)
    mean: Tensor  # (N,z_dim)
    logvar: Tensor  # (N,z_dim)


class Clustered(NamedTuple):
    """Into which of its categories a model puts real held-out images, and what they are."""

    clusters: Tensor  # (N,) int64
    labels: Tensor  # (N,) int64


class Coded(NamedTuple):
    """The codes of real held-out images."""

    indices: Tensor  # (N,h,w) int64
    codes: int  # K


View = (
    Bounded
    | Classified
    | Clustered
    | Coded
    | Conditional
    | Embedded
    | Encoded
    | Estimated
    | Likely
    | Pixels
    | Posteriors
    | Predicted
    | Reconstructed
    | Returned
    | Translated
    | Weighted
)

"""The contract between a model and the training loop.

A model file holds one paper: a module docstring (paper, URL, equations, deviations), a frozen `Config`
with the paper's defaults, and one `Model` subclass. The loop in `paragone.engine.loop` knows no model by name.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Choice = TypeVar("Choice", bound=Hashable)

Batch = dict[str, Tensor]
"""`image` (B,C,H,W) float in [-1,1]; `label` (B,) int64 and `source` (B,C,H,W) where the data has them."""


class Spec(NamedTuple):
    """What a model must know of the data it is built for."""

    shape: tuple[int, int, int]  # (C,H,W)
    classes: int = 0  # 0: no labels
    levels: int = 256  # of a pixel: 2 in a binarised set, whose images hold -1 and 1 alone


class Progress(NamedTuple):
    """How far a training has come before a step. Images are counted over all processes, whatever one's share is.

    On a GPU, steps that ask the same and get the same answers are replayed as one CUDA graph. Comparisons ask, as in
    `progress.step % 5 == 0`; what else follows from the progress is asked for by `number` and `choice`. A step that
    computes with `step`, `kimg` or `share` in another way is right too, and stays eager.
    """

    step: int  # steps taken
    kimg: float = 0.0  # images drawn from the training set, in thousands
    total_kimg: float = 0.0  # the budget, to which schedules and phases are scaled

    @property
    def share(self) -> float:
        """Of the budget that is spent, 0 to 1."""
        return min(1.0, self.kimg / self.total_kimg) if self.total_kimg else 0.0

    def number(self, of: "Callable[[Progress], float]") -> "float | Tensor":
        """of(self), a number that changes as training goes, such as the weight of a loss; a 0-d float32 tensor where
        steps are replayed. `of` depends on the progress and on the configuration alone."""
        return of(self)

    def choice(self, of: "Callable[[Progress], Choice]") -> Choice:
        """of(self), on which it depends what is computed, such as how many layers a network has by now. Few values:
        each is a graph of its own. `of` depends on the progress and on the configuration alone."""
        return of(self)


class Update(NamedTuple):
    """One optimiser step: which optimiser, the scalar to minimise, and what else to log (0-d tensors)."""

    optimizer: str
    loss: Tensor
    logs: Mapping[str, Tensor] = MappingProxyType({})
    drawn: int = 0  # images that the model generated for this update


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how a model is trained; every length is in thousands of images (kimg), never in steps."""

    kimg: float  # images drawn from the training set, in thousands; 0 trains nothing
    batch: int = 64
    ema_kimg: float = 0.0  # half-life of the averaged weights; 0: no averaging
    warmup_kimg: float = 0.0  # linear learning-rate warm-up
    # of the learning rate to 0 over the budget, or, constant-linear, over its second half
    decay: Literal["none", "linear", "constant-linear", "cosine"] = "none"
    drops: tuple[float, ...] = ()  # shares of the budget at which the learning rate falls, each time by `drop`
    drop: float = 0.1
    clip_norm: float = 0.0  # of the gradient of each update; 0: no clipping
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where the hardware has it
    compile: bool = False  # torch.compile the model's children (pays on a GPU only)
    graphs: Literal["auto", "always", "never"] = (
        "auto"  # on a GPU, replay steps as CUDA graphs; always: or refuse to train
    )
    # between two scores by held-out images, which the model then never sees; 0: it sees all, and none is scored
    eval_every: float = 0.0
    eval_space: str = "random_conv"  # in which they are scored: a feature space without labels
    keep: Literal["last", "best"] = "last"  # which weights are the finished model's; best: by these scores

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"batch is {self.batch}; it must be at least 1")
        for name in ("kimg", "ema_kimg", "warmup_kimg", "clip_norm", "eval_every"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")
        if list(self.drops) != sorted(self.drops) or not all(0 < share < 1 for share in self.drops):
            raise ValueError(f"drops is {list(self.drops)}; give rising shares of the budget, above 0 and below 1")
        if not 0 < self.drop <= 1:
            raise ValueError(f"drop is {self.drop}; it must be above 0 and at most 1")
        if self.keep == "best" and not self.eval_every:
            raise ValueError("keep is 'best' and nothing is scored; give eval_every, in thousands of images")

    @property
    def steps(self) -> int:
        return round(self.kimg * 1000 / self.batch)


CAPABILITIES = frozenset(
    (
        "reconstruct",
        "translate",
        "log_likelihood",
        "log_likelihood_bound",
        "log_likelihood_estimate",
        "log_weight",
        "encode",
        "rate",
        "posterior",
        "cluster",
        "codes",
    )
) | frozenset(
    ("latents", "decode", "traversals", "stylise", "truncations", "temperatures", "mixed", "moved", "translate_back")
)


class Model(nn.Module):
    """An image generator. Subclass once; a subclass is never subclassed again (import its networks instead).

    Subclasses define a nested frozen keyword-only dataclass `Config`, the class attributes below, and
    `__init__(self, cfg, spec, **parents)`, which passes the parents on to `super().__init__(**parents)`.
    What else a model can do is declared in `capabilities`, by the names of the methods; images are (B,C,H,W) in [-1,1]:

    reconstruct(x) -> x             SSIM, PSNR and MS-SSIM of test images, and pairs of them
    translate(source, cond=None)    of each source image its translation, in place of `sample`, for a model that needs
                                    sources: they are its samples; SSIM, PSNR and L1 to the true partners, if known
    stylise(source, reference) -> x of each source its translation in the style of the reference image beside it
    translate_back(x, source) -> x  of each translation, given with the source beside it, that source again: cycle error
    log_likelihood(x) -> (B,)       the exact log P(x) over the data's levels in nats: bits per dimension
    log_likelihood_bound(x) -> (B,) a lower bound of log P(x) over these levels in nats: bits per dimension
    log_likelihood_estimate(x) -> (B,) an estimate that bounds nothing, likewise: kept apart from both
    log_weight(x) -> (B,)           log p(x,z) - log q(z|x) of a z ~ q(z|x) in nats: the importance-weighted estimate
    encode(x) -> z                  the latent of an image; where there is a posterior, its mean
    rate(x) -> (B,z_dim)            KL of each latent's posterior from its prior in nats: rate, and which to traverse
    posterior(x) -> mean, logvar    (B,z_dim) each, of a normal posterior: the rate in three, total correlation
    cluster(x) -> (B,)              one of the categories that it found without labels: clustering accuracy
    codes(x) -> (B,...) int64       indices into its codebook of `codebook_size` entries: perplexity and share in use
    latents(n) -> z (n,...)         draws from `latent_prior`, a tensor or a tuple of tensors (n,...), and
    decode(z) -> x                  their images, so that sample(n) is decode(latents(n)): interpolation, traversal
    traversals(z, steps)            of one latent (z_dim,), rows (k,steps,z_dim) that each vary one code with a meaning
    truncations() -> values         of its Config's `truncation`, from the strongest to none: pictures, and a study
    temperatures() -> values        of its Config's `temperature`, from the lowest to 1: pictures
    mixed(z, other, first, last)    decode(z) with the styles of the latents `other` in the layers from the share
                                    `first` to the share `last` of all: which layers set what
    moved(z, matrix)                decode(z), without noise, of an input that is moved as (B,3,3) say, half the side
                                    of the image being 1: equivariance

    A model that needs labels takes them (B,) as the second argument of those that take images or decode latents.
    An instance may declare fewer than its class, where its configuration rules one out.
    State that changes behaviour is a buffer, so averaging, resuming and export carry it.
    """

    title: ClassVar[str]  # as the field writes it, for tables: "WGAN-GP"
    paper: ClassVar[str]  # "Author et al., year"
    plan: ClassVar[Plan]  # the paper's batch, averaging and budget; params.yaml overrides
    needs: frozenset[str] = frozenset({"image"})  # batch keys it reads
    needs_pairs: ClassVar[bool] = (
        False  # its sources belong to the images beside them; if not, pairs are hidden from it
    )
    generator: ClassVar[str] = ""  # the optimiser that trains what draws images, where there are several
    capabilities: frozenset[str] = frozenset()  # of CAPABILITIES: the optional methods that it has
    latent_prior: ClassVar[Literal["normal", "uniform"]] = "normal"  # of its latents, if any: how to walk between two
    parents: ClassVar[frozenset[str]] = frozenset()  # roles of the finished models it starts from
    optional_parents: ClassVar[frozenset[str]] = frozenset()  # roles, of finished models too, that may be left open
    # roles of frozen feature networks, (B,C,H,W) in [-1,1] -> list of feature maps, float32; all are needed
    feature_parents: ClassVar[frozenset[str]] = frozenset()
    codebook_size: int  # of a model with `codes`
    Config: ClassVar[type]

    def __init__(self, **parents: nn.Module) -> None:
        super().__init__()
        self.frozen = nn.ModuleDict(parents).requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.frozen.eval()  # a parent never leaves eval mode
        return self

    def optimizers(self) -> dict[str, Optimizer]:
        """The optimisers by name; none for a model that trains nothing."""
        raise NotImplementedError

    def losses(self, batch: Batch, progress: Progress) -> Iterator[Update]:
        """Yield updates in the paper's order. The code after a `yield` runs after that optimiser stepped.

        Never `yield` inside a `with`: the context would leak into the loop.
        """
        raise NotImplementedError

    def sample(self, n: int, cond: Tensor | None = None) -> Tensor:
        """Draw n images, (n,C,H,W) in [-1,1]. cond: labels (n,), which a model that needs them passes through
        `class_labels`. A model that translates is not sampled: `translate(source)` takes its place.
        """
        raise NotImplementedError


def class_labels(cond: Tensor | None, n: int, classes: int, device: torch.device) -> Tensor:
    """The labels (n,) int64 of n images to sample, on `device`: cond, or drawn uniformly where it is None.

    Raises ValueError for labels that do not exist.
    """
    if cond is None:
        return torch.randint(classes, (n,), device=device)
    if cond.dtype != torch.int64 or cond.shape != (n,):
        raise ValueError(
            f"labels to sample are {cond.dtype} {tuple(cond.shape)}; give torch.int64 ({n},), one per image"
        )
    unknown = cond[(cond < 0) | (cond >= classes)]
    if len(unknown):
        raise ValueError(f"there is no class {int(unknown[0])} to sample; the model has the classes 0 to {classes - 1}")
    return cond.to(device)

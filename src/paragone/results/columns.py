"""The columns of the tables: where a figure comes from, its unit, which way is better, how it is written."""

from typing import Literal, NamedTuple

FAMILIES = {
    "gan": "Adversarial",
    "vae": "Variational autoencoders",
    "vq": "Vector-quantised",
    "flow": "Flows",
    "autoregressive": "Autoregressive",
    "diffusion": "Diffusion",
    "score": "Score-based",
    "translation": "Image to image",
    "guest": "Guests",
}
"""Family (a folder of models) -> its heading; in the tables' order. Others follow under their folder's name."""


class Column(NamedTuple):
    """One column of figures."""

    key: str  # in the CSV: short, and the same whatever the space
    label: str
    source: str  # column of the wide table (paragone.results.runs)
    unit: str = ""
    better: Literal["low", "high", ""] = ""
    digits: int = 2  # after the decimal point
    scale: float = 1.0  # what the file's value is multiplied by
    about: str = ""  # for the page: what it measures
    setting: bool = False  # chosen rather than measured: no interval
    error: str = ""  # column of the wide table with its standard error over samples, where it has one

    @property
    def header(self) -> str:
        arrow = {"low": " ↓", "high": " ↑", "": ""}[self.better]
        return self.label + (f" ({self.unit})" if self.unit else "") + arrow

    def number(self, value: float) -> str:
        """A figure as printed; one too small for the column's digits keeps its first."""
        tiny = 0 < abs(value) < 0.5 * 10**-self.digits
        return f"{value:.1g}" if tiny else f"{value:,.{self.digits}f}"


def space_short(space: str) -> str:
    """What a feature space is called in a header: "clf", "Lite0", "random", "DINOv2", "Inception"."""
    if space.startswith("clf-"):
        return "clf"
    known = {"lite0": "Lite0", "random": "random", "dinov2": "DINOv2", "inception": "Inception"}
    return known.get(space.partition("-")[0], space)


def space_rank(space: str) -> tuple[int, str]:
    """The rank of a feature space: the classifiers' first, then those that know no labels of the data, by name."""
    order = ("clf", "Lite0", "random", "DINOv2", "Inception")
    short = space_short(space)
    return (order.index(short) if short in order else len(order), space)


def fd_label(space: str) -> str:
    """The name of a Frechet distance. Only the 2015 Inception network's may be called FID."""
    return "FID" if space == "inception-2015" else f"FD-{space_short(space)}"


def distance(space: str) -> Column:
    short = space_short(space)
    remark = {"clf": "; the mean over judges", "DINOv2": "; not verified against the published weights"}.get(short, "")
    about = f"Fréchet distance between Gaussians fitted to real and generated features ({space}){remark}"
    source = f"metrics.spaces.{space}.fd"
    return Column(f"fd_{short.lower()}", fd_label(space), source, better="low", about=about, error=f"{source}_se")


def judged(spaces: list[str]) -> list[Column]:
    """How far the judges of the classifiers' space are apart."""
    about = "standard deviation of FD-clf over its judges, classifiers of several seeds and widths"
    return [
        Column("fd_clf_spread", "FD-clf over judges", f"metrics.spaces.{space}.spread.fd", about=about, setting=True)
        for space in spaces
        if space_short(space) == "clf"
    ]


def held_out(space: str) -> Column:
    short = space_short(space)
    label = f"{fd_label(space)} to test"
    about = f"the same from the test split ({space}), which copying the training split does not lower"
    return Column(f"fd_test_{short.lower()}", label, f"metrics.spaces.{space}.fd_test", better="low", about=about)


def at_infinity(space: str) -> Column:
    short = space_short(space)
    about = f"the same extrapolated to endless samples ({space}), for rows of which many are drawn; it lacks FD's bias"
    source = f"metrics.spaces.{space}.fd_infinity"
    return Column(f"fd_infinity_{short.lower()}", f"{fd_label(space)} at ∞", source, better="low", about=about)


def reconstructed(space: str) -> Column:
    short = space_short(space)
    label, source = f"{fd_label(space)} of reconstructions", f"metrics.reconstruction.fd.{space}"
    about = f"the same of reconstructed test images ({space}): a ceiling for what a prior can draw through the decoder"
    return Column(f"reconstructed_fd_{short.lower()}", label, source, better="low", about=about)


def kernel(space: str) -> Column:
    short = space_short(space)
    label = "KID" if space == "inception-2015" else f"KID-{short}"
    about = f"unbiased kernel distance between real and generated features ({space}); the headline at small n"
    source = f"metrics.spaces.{space}.kid"
    return Column(
        f"kid_{short.lower()}", label, source, unit="×10³", better="low", scale=1000, about=about, error=f"{source}_se"
    )


_NEIGHBOURS = {
    "precision": "share of samples inside the real images' neighbourhoods: fidelity",
    "recall": "share of real images inside the samples' neighbourhoods: diversity",
    "density": "how many real neighbourhoods hold a sample, on average: fidelity, robust to outliers",
    "coverage": "share of real images with a sample in their neighbourhood: diversity, robust to outliers",
}


def neighbours(space: str, named: bool = False) -> list[Column]:
    """Precision, recall, density, coverage; `named` puts the space into the label."""
    short = space_short(space)
    return [
        Column(
            f"{name}_{short.lower()}" if named else name,
            f"{name.capitalize()}-{short}" if named else name.capitalize(),
            f"metrics.spaces.{space}.{name}",
            better="high",
            digits=3,
            about=f"{about} (k = 5, {space})",
        )
        for name, about in _NEIGHBOURS.items()
    ]


def scores(spaces: list[str]) -> list[Column]:
    """The Inception Score of the data set's classifier, and of the Inception network where it was used."""
    source = "metrics.spaces.inception-2015.is.mean"
    inception = Column("is", "IS", source, better="high", about="Inception Score, 10 splits; blind to repeats")
    return [_SCORE] + ([inception] if "inception-2015" in spaces else [])


_SCORE = Column(
    "is_clf",
    "IS-clf",
    "metrics.is.mean",
    better="high",
    about="Inception Score of the data set's own classifier: confident and varied classes; blind to repeats",
)
MODES = [
    Column(
        "missing_modes",
        "Missing modes",
        "metrics.modes.missing",
        unit="classes",
        better="low",
        digits=0,
        about="classes that the samples hardly show, after correcting the classifier's confusions (BBSE)",
    ),
    Column(
        "duplicates",
        "Duplicates",
        "metrics.duplicates.rate",
        unit="%",
        better="low",
        digits=1,
        scale=100,
        about="share of samples that repeat another sample; real images score 0.5 %",
    ),
    Column(
        "nearest_train",
        "Nearest train",
        "metrics.nearest_train.ratio",
        unit="ratio",
        about="distance to the nearest training image over that of real test images; far below 1 is memorisation",
    ),
]
LABELS = Column(
    "label_accuracy",
    "Label accuracy",
    "metrics.label_accuracy.rate",
    unit="%",
    better="high",
    digits=1,
    scale=100,
    about="share of conditional samples that the data set's classifier takes for the class asked for, uncorrected: "
    "perfect samples score its accuracy on real images, the floor's figure",
)
CLUSTERS = Column(
    "clustering",
    "Clustering",
    "metrics.clustering.accuracy",
    unit="%",
    better="high",
    digits=1,
    scale=100,
    about="share of test images in a category, found without labels, that represents their class (its most frequent)",
)
RECONSTRUCTION = [
    Column(
        "ssim",
        "SSIM",
        "metrics.reconstruction.ssim",
        better="high",
        digits=3,
        about="structural similarity of reconstructed test images",
    ),
    Column(
        "psnr",
        "PSNR",
        "metrics.reconstruction.psnr",
        unit="dB",
        better="high",
        digits=1,
        about="of reconstructed test images",
    ),
]
MULTI_SCALE = Column(
    "ms_ssim",
    "MS-SSIM",
    "metrics.reconstruction.ms_ssim",
    better="high",
    digits=3,
    about="structural similarity of reconstructed test images at several scales: two at 32 px, three at 64 px",
)
MEAN_SQUARE = Column(
    "mse", "MSE", "metrics.reconstruction.mse", better="low", digits=4, about="of reconstructed test images"
)
RATE = [
    Column(
        "rate",
        "Rate",
        "metrics.rate.nats",
        unit="nats",
        about="divergence of the latents' posterior from their prior on test images: what the latents hold of an image",
    ),
    Column("active_latents", "Latents in use", "metrics.rate.active", digits=0, about="of a rate above 0.01 nats"),
]
DECOMPOSITION = [
    Column(
        "mutual_information",
        "Index-code information",
        "metrics.decomposition.mutual_information",
        unit="nats",
        about="of the rate: what the latents say of which test image it is; at most the logarithm of their number",
    ),
    Column(
        "total_correlation",
        "Total correlation",
        "metrics.decomposition.total_correlation",
        unit="nats",
        about="of the rate: how far the latents are from independent",
    ),
    Column(
        "dimension_kl",
        "Dimension-wise KL",
        "metrics.decomposition.dimension_kl",
        unit="nats",
        about="of the rate: how far the latents are, one by one, from their prior",
    ),
]
TRANSLATION = [
    Column(
        "partner_ssim",
        "SSIM to partner",
        "metrics.translation.ssim",
        better="high",
        digits=3,
        about="structural similarity of translated test sources to their true partners",
    ),
    Column(
        "partner_psnr",
        "PSNR to partner",
        "metrics.translation.psnr",
        unit="dB",
        better="high",
        about="of translated test sources against their true partners",
    ),
    Column(
        "partner_l1",
        "L1 to partner",
        "metrics.translation.l1",
        unit="%",
        better="low",
        scale=100,
        about="mean absolute difference of translated test sources from their true partners, of the pixel range",
    ),
    Column(
        "source_ssim",
        "SSIM untranslated",
        "metrics.translation.identity.ssim",
        digits=3,
        about="the same of the sources left as they are: what a translation has to beat",
        setting=True,
    ),
    Column(
        "source_l1",
        "L1 untranslated",
        "metrics.translation.identity.l1",
        unit="%",
        scale=100,
        about="the same of the sources left as they are: what a translation has to beat",
        setting=True,
    ),
    Column(
        "cycle_l1",
        "Cycle error",
        "metrics.cycle.l1",
        unit="%",
        better="low",
        scale=100,
        about="mean absolute difference of test sources from themselves translated there and back, of the pixel range",
    ),
]
BITS = Column(
    "bits_per_dimension",
    "Bound",
    "metrics.bits_per_dimension",
    unit="bits/dim",
    better="low",
    about="upper bound on the negative log-likelihood of test images",
)
EXACT_BITS = Column(
    "exact_bits_per_dimension",
    "Exact likelihood",
    "metrics.exact_bits_per_dimension",
    unit="bits/dim",
    better="low",
    about="negative log-likelihood of test images, where the model knows it exactly",
)
ESTIMATED_BITS = Column(
    "estimated_bits_per_dimension",
    "Estimate, no bound",
    "metrics.estimated_bits_per_dimension",
    unit="bits/dim",
    about="estimate of the negative log-likelihood of test images that may lie on either side of it: an adversary's",
)
CODEBOOK = [
    Column(
        "perplexity",
        "Perplexity",
        "metrics.codebook.perplexity",
        unit="codes",
        digits=1,
        about="of the codes of test images: how many equally frequent codes would carry as much",
    ),
    Column(
        "codes_used",
        "Codes used",
        "metrics.codebook.used",
        unit="%",
        better="high",
        digits=1,
        scale=100,
        about="share of the codebook",
    ),
]
SAMPLES = Column(
    "n", "Samples", "metrics.n", unit="n", digits=0, about="generated images that were evaluated", setting=True
)
TRAINING = [
    Column(
        "kimg",
        "Budget",
        "train.kimg",
        unit="kimg",
        digits=1,
        about="thousands of images drawn in its own training",
        setting=True,
    ),
    Column(
        "train_seconds_total",
        "Training",
        "train_seconds_total",
        unit="s",
        better="low",
        digits=1,
        about="seconds of training, its parents' included",
    ),
    Column(
        "parameters",
        "Parameters",
        "sampling.parameters",
        unit="M",
        better="low",
        scale=1e-6,
        about="millions of weights in the sampler, its parents' included",
        setting=True,
    ),
]
SPEED = [
    Column(
        "images_per_second",
        "Sampling",
        "sampling.images_per_second",
        unit="images/s",
        better="high",
        digits=0,
        about="throughput at the stated batch",
    ),
    Column(
        "latency_ms",
        "Latency",
        "sampling.latency_ms",
        unit="ms",
        better="low",
        digits=1,
        about="time to draw one image",
    ),
    Column(
        "evaluations",
        "Evaluations",
        "sampling.evaluations",
        unit="per image",
        better="low",
        digits=0,
        about="how often the network runs to draw one image: its most used layer, counted",
        setting=True,
    ),
    Column(
        "macs",
        "Sampling work",
        "sampling.macs",
        unit="million MACs/image",
        better="low",
        digits=1,
        scale=1e-6,
        about="multiply-accumulates to draw one image, every pass through the networks counted",
        setting=True,
    ),
]
TIMES = [c for c in (*TRAINING, *SPEED) if c.key in ("train_seconds_total", "images_per_second")]
COST_WITHOUT_PARENTS = [
    Column("train_seconds", "Own training", "train.seconds", unit="s", digits=1, about="seconds, parents left out"),
    Column(
        "train_images_per_second", "Training rate", "train.images_per_second", unit="images/s", better="high", digits=0
    ),
    Column(
        "generator_updates",
        "Generator updates",
        "train.generator_updates",
        unit="thousands",
        scale=1e-3,
        about="steps of the optimiser that trains what draws images",
        setting=True,
    ),
    Column(
        "images_drawn",
        "Drawn in training",
        "train.images_drawn",
        unit="kimg",
        digits=1,
        scale=1e-3,
        about="thousands of images that the model generated for its updates",
        setting=True,
    ),
    Column(
        "train_parameters",
        "Own parameters",
        "train.parameters",
        unit="M",
        scale=1e-6,
        about="parents left out",
        setting=True,
    ),
    Column(
        "peak_memory_mb",
        "Peak memory",
        "train.peak_memory_mb",
        unit="MB",
        better="low",
        digits=0,
        about="of the training process",
    ),
    Column(
        "sampling_memory_mb",
        "Sampling memory",
        "sampling.peak_memory_mb",
        unit="MB",
        better="low",
        digits=0,
        about="peak memory of the process that draws the samples",
    ),
    Column("sample_batch", "Sampling batch", "sampling.batch", unit="images", digits=0, setting=True),
]


def main(spaces: list[str]) -> list[Column]:
    """The main table: distances in every space, the rest in the first space (the profile's own order)."""
    first = spaces[:1]
    return [
        *(distance(s) for s in spaces),
        *judged(spaces),
        *(held_out(s) for s in first),
        *(at_infinity(s) for s in first),
        *(kernel(s) for s in first),
        *scores(spaces),
        *(c for s in first for c in neighbours(s)),
        *MODES,
        LABELS,
        *RECONSTRUCTION,
        BITS,
        EXACT_BITS,
        SAMPLES,
        *TRAINING,
        *SPEED,
    ]


def quality(spaces: list[str]) -> list[Column]:
    """Every quality figure in every space."""
    figures = [c for s in spaces for c in (distance(s), held_out(s), kernel(s), *neighbours(s, named=True))]
    return [*figures, *judged(spaces), *scores(spaces), *MODES, LABELS, CLUSTERS, SAMPLES]


def cost() -> list[Column]:
    return [*TRAINING, *COST_WITHOUT_PARENTS, *SPEED]


def reconstruction(spaces: list[str]) -> list[Column]:
    return [
        *RECONSTRUCTION,
        MULTI_SCALE,
        MEAN_SQUARE,
        *map(reconstructed, spaces),
        *TRANSLATION,
        *RATE,
        *DECOMPOSITION,
        *CODEBOOK,
        BITS,
        ESTIMATED_BITS,
        EXACT_BITS,
    ]


def compact(spaces: list[str]) -> list[Column]:
    """What fits a terminal: of the spaces without labels, the random one only where it stands alone."""
    first = spaces[:1]
    neighbour = [c for s in first for c in neighbours(s) if c.key in ("density", "coverage")]
    return [
        *(distance(s) for s in spaces if space_short(s) != "random" or len(spaces) < 3),
        *judged(spaces),
        *(kernel(s) for s in first),
        *neighbour,
        MODES[0],
        *TIMES,
    ]

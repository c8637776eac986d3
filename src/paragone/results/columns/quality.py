"""Columns of quality that every profile has once, whatever its feature spaces: samples, test images, likelihood."""

from paragone.results.columns.base import Column


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
        about="classes that hardly appear among the samples, after correcting for the classifier's confusions (BBSE)",
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
        about="distance to the nearest training image, relative to real test images; far below 1 means memorisation",
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
    about="share of conditional samples that the data set's classifier assigns to the requested class, uncorrected: "
    "perfect samples score its accuracy on real images, which is the floor's figure",
)
CLUSTERS = Column(
    "clustering",
    "Clustering",
    "metrics.clustering.accuracy",
    unit="%",
    better="high",
    digits=1,
    scale=100,
    about="share of test images whose category, found without labels, is one in which their class is the most frequent",
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
        about="peak signal-to-noise ratio of reconstructed test images",
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
    "mse",
    "MSE",
    "metrics.reconstruction.mse",
    better="low",
    digits=4,
    about="mean squared error of reconstructed test images",
)
RATE = [
    Column(
        "rate",
        "Rate",
        "metrics.rate.nats",
        unit="nats",
        about="KL divergence of the latents' posterior from their prior on test images: the information in the latents",
    ),
    Column(
        "active_latents", "Latents in use", "metrics.rate.active", digits=0, about="latents with a rate above 0.01 nats"
    ),
]
DECOMPOSITION = [
    Column(
        "mutual_information",
        "Index-code information",
        "metrics.decomposition.mutual_information",
        unit="nats",
        about="part of the rate: what the latents say about which test image it is; at most the log of their number",
    ),
    Column(
        "total_correlation",
        "Total correlation",
        "metrics.decomposition.total_correlation",
        unit="nats",
        about="part of the rate: how far the latents are from being independent",
    ),
    Column(
        "dimension_kl",
        "Dimension-wise KL",
        "metrics.decomposition.dimension_kl",
        unit="nats",
        about="part of the rate: how far each latent is from its prior",
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
        about="peak signal-to-noise ratio of translated test sources against their true partners",
    ),
    Column(
        "partner_l1",
        "L1 to partner",
        "metrics.translation.l1",
        unit="%",
        better="low",
        scale=100,
        about="mean absolute difference of translated sources from their true partners, over the pixel range",
    ),
    Column(
        "source_ssim",
        "SSIM untranslated",
        "metrics.translation.identity.ssim",
        digits=3,
        about="structural similarity of the untranslated sources to the true partners: what a translation has to beat",
        setting=True,
    ),
    Column(
        "source_l1",
        "L1 untranslated",
        "metrics.translation.identity.l1",
        unit="%",
        scale=100,
        about="mean absolute difference of untranslated sources from the true partners: what a translation has to beat",
        setting=True,
    ),
    Column(
        "cycle_l1",
        "Cycle error",
        "metrics.cycle.l1",
        unit="%",
        better="low",
        scale=100,
        about="mean absolute difference of test sources from their translations back, over the pixel range",
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
        about="number of equally frequent codes that would carry as much information as the codes of test images",
    ),
    Column(
        "codes_used",
        "Codes used",
        "metrics.codebook.used",
        unit="%",
        better="high",
        digits=1,
        scale=100,
        about="share of the codebook used by test images",
    ),
]
SAMPLES = Column(
    "n", "Samples", "metrics.n", unit="n", digits=0, about="generated images that were evaluated", setting=True
)

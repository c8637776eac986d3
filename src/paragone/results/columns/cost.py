"""Columns of what training and sampling take."""

from paragone.results.columns.base import Column

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

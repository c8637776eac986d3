"""The columns that claims rest on, by what they are: the one place to point rules to a new column.

Figures of a feature space have one column per space; `evidence.measured` finds those that a data set has.
"""

# of a feature space
DISTANCE = "fd"
COVERAGE = "coverage"
# of a run's samples and of its latents
DUPLICATES = "metrics.duplicates.rate"
LABEL_ACCURACY = "metrics.label_accuracy.rate"
REAL_LABEL_ACCURACY = "floor.label_accuracy.rate"
ERROR = "metrics.reconstruction.mse"
PSNR = "metrics.reconstruction.psnr"
RATE = "metrics.rate.nats"
CODES_USED = "metrics.codebook.used"
BITS = "metrics.bits_per_dimension"
# of its training
IMAGES = "train.images"
UPDATES = "train.generator_updates"
SECONDS = "train.seconds"
SECONDS_WITH_PARENTS = "train_seconds_total"
# of the generator's gradient norm over its training
GRADIENT_PEAK = ("stability.grad_p95.generator", "stability.grad_median.generator")  # one over the other: peakedness
GRADIENT_GROWTH = "stability.grad_trend.generator"

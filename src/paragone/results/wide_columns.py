"""The columns of the wide table of runs: what each holds, of which type and unit; `schema.py` checks tables by it.

A row is a run. Columns are the keys of a run's files, joined by dots under the file's name: `train.seconds`,
`sampling.latency_ms`, `metrics.spaces.clf-mnist-5k.fd`; under `floor.` are the figures of real test images,
evaluated as if they were samples, under the names that `metrics.` has.
"""

import re
from fnmatch import fnmatchcase
from functools import cache
from typing import Literal, NamedTuple

FLOOR = "floor."
_OVER_JUDGES = re.compile(  # a figure of a space, of which each judge has one
    r"^(metrics\.spaces\.[^.]+)\.(?:spread|judges\.[^.]+)\."
)
Kind = Literal["text", "number", "count", "flag", "any"]


class Meaning(NamedTuple):
    """What a column holds."""

    kind: Kind
    about: str
    unit: str = ""  # "share" is in 0..1; "" has none


def _text(about: str) -> Meaning:
    return Meaning("text", about)


def _count(about: str, unit: str = "") -> Meaning:
    return Meaning("count", about, unit)


def _number(about: str, unit: str = "") -> Meaning:
    return Meaning("number", about, unit)


_PARTNERS: list[tuple[str, Kind, str, str]] = [
    ("l1", "number", "mean absolute difference", "pixel range"),
    ("mse", "number", "mean squared difference", "squared pixel range"),
    ("psnr", "number", "peak signal-to-noise ratio", "dB"),
    ("ssim", "number", "structural similarity", ""),
    ("ms_ssim", "number", "structural similarity at several scales", ""),
    ("ms_ssim_scales", "count", "scales of the similarity", ""),
]
COLUMNS = {
    "name": _text("data set/model/seed; also the name of its MLflow run"),
    "profile": _text("profile"),
    "dataset": _text("data set of params.yaml"),
    "dataset_title": _text("the data set's name in tables"),
    "model": _text("the row's name in its profile"),
    "seed": _count("seed of the run"),
    "file": _text("the model that the row runs: the name of its file"),
    "title": _text("the model's name as the field writes it"),
    "family": _text("family of generators: the folder of the model's file"),
    "outcome": _text("finished, diverged, failed (a stage crashed), other protocol, unfinished or not run"),
    "reason": _text("why the outcome is not `finished`"),
    "parents": _text("models of the same data set and seed, and feature networks, that it starts from, as role=name"),
    "train_seconds_total": _number("training time, including the parents'", "s"),
    "train.outcome": _text("finished or diverged"),
    "train.reason": _text("why it diverged"),
    "train.title": _text("the model's own name"),
    "train.paper": _text("author and year"),
    "train.family": _text("as family"),
    "train.plugin": _text("origin of the model's file, if it is not part of the package"),
    "train.seconds": _number("training by the clock of `train.clock`, without set-up and checkpoints", "s"),
    "train.clock": _text("cpu: CPU time of the process (one thread on a CPU); wall: wall time"),
    "train.images": _count("images drawn from the training set", "images"),
    "train.kimg": _number("budget", "thousand images"),
    "train.steps": _count("training steps"),
    "train.updates.*": _count("steps of an optimiser"),
    "train.generator_updates": _count("steps of the optimiser that trains the network that draws images"),
    "train.images_drawn": _count("images that the model generated for its updates", "images"),
    "train.batch": _count("images per step", "images"),
    "train.ema_kimg": _number("half-life of the averaged weights", "thousand images"),
    "train.images_per_second": _number("training throughput", "images/s"),
    "train.parameters": _count("weights of the model, without its parents'"),
    "train.peak_memory_mb": _number("peak memory of training", "MB"),
    "train.gpu_utilization": _number(
        "share of time with a kernel running on the GPU, mean over training; none on a CPU", "percent"
    ),
    "train.device": _text("device that trained"),
    "train.cpu": _text("the machine's CPU"),
    "train.threads": _count("threads per process"),
    "train.processes": _count("processes side by side"),
    "train.precision": _text("fp32 or bf16"),
    "train.replayed_steps": _count("steps that were replayed as CUDA graphs"),
    "train.replays": _text(
        "equal: replays gave the same bits as eager steps; within rounding: they were as close as two eager steps are"
    ),
    "train.eager_because": _text("why steps were not replayed, if there was a reason"),
    "train.torch": _text("version of torch"),
    "train.commit": _text("git commit of the code"),
    "train.dirty": Meaning("flag", "whether tracked files differed from that commit"),
    "train.started": _text("when, in UTC"),
    "train.seed": _count("as seed"),
    "train.code": _text("fingerprint of the code that the training used"),
    "train.data": _text("content hash of the prepared data"),
    "train.parents.*": _text("SHA-256 of a parent's weights"),
    "train.guest.kind": _text("samples, sampler or checkpoint: what a row from elsewhere brought"),
    "train.guest.source": _text("where it came from"),
    "train.guest.sha256": _text("SHA-256 of its images in order, or of its weights"),
    "train.guest.brought": _count(
        "images that it brought; the first ones or a random part of them were measured", "images"
    ),
    "train.guest.labelled": Meaning("flag", "whether the requested classes of its samples are known"),
    "train.guest.data": _text("hash of the data that a checkpoint was trained on, if its export states it"),
    "train.guest.model": _text("a checkpoint's model: the name of its file"),
    "train.guest.run": _text("the run that a checkpoint was exported from"),
    "train.guest.commit": _text("git commit of the code that trained a checkpoint"),
    "train.guest.about": _text("what is known about it, as its row says"),
    "train.guest.notes": _text("what was done to its images, and what the checks found; JSON"),
    "train.selection.kept": _text("which weights its model file holds, if held-out images scored them: last or best"),
    "train.selection.kimg": _number("training images seen by these weights", "thousand images"),
    "train.selection.held_out": _count("training images that were held out to score the model", "images"),
    "train.selection.by": _text("the score; the lowest is best"),
    "train.selection.scored": _count("times that the weights were scored"),
    "train.selection.lowest": _number("the lowest score"),
    "train.selection.lowest_kimg": _number("after how many training images", "thousand images"),
    "train.selection.seconds": _number(
        "time spent on scoring, by the clock of `train.clock`; not part of train.seconds", "s"
    ),
    "train.plan.*": Meaning("any", "training plan (paragone.models.base.Plan)"),
    "train.config.*": Meaning("any", "the model's Config where it differs from the paper's defaults"),
    "sampling.images_per_second": _number("sampling throughput at the batch of `sampling.batch`", "images/s"),
    "sampling.latency_ms": _number("time to draw one image, median", "ms"),
    "sampling.latency_runs": _count("images timed one by one"),
    "sampling.evaluations": _count("how often the most used layer runs to draw one image: evaluations of the network"),
    "sampling.macs": _count("multiply-accumulates to draw one image, every pass counted"),
    "sampling.peak_memory_mb": _number("peak memory of sampling", "MB"),
    "sampling.clock": _text("as train.clock"),
    "sampling.n": _count("samples drawn", "images"),
    "sampling.batch": _count("images drawn at a time", "images"),
    "sampling.device": _text("device that sampled"),
    "sampling.threads": _count("threads"),
    "sampling.precision": _text("fp32 or bf16"),
    "sampling.parameters": _count("weights of the sampler, including its parents'"),
    "metrics.protocol": _count("number of the protocol of the figures (paragone.evaluation.protocol_number)"),
    "metrics.device": _text("device that evaluated: cpu or cuda"),
    "metrics.outcome": _text("finished or diverged"),
    "metrics.reason": _text("why it diverged"),
    "metrics.n": _count("generated images that were evaluated", "images"),
    "metrics.n_real": _count("real images in the reference", "images"),
    "metrics.n_test": _count("test images of the bound", "images"),
    "metrics.reference_split": _text("split of the reference"),
    "metrics.spaces.*.hash": _text("names the feature space: its weights and preprocessing"),
    "metrics.spaces.*.distance": _text("what tables call its Frechet distance"),
    "metrics.spaces.*.n": _count("images whose features were taken", "images"),
    "metrics.spaces.*.n_real": _count("real images behind fd", "images"),
    "metrics.spaces.*.n_subset": _count("real images behind kid", "images"),
    "metrics.spaces.*.n_neighbours": _count("real images, and samples, behind precision to coverage", "images"),
    "metrics.spaces.*.n_test": _count("real images behind fd_test", "images"),
    "metrics.spaces.*.fd": _number("Frechet distance in this feature space", "squared feature units"),
    "metrics.spaces.*.fd_se": _number("standard error of fd over samples", "squared feature units"),
    "metrics.spaces.*.fd_test": _number("Frechet distance from the test split", "squared feature units"),
    "metrics.spaces.*.fd_infinity": _number("fd extrapolated to infinitely many samples", "squared feature units"),
    "metrics.spaces.*.n_infinity": _count("samples behind fd_infinity", "images"),
    "metrics.spaces.*.kid": _number("kernel distance (KID) in this feature space"),
    "metrics.spaces.*.kid_se": _number("standard error of kid over samples"),
    "metrics.spaces.*.precision": _number("precision (k = 5) in this feature space", "share"),
    "metrics.spaces.*.recall": _number("recall (k = 5) in this feature space", "share"),
    "metrics.spaces.*.density": _number("density (k = 5) in this feature space"),
    "metrics.spaces.*.coverage": _number("coverage (k = 5) in this feature space", "share"),
    "metrics.spaces.*.is.mean": _number("Inception Score by this space's classes, mean over splits"),
    "metrics.spaces.*.is.std": _number("its standard deviation over splits"),
    "metrics.is.mean": _number("Inception Score by the data set's classifier, mean over splits"),
    "metrics.is.std": _number("its standard deviation over splits"),
    "metrics.modes.shares": _text("shares of the classes, in order, corrected for the classifier's confusions; JSON"),
    "metrics.modes.missing": _count("classes that hardly appear among the samples", "classes"),
    "metrics.modes.ideal": _number(
        "classes that the same number of draws from the real shares misses on average", "classes"
    ),
    "metrics.modes.tv": _number("total variation of the shares from the real ones", "share"),
    "metrics.modes.counted": _count("classes that any sample is assigned to", "classes"),
    "metrics.modes.kl": _number("divergence of the assigned classes from the real ones", "nats"),
    "metrics.label_accuracy.rate": _number("samples that the classifier assigns to the requested class", "share"),
    "metrics.label_accuracy.classes": _text("the same for each class; JSON"),
    "metrics.duplicates.rate": _number("samples that repeat another", "share"),
    "metrics.duplicates.threshold": _number("distance below which two images count as the same", "pixel range"),
    "metrics.nearest_train.mean": _number("distance to the nearest training image, mean", "pixel range"),
    "metrics.nearest_train.median": _number("the same, median", "pixel range"),
    "metrics.nearest_train.ratio": _number("the median divided by that of test images", "times"),
    "metrics.nearest_train.copies": _number(
        "samples that are closer to a training image than nearly all test images", "share"
    ),
    "metrics.reconstruction.ssim": _number("structural similarity of reconstructed test images"),
    "metrics.reconstruction.ms_ssim": _number("the same at several scales"),
    "metrics.reconstruction.ms_ssim_scales": _count("how many"),
    "metrics.reconstruction.psnr": _number("of reconstructed test images", "dB"),
    "metrics.reconstruction.fd.*": _number(
        "Frechet distance of reconstructed test images in this feature space", "squared feature units"
    ),
    "metrics.reconstruction.mse": _number("of reconstructed test images", "squared pixel range"),
    **{
        f"metrics.translation.{part}{key}": Meaning(kind, f"{about} of {what} and their true partners", unit)
        for part, what in (("", "translated test sources"), ("identity.", "untranslated test sources"))
        for key, kind, about, unit in _PARTNERS
    },
    "metrics.cycle.l1": _number("mean absolute difference of test sources, translated there and back", "pixel range"),
    "metrics.rate.nats": _number("KL of the latents' posterior from their prior, mean over test images", "nats"),
    "metrics.rate.active": _count("latents above 0.01 nats"),
    "metrics.rate.latents": _count("latents"),
    "metrics.decomposition.mutual_information": _number("between the latents and the index of a test image", "nats"),
    "metrics.decomposition.total_correlation": _number("of the latents of test images", "nats"),
    "metrics.decomposition.dimension_kl": _number("KL of each latent from its prior, over test images, summed", "nats"),
    "metrics.clustering.accuracy": _number("test images in a category whose most frequent class is theirs", "share"),
    "metrics.clustering.categories": _count("categories that hold an image"),
    "metrics.codebook.perplexity": _number("of the codes of test images", "codes"),
    "metrics.codebook.used": _number("codes that test images use", "share"),
    "metrics.codebook.codes": _count("size of the codebook", "codes"),
    "metrics.bits_per_dimension": _number("bound on the negative log-likelihood of test images", "bits/dim"),
    "metrics.estimated_bits_per_dimension": _number(
        "estimate of the negative log-likelihood of test images that is not a bound", "bits/dim"
    ),
    "metrics.exact_bits_per_dimension": _number("negative log-likelihood of test images, exact", "bits/dim"),
    **{f"metrics.{part}n": _count("images behind it", "images") for part in ("*.", "spaces.*.is.")},
    "metrics.*.n_real": _count("real images behind it", "images"),
    "metrics.*.split": _text("split of the images behind it"),
    "metrics.*.space": _text("feature space of the classes"),
    "metrics.*.splits": _count("splits of the score"),
    "stability.state": _text("healthy, undertrained, collapsed or diverged (paragone.evaluation.stability)"),
    "stability.missing_share": _number("classes missing beyond chance", "share"),
    "stability.coverage": _number("coverage divided by the floor's", "times"),
    "stability.grad_median.*": _number("gradient norm of an optimiser over the training: median"),
    "stability.grad_p95.*": _number("the same, 95th percentile"),
    "stability.grad_trend.*": _number("the same, last tenth divided by the first", "times"),
    "stability.oscillation.*": _number("spread of an optimiser's loss around its trend, late in training", "times"),
}
"""What a column means; the first pattern that fits."""


@cache
def meaning(column: str) -> Meaning | None:
    """What a column means; None if it is not known."""
    floor = column.startswith(FLOOR)
    name = f"metrics.{column.removeprefix(FLOOR)}" if floor else column
    figure, judges = _OVER_JUDGES.subn(r"\1.", name)
    found = next((about for pattern, about in COLUMNS.items() if fnmatchcase(figure, pattern)), None)
    if found is None:
        return None
    notes = [found.about]
    if judges:
        notes.append("standard deviation over judges" if ".spread." in name else "by one judge")
    if floor:
        notes.append("of real test images (floor)")
    return found._replace(about="; ".join(notes))
